"""Scoring one sequence: predicted poses and true poses to additive statistics."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.datasets.sequence import UNLABELLED, Sequence
from posebench.errors import UsageError
from posebench.inputs.frames import WantedFrames
from posebench.inputs.keypoints import Keypoints
from posebench.metrics.hypotheses import (
    AGGREGATES,
    AssistedAggregate,
    HonestAggregate,
    OracleSelection,
    align_hypotheses,
)
from posebench.metrics.position import mpjpe
from posebench.metrics.table import METRICS
from posebench.metrics.thresholds import MPI3DHP_GROUPS
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.protocol import Scoring
from posebench.protocols.scored_poses import read_poses, reproject
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
    shown = read_poses(scoring, sequence, prediction, wanted, space=space, tail=tail)
    poses, truth, frames = shown.poses, shown.truth, shown.frames
    statistics: SequenceStatistics = {}
    for name in scoring.aggregates:
        aggregate = AGGREGATES[name]
        if isinstance(aggregate, HonestAggregate):
            choose = partial(_honest, aggregate, shown.weight)
        elif poses.shape[0] < (aggregate.least if isinstance(aggregate, OracleSelection) else 2):
            continue  # too few hypotheses to choose from
        elif isinstance(aggregate, AssistedAggregate):
            seen = _seen(keypoints, frames, scoring, where)
            choose = partial(_assisted, aggregate, reproject(shown.at_true_root, sequence.camera.lens), seen)
        else:
            choose = partial(_oracle, aggregate, truth)
        chosen = choose(poses)
        aligned = None
        if scoring.aligned == "hypotheses" and not isinstance(aggregate, HonestAggregate):
            aligned = choose(align_hypotheses(poses, truth))
        # Camera-space poses, where the lifter said where the person stands.
        placed = None if shown.estimated is None else (chosen + shown.estimated, shown.absolute)
        for action, metrics in _measure(scoring, sequence, frames, chosen, truth, aligned, placed).items():
            statistics.setdefault(action, {})[name] = metrics
    return statistics


def _honest(aggregate: HonestAggregate, weight: Tensor | None, poses: Tensor) -> Tensor:
    return aggregate.combine(poses, weight)


def _assisted(aggregate: AssistedAggregate, reprojected: Tensor, keypoints: Tensor, poses: Tensor) -> Tensor:
    return aggregate.combine(poses, reprojected, keypoints)


def _oracle(aggregate: OracleSelection, truth: Tensor, poses: Tensor) -> Tensor:
    return aggregate.select(poses, truth)


def _seen(keypoints: Keypoints | None, frames: npt.NDArray[np.int64], scoring: Scoring, where: str) -> Tensor:
    if keypoints is None:
        raise UsageError(f"{scoring.rule!r} needs the 2D keypoints of {where}, and none were given.")
    return torch.from_numpy(keypoints.pixels[frames]).double()


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
