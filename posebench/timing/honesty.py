"""Was the clock told the truth? Outputs of the timed loop against the scored path, and fresh against repeated inputs.

After MLPerf's inference rules (compliance tests TEST01, accuracy of sampled
responses, and TEST04, no caching). What they cannot show stands in docs/timing.md.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from posebench.prediction.lifter import Lifted
from posebench.prediction.spec import Space
from posebench.seeding import frozen_generator
from posebench.timing.clips import Batch
from posebench.timing.measure import Measurement, lap
from posebench.timing.options import DType
from posebench.timing.subject import Subject, computing
from posebench.timing.summaries import Ratio, paired_ratio

#: How far a sampled clip may be from the scored path's: root mean square over that of the pose about its root.
TOLERANCE: dict[DType, float] = {"fp32": 1e-4, "tf32": 5e-3, "fp16": 5e-3, "bf16": 5e-2}
#: Repeating an input may not take less than this share of a fresh one.
LEAST_RATIO = 0.9
#: Fresh clips that the data must have for this check, and pairs after which a slow lifter may be decided.
FEWEST_CLIPS = 20
FEWEST_PAIRS = 5
MOST_PAIRS = 400
#: How much longer than asked the check may go on while its interval holds `LEAST_RATIO`: another program disturbed it.
PATIENCE = 10
#: Clips that the scored path lifts before anything is timed and again afterwards.
ANCHORS = 3


@dataclass(frozen=True)
class Honesty:
    """The verdict on one subject. `reasons` is empty for a valid one; `repeated` is None where there were too few clips."""

    clips_compared: int
    worst: float
    tolerance: float
    repeated: Ratio | None
    reasons: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether the times may be believed."""
        return not self.reasons


@dataclass(frozen=True)
class Anchors:
    """Clips and what the scored path made of them before anything was timed."""

    clips: tuple[Batch, ...]
    lifted: tuple[Lifted, ...]


def anchor(subject: Subject) -> Anchors:
    """Lift a few clips by the scored path, to see later that it has not been changed by what ran between."""
    draws = subject.pool.batches(1, "anchors")
    clips = tuple(next(draws) for _ in range(ANCHORS))
    with torch.inference_mode():
        return Anchors(clips, tuple(subject.score(subject.pool.inputs(clip)) for clip in clips))


def judge(subject: Subject, measured: list[Measurement], anchors: Anchors, repeated: Ratio | None) -> Honesty:
    """Compare what the timed loops put out with the scored path, and weigh the repeated inputs."""
    space = subject.lifter.spec.space
    reasons = []
    with torch.inference_mode():
        for clip, before in zip(anchors.clips, anchors.lifted, strict=True):
            if distance(subject.score(subject.pool.inputs(clip)), before, space) > TOLERANCE["fp32"]:
                reasons.append("the scored path itself gave other poses after the timed loop than before it")
                break
        distances = [
            distance(sample.lifted, subject.score(subject.pool.inputs(sample.clips)), space)
            for measurement in measured
            for sample in measurement.samples
        ]
    worst = max(distances)
    tolerance = TOLERANCE[subject.dtype]
    # A distance that is not finite is infinite.
    if wrong := sum(value > tolerance for value in distances):
        reasons.append(
            f"{wrong} of {len(distances)} outputs sampled in the timed loop are not those of the scored path "
            f"(off by {worst:.2g} of the pose, {subject.dtype} allows {tolerance:g})"
        )
    # With the whole of its interval: on a busy machine an honest lifter's median may fall below by chance.
    if repeated is not None and repeated.high < LEAST_RATIO:
        reasons.append(
            f"caches: a repeated input takes {repeated.median:.2f} of the time of a fresh one, {LEAST_RATIO:g} is the least"
        )
    count = sum(len(sample.clips[1]) for measurement in measured for sample in measurement.samples)
    return Honesty(count, worst, tolerance, repeated, tuple(reasons))


def distance(one: Lifted, other: Lifted, space: Space) -> float:
    """How far two outputs (clips, hypotheses, rows, joints, 3) are apart: the worst clip's; infinite if not finite.

    The error is measured in the size of the pose about its root, so that a far
    root hides nothing; where the root has a place of its own, it is compared
    beside it in that place's size.
    """
    mine, right = one.poses.double().cpu(), other.poses.double().cpu()
    if type(one.poses) is not Tensor or mine.shape != right.shape:
        return float("inf")
    root = slice(0, 1)
    parts = [(mine - mine[..., root, :], right - right[..., root, :])]
    if space == "root_relative":
        parts.append((mine, right))
    sizes = [_rms(parts[0][1])] * len(parts)
    if space != "root_relative":
        parts.append((mine[..., root, :], right[..., root, :]))
        sizes.append(_rms(right[..., root, :]))
    for a, b in ((one.root, other.root), (one.weight, other.weight)):
        if (a is None) != (b is None):
            return float("inf")
        if a is not None and b is not None:
            parts.append((a.double().cpu(), b.double().cpu()))
            sizes.append(_rms(parts[-1][1]))
    worst = torch.stack([_rms(a - b) / size.clamp(min=1e-9) for (a, b), size in zip(parts, sizes, strict=True)]).max()
    return float(worst) if bool(torch.isfinite(worst)) else float("inf")


def _rms(values: Tensor) -> Tensor:
    """(clips,) root mean square of everything a clip has."""
    return values.flatten(1).square().mean(dim=1).sqrt()


def repeat_ratio(subject: Subject, device: torch.device, seconds: float, seed: int) -> Ratio | None:
    """Time of one repeated input over that of a fresh one, pair by pair in random order, at batch 1.

    Fresh inputs are the reserved clips, which nothing has shown before; the
    repeated one is handed over as the very same tensors. None when there are
    fewer than `FEWEST_CLIPS`. Goes on while the interval holds `LEAST_RATIO`.
    """
    pool = subject.pool
    again, *fresh = pool.reserved
    random = frozen_generator("time", "repeat", seed)
    same = pool.inputs(again)
    laps: list[tuple[float, float]] = []
    if len(fresh) < FEWEST_CLIPS:
        return None
    with computing(subject.dtype):
        for _ in range(2):
            lap(subject, replace(same, noise_streams=pool.streams(again)), device)
        began = time.perf_counter()
        for clip in fresh[:MOST_PAIRS]:
            if len(laps) >= FEWEST_PAIRS and (spent := time.perf_counter() - began) > seconds:
                ratio = paired_ratio(*np.array(laps).T, "repeat", seed)
                if spent > PATIENCE * seconds or not ratio.low < LEAST_RATIO <= ratio.high:
                    break
            # Both have their memory touched alike before the clock starts.
            new = pool.inputs(clip)
            old = replace(same, noise_streams=pool.streams(again))
            if random.randint(2):
                pair = (lap(subject, old, device), lap(subject, new, device))
            else:
                second = lap(subject, new, device)
                pair = (lap(subject, old, device), second)
            laps.append(pair)
    return paired_ratio(*np.array(laps).T, "repeat", seed)
