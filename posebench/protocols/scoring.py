"""Scoring one sequence: predicted poses and true poses to additive statistics."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.cameras import distort
from posebench.datasets.sequence import IMAGE25D, UNLABELLED, Sequence
from posebench.errors import DataDamagedError, NotFiniteError, UsageError
from posebench.inputs.frames import WantedFrames
from posebench.inputs.keypoints import Keypoints
from posebench.metrics.hypotheses import (
    AGGREGATES,
    AssistedAggregate,
    HonestAggregate,
    OracleSelection,
    align_hypotheses,
    p_agg,
)
from posebench.metrics.position import mpjpe
from posebench.metrics.table import METRICS
from posebench.metrics.thresholds import MPI3DHP_GROUPS
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.protocol import Scoring
from posebench.skeletons import MPI_INF_3DHP_17, Skeleton


@dataclass(frozen=True)
class Statistic:
    """Sum and weight of a metric over a sequence: headlines are functions of these and nothing else."""

    sum: float
    weight: float


#: action -> aggregate name -> metric name -> statistic
SequenceStatistics = dict[str, dict[str, dict[str, Statistic]]]


def needs_keypoints(scoring: Scoring) -> bool:
    """Whether an aggregate of the rule looks at where hypotheses fall in the image."""
    return any(isinstance(AGGREGATES[name], AssistedAggregate) for name in scoring.aggregates)


def score_sequence(
    scoring: Scoring,
    sequence: Sequence,
    prediction: SequencePrediction,
    wanted: WantedFrames,
    *,
    space: str,
    tail: str,
    keypoints: Keypoints | None = None,
) -> SequenceStatistics:
    """Score a sequence under a rule, in float64.

    The truth is the rule's ground truth minus its root; `space` and `tail` are
    those of the lifter that predicted. `keypoints` are what it was shown, for
    rules that `needs_keypoints`. Raises `DataDamagedError` when the predicted
    frames are not exactly the wanted ones, `NotFiniteError` naming the
    sequence, and `UsageError` for what the rule cannot score.
    """
    where = sequence.info.id
    if sequence.skeleton.name != scoring.skeleton:
        raise UsageError(
            f"{scoring.rule!r} scores the joint set {scoring.skeleton}, and {where} has {sequence.skeleton.name}."
        )
    rows = _scored_rows(scoring, prediction, wanted, tail, where)
    frames = prediction.frame[rows]
    absolute = torch.from_numpy(_true_poses(scoring, sequence)[frames]).double()
    root = sequence.skeleton.root
    truth = absolute - absolute[:, root : root + 1]
    poses = torch.from_numpy(prediction.poses[:, rows]).double()
    weight = None if prediction.weight is None else torch.from_numpy(prediction.weight[:, rows]).double()
    estimated = _estimated_root(prediction, rows, poses, weight, space, root)
    if space == "image25d":
        poses = _image25d_to_mm(poses, scoring, sequence, frames)
    poses = _root_relative(poses, space, scoring, root)
    for name, values in (("predictions", poses), ("true poses", truth)):
        if not torch.isfinite(values).all():
            raise NotFiniteError(f"The {name} of sequence {where} hold NaN or infinity; nothing was scored.")
    if poses.shape[2:] != truth.shape[1:]:
        raise UsageError(f"The predictions of {where} have {poses.shape[2]} joints, the data set has {truth.shape[1]}.")
    statistics: SequenceStatistics = {}
    for name in scoring.aggregates:
        aggregate = AGGREGATES[name]
        if isinstance(aggregate, HonestAggregate):
            choose = partial(_honest, aggregate, weight)
        elif poses.shape[0] < (aggregate.least if isinstance(aggregate, OracleSelection) else 2):
            continue  # too few hypotheses to choose from
        elif isinstance(aggregate, AssistedAggregate):
            seen = _seen(keypoints, frames, scoring, where)
            choose = partial(_assisted, aggregate, _reproject(poses + absolute[:, root : root + 1], sequence), seen)
        else:
            choose = partial(_oracle, aggregate, truth)
        chosen = choose(poses)
        aligned = None
        if scoring.aligned == "hypotheses" and not isinstance(aggregate, HonestAggregate):
            aligned = choose(align_hypotheses(poses, truth))
        # Camera-space poses, where the lifter said where the person stands.
        placed = None if estimated is None else (chosen + estimated, absolute)
        for action, metrics in _measure(scoring, sequence, frames, chosen, truth, aligned, placed).items():
            statistics.setdefault(action, {})[name] = metrics
    return statistics


def _honest(aggregate: HonestAggregate, weight: Tensor | None, poses: Tensor) -> Tensor:
    return aggregate.combine(poses, weight)


def _assisted(aggregate: AssistedAggregate, reprojected: Tensor, keypoints: Tensor, poses: Tensor) -> Tensor:
    return aggregate.combine(poses, reprojected, keypoints)


def _oracle(aggregate: OracleSelection, truth: Tensor, poses: Tensor) -> Tensor:
    return aggregate.select(poses, truth)


def _true_poses(scoring: Scoring, sequence: Sequence) -> npt.NDArray[np.floating[Any]]:
    if scoring.truth == sequence.truth:
        return sequence.poses
    if scoring.truth not in sequence.truths:
        raise UsageError(
            f"{scoring.rule!r} scores against {scoring.truth!r}, which {sequence.info.dataset} does not have here "
            f"(it has {', '.join((sequence.truth, *sequence.truths))}); choose a rule with one of these."
        )
    return sequence.truths[scoring.truth]


def _scored_rows(
    scoring: Scoring, prediction: SequencePrediction, wanted: WantedFrames, tail: str, where: str
) -> npt.NDArray[np.int64]:
    """The rows that count, once it is sure that every wanted frame was predicted and no other."""
    frames, first = np.unique(prediction.frame, return_index=True)
    repeated = len(frames) < len(prediction.frame)
    if not np.array_equal(frames, wanted.frames) or (repeated and tail != "overlap-chunk"):
        raise DataDamagedError(
            f"The predictions of {where} hold {len(prediction.frame)} rows for {len(frames)} frames, the protocol wants each of "
            f"{len(wanted.frames)} frames{' at least' if tail == 'overlap-chunk' else ''} once; predict it again."
        )
    return np.arange(len(prediction.frame)) if scoring.repeats == "all" else first


def _estimated_root(
    prediction: SequencePrediction,
    rows: npt.NDArray[np.int64],
    poses: Tensor,
    weight: Tensor | None,
    space: str,
    root: int,
) -> Tensor | None:
    """(rows, 1, 3) camera mm: the root that the lifter estimated, the mean of its hypotheses' own; None without one."""
    if prediction.root is None:
        return p_agg(poses[:, :, root : root + 1], weight) if space == "camera" else None
    estimated = torch.from_numpy(prediction.root[..., rows, :]).double()[..., None, :]
    return p_agg(estimated, weight) if estimated.ndim == 4 else estimated


def _image25d_to_mm(poses: Tensor, scoring: Scoring, sequence: Sequence, frames: npt.NDArray[np.int64]) -> Tensor:
    """Pixels and scaled depth to the owner's 2.5D millimetres (MotionBERT, train.py: `pred *= factor`)."""
    if scoring.truth != IMAGE25D or sequence.image_scale is None:
        raise UsageError(
            f"The predictions of {sequence.info.id} are in the space 'image25d', and {scoring.rule!r} scores millimetres; "
            "choose a rule with the 2.5D ground truth."
        )
    return poses * torch.from_numpy(sequence.image_scale[frames]).double()[:, None, None]


def _root_relative(poses: Tensor, space: str, scoring: Scoring, root: int) -> Tensor:
    own = poses[..., root : root + 1, :]
    # Absolute poses have their own root for an origin, whatever the rule does with that of relative ones.
    if space != "root_relative" or scoring.root == "subtracted":
        return poses - own
    if scoring.root == "zeroed":
        poses = poses.clone()
        poses[..., root, :] = 0
    return poses


def _seen(keypoints: Keypoints | None, frames: npt.NDArray[np.int64], scoring: Scoring, where: str) -> Tensor:
    if keypoints is None:
        raise UsageError(f"{scoring.rule!r} needs the 2D keypoints of {where}, and none were given.")
    return torch.from_numpy(keypoints.pixels[frames]).double()


def _reproject(poses: Tensor, sequence: Sequence) -> Tensor:
    """Absolute poses (..., joints, 3) mm to pixels (..., joints, 2) through the sequence's true camera."""
    lens = torch.tensor(sequence.camera.lens, dtype=torch.float64)
    x, y = distort(poses[..., 0] / poses[..., 2], poses[..., 1] / poses[..., 2], lens)
    return torch.stack([x * lens[0] + lens[2], y * lens[1] + lens[3]], dim=-1)


def _measure(
    scoring: Scoring,
    sequence: Sequence,
    frames: npt.NDArray[np.int64],
    predicted: Tensor,
    truth: Tensor,
    aligned: Tensor | None,
    placed: tuple[Tensor, Tensor] | None,
) -> dict[str, dict[str, Statistic]]:
    """action -> metric -> statistic of one pose a frame; `aligned` are poses chosen among aligned hypotheses.

    `placed` are predicted and true poses in camera space; absolute metrics are left out without them.
    """
    labels = None if sequence.activity is None else np.asarray(sequence.activity)[frames]
    if labels is not None and scoring.averaging == "actions" and (labels == UNLABELLED).any():
        raise UsageError(
            f"{scoring.rule!r} averages over activities, and the files of {sequence.info.dataset} here do not label them; "
            "prepare it from its owner's files."
        )
    statistics: dict[str, dict[str, Statistic]] = {}
    measured: dict[object, list[float]] = {}
    # Poses in the joints of a metric, copied once for all that take the same.
    chosen: dict[tuple[str, bool], tuple[Tensor, Tensor]] = {}
    for name in scoring.metrics:
        metric = METRICS[name]
        if metric.absolute and placed is None:
            continue
        # Per-second units share the values of per-frame units; they are measured once.
        key = (metric.values, metric.joints, metric.absolute)
        if key not in measured:
            joints = _joints(metric.joints, scoring, sequence.skeleton)
            if (metric.joints, metric.absolute) not in chosen:
                ours, theirs = placed if metric.absolute and placed is not None else (predicted, truth)
                chosen[metric.joints, metric.absolute] = ours[:, joints], theirs[:, joints]
            shown, true = chosen[metric.joints, metric.absolute]
            if name == "p_mpjpe" and aligned is not None:
                measured[key] = mpjpe(aligned[:, joints], true).tolist()
            else:
                measured[key] = metric.values(shown, true).tolist()
        values, scale = measured[key], sequence.info.fps**metric.per_second
        if labels is None:
            statistics.setdefault(sequence.info.action, {})[name] = _statistic(values, len(frames), scale)
            continue
        if len(values) != len(frames):
            raise UsageError(
                f"{metric.title} compares frames and has no value by activity, which {scoring.rule!r} asks for."
            )
        for label in sorted(set(labels.tolist())):
            own = np.asarray(values)[labels == label].tolist()
            statistics.setdefault(label, {})[name] = _statistic(own, len(own), scale)
    return statistics


def _joints(which: str, scoring: Scoring, skeleton: Skeleton) -> list[int]:
    if which == "root":
        return [skeleton.root]
    if which.startswith("group:"):
        if skeleton is not MPI_INF_3DHP_17:
            raise UsageError(
                f"{scoring.rule!r} asks for the joint groups of MPI-INF-3DHP, and {skeleton.name} is another joint set."
            )
        return list(MPI3DHP_GROUPS[which.removeprefix("group:")])
    return list(skeleton.indices(scoring.pck_joints if which == "pck" else scoring.joints))


def _statistic(values: list[float], frames: int, scale: float) -> Statistic:
    if not values:
        return Statistic(0.0, 0.0)  # a clip too short for a difference says nothing about motion
    # fsum: the exactly rounded sum, the same whatever the order or the number of threads.
    # Differences are fewer than frames; their mean counts with the frames of the sequence (VideoPose3D, run.py).
    return Statistic(math.fsum(values) * scale * (frames / len(values)), float(frames))
