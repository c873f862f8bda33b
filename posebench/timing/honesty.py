"""Was the clock told the truth? Outputs of the timed loop against the scored path, and what the repeated inputs say.

After MLPerf's inference rules (compliance test TEST01, accuracy of sampled
responses). What it cannot show stands in docs/timing.md.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from posebench.prediction.lifter import Lifted
from posebench.prediction.spec import Space
from posebench.timing.clips import Batch
from posebench.timing.measure import Measurement
from posebench.timing.options import DType
from posebench.timing.repeats import Repeats
from posebench.timing.subject import Subject

#: How far a sampled clip may be from the scored path's: root mean square over that of the pose about its root. fp32 and
#: bf16 beside a run of the same precision, tf32 and fp16 beside float32. A compiler that keeps more digits between two
#: operations moves bf16 by as much as bf16 is from float32, half a percent.
TOLERANCE: dict[DType, float] = {"fp32": 1e-4, "tf32": 5e-3, "fp16": 5e-3, "bf16": 1e-2}
#: Clips that the scored path lifts before anything is timed, and again beside the samples.
ANCHORS = 3


@dataclass(frozen=True)
class Honesty:
    """The verdict on one subject. `reasons` is empty for a valid one; `to_float32` is how far its outputs are from float32."""

    clips_compared: int
    worst: float
    to_float32: float
    tolerance: float
    repeats: tuple[Repeats, ...]
    reasons: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether the times may be believed."""
        return not self.reasons


@dataclass(frozen=True)
class Anchors:
    """`ANCHORS` clips and what the scored path made of them before anything was timed."""

    clips: tuple[Batch, ...]
    lifted: tuple[Lifted, ...]


def anchor(subject: Subject) -> Anchors:
    """Lift a few clips by the scored path, to see later that it has not been changed by what ran between."""
    draws = subject.pool.batches(1, "anchors")
    clips = tuple(next(draws) for _ in range(ANCHORS))
    with torch.inference_mode():
        return Anchors(clips, tuple(subject.score(subject.pool.inputs(clip), "fp32") for clip in clips))


def judge(subject: Subject, measured: list[Measurement], anchors: Anchors, repeats: tuple[Repeats, ...]) -> Honesty:
    """Compare what the timed loops put out with the scored path, and weigh the repeated inputs."""
    space, pool, precision = subject.lifter.spec.space, subject.pool, subject.precision
    reasons = []
    distances, to_float32 = [], []
    with torch.inference_mode():
        moved = 0.0
        for number, sample in enumerate(sample for measurement in measured for sample in measurement.samples):
            # Between the samples, each time: what changes in the scored path may change for these alone.
            clip, before = anchors.clips[number % ANCHORS], anchors.lifted[number % ANCHORS]
            moved = max(moved, distance(subject.score(pool.inputs(clip), "fp32"), before, space))
            distances.append(distance(sample.lifted, subject.score(pool.inputs(sample.clips), precision), space))
            if precision == "fp32":
                to_float32.append(distances[-1])
            else:
                to_float32.append(distance(sample.lifted, subject.score(pool.inputs(sample.clips), "fp32"), space))
    if moved > TOLERANCE["fp32"]:
        reasons.append("the scored path itself gave other poses after the timed loop than before it")
    worst = max(distances)
    tolerance = TOLERANCE[subject.dtype]
    # A distance that is not finite is infinite.
    if wrong := sum(value > tolerance for value in distances):
        reasons.append(
            f"{wrong} of {len(distances)} outputs sampled in the timed loop are not those of the scored path "
            f"(off by {worst:.2g} of the pose, {subject.dtype} allows {tolerance:g})"
        )
    reasons += [repeat.objection for repeat in repeats if repeat.objection is not None]
    count = sum(len(sample.clips.clips) for measurement in measured for sample in measurement.samples)
    return Honesty(count, worst, max(to_float32), tolerance, repeats, tuple(reasons))


def distance(one: Lifted, other: Lifted, space: Space) -> float:
    """How far two outputs (clips, hypotheses, rows, joints, 3) are apart: the worst clip's; infinite if not finite.

    The error is measured in the size of the pose about its root, so that a far
    root hides nothing; where the root has a place of its own, it is compared
    beside it in that place's size.
    """
    mine, right = one.poses.double().cpu(), other.poses.double().cpu()
    if mine.shape != right.shape:
        return float("inf")
    root = slice(0, 1)
    parts = [(mine - mine[..., root, :], right - right[..., root, :])]
    if space == "root_relative":
        parts.append((mine, right))
    sizes = [_rms(parts[0][1])] * len(parts)
    if space != "root_relative":
        parts.append((mine[..., root, :], right[..., root, :]))
        sizes.append(_rms(right[..., root, :]))
    for a, b in ((one.root, other.root), (one.weight, other.weight), (_by_clip(one), _by_clip(other))):
        if (a is None) != (b is None):
            return float("inf")
        if a is not None and b is not None:
            parts.append((a.double().cpu(), b.double().cpu()))
            sizes.append(_rms(parts[-1][1]))
    worst = torch.stack([_rms(a - b) / size.clamp(min=1e-9) for (a, b), size in zip(parts, sizes, strict=True)]).max()
    return float(worst) if bool(torch.isfinite(worst)) else float("inf")


def _by_clip(lifted: Lifted) -> Tensor | None:
    """(clips, 9): the one lens of all clips."""
    return None if lifted.lens is None else lifted.lens.expand(len(lifted.poses), -1)


def _rms(values: Tensor) -> Tensor:
    """(clips,) root mean square of everything a clip has."""
    return values.flatten(1).square().mean(dim=1).sqrt()
