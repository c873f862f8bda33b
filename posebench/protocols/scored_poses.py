"""What a rule scores of one sequence: its rows, the poses about the root as the rule has it, and the truth beside them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.cameras import distort
from posebench.datasets.sequence import IMAGE25D, Sequence
from posebench.errors import DataDamagedError, NotFiniteError, UsageError
from posebench.inputs.frames import WantedFrames
from posebench.metrics.hypotheses import p_agg
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.protocol import Scoring


@dataclass(frozen=True)
class ScoredPoses:
    """Rows of one sequence that count, in float64 millimetres.

    `frames`
        (rows,) the frame of each row.
    `poses`, `truth`
        (hypotheses, rows, joints, 3) and (rows, joints, 3) about the true root, the predicted one as the rule has it.
    `absolute`
        (rows, joints, 3) true poses in camera space.
    `weight`
        (hypotheses, rows), or None.
    `estimated`
        (rows, 1, 3) the root that the lifter estimated, the mean of its hypotheses' own; None without one.
    `placed`
        (hypotheses, rows, joints, 3) each hypothesis in camera space where the lifter puts it; None without a root.
    """

    frames: npt.NDArray[np.int64]
    poses: Tensor
    truth: Tensor
    absolute: Tensor
    weight: Tensor | None
    estimated: Tensor | None
    placed: Tensor | None
    root: int

    @property
    def at_true_root(self) -> Tensor:
        """(hypotheses, rows, joints, 3) in camera space, each hypothesis with the true root."""
        return self.poses + self.absolute[:, self.root : self.root + 1]


def read_poses(
    scoring: Scoring,
    sequence: Sequence,
    prediction: SequencePrediction,
    wanted: WantedFrames,
    *,
    space: str,
    tail: str,
) -> ScoredPoses:
    """The poses of a sequence under a rule; arguments and errors as `score_sequence`."""
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
    predicted = torch.from_numpy(prediction.poses[:, rows]).double()
    weight = None if prediction.weight is None else torch.from_numpy(prediction.weight[:, rows]).double()
    own = _own_roots(prediction, rows, predicted, space, root)
    poses = predicted if space != "image25d" else _image25d_to_mm(predicted, scoring, sequence, frames)
    poses = _root_relative(poses, space, scoring, root)
    for name, values in (("predictions", poses), ("true poses", truth)):
        if not torch.isfinite(values).all():
            raise NotFiniteError(f"The {name} of sequence {where} hold NaN or infinity; nothing was scored.")
    if poses.shape[2:] != truth.shape[1:]:
        raise UsageError(f"The predictions of {where} have {poses.shape[2]} joints, the data set has {truth.shape[1]}.")
    placed = None
    if own is not None:
        placed = predicted if space == "camera" else predicted + own
    estimated = p_agg(own, weight) if own is not None and own.ndim == 4 else own
    return ScoredPoses(frames, poses, truth, absolute, weight, estimated, placed, root)


def reproject(poses: Tensor, lens: Any) -> Tensor:
    """Absolute poses (..., joints, 3) mm to pixels (..., joints, 2) through a lens of nine numbers."""
    lens = torch.as_tensor(lens, dtype=torch.float64)
    x, y = distort(poses[..., 0] / poses[..., 2], poses[..., 1] / poses[..., 2], lens)
    return torch.stack([x * lens[0] + lens[2], y * lens[1] + lens[3]], dim=-1)


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


def _own_roots(
    prediction: SequencePrediction, rows: npt.NDArray[np.int64], poses: Tensor, space: str, root: int
) -> Tensor | None:
    """Roots in camera mm that the lifter estimated: (rows, 1, 3), or (hypotheses, rows, 1, 3) of each; None without one."""
    if prediction.root is None:
        return poses[:, :, root : root + 1] if space == "camera" else None
    return torch.from_numpy(prediction.root[..., rows, :]).double()[..., None, :]


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
