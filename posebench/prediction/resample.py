"""From one frame rate to another and back, linearly in time: for a lifter whose training data had another rate.

A lifter of motion learns what a step of one frame means. Footage of 30 Hz shown to a network of 50 Hz looks like
someone who moves faster, so its keypoints are resampled to 50 Hz, lifted, and the poses brought back to 30 Hz. Frame k
of a rate f is at the time k / f: both rates share frame 0, and every frame whose time is in both keeps its numbers.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.sequence import round_thousandth
from posebench.errors import UsageError
from posebench.inputs.keypoints import Keypoints

Array = npt.NDArray[np.floating[Any]]

#: Times are equal if they are nearer than this share of a frame: 29.97 is no number that floats hold.
SAME = 1e-6


@dataclass(frozen=True)
class _Grid:
    """For each new frame the old frame at or before it, the one after it, and the share of the latter."""

    before: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]


def resampled_frames(frames: int, from_fps: float, to_fps: float) -> int:
    """How many frames of the rate `to_fps` cover `frames` frames of the rate `from_fps`, the last one included.

    Raises `UsageError` for a rate that is not above 0.
    """
    if not min(from_fps, to_fps) > 0 or not math.isfinite(from_fps + to_fps):
        raise UsageError(f"Frames cannot be resampled from {from_fps:g} to {to_fps:g} a second; both must be above 0.")
    return math.ceil((frames - 1) * to_fps / from_fps - SAME) + 1


def resample_keypoints(keypoints: Keypoints, from_fps: float, to_fps: float) -> Keypoints:
    """Keypoints of one frame rate at another, the last frame repeated where the new rate ends after it.

    A joint is interpolated between the frames that have it, and missing where
    the old frame nearest in time (of two, the earlier) lacks it: so a gap stays
    as long as it was. Confidence is interpolated between neighbouring frames.
    """
    grid = _grid(len(keypoints.pixels), resampled_frames(len(keypoints.pixels), from_fps, to_fps), from_fps, to_fps)
    missing = np.asarray(np.isnan(keypoints.pixels).any(axis=-1))
    pixels = _between(_bridged(keypoints.pixels.astype(np.float64), missing), grid)
    confidence = _between(keypoints.confidence.astype(np.float64), grid).astype(np.float32)
    gone = missing[np.where(grid.share <= 0.5, grid.before, grid.after)]
    pixels[gone] = np.nan
    confidence[gone] = 0.0
    return Keypoints(round_thousandth(pixels), confidence, keypoints.image_size)


def resample_poses(poses: Array, from_fps: float, to_fps: float, frames: int, axis: int = -3) -> Array:
    """`frames` frames of the rate `to_fps` from poses (..., frames, joints, 3), or another array whose time is `axis`.

    Where the old frames end before the last new one, their last stays. The
    type of float is kept; NaN spreads to the frames that are made from it.
    """
    resampled_frames(frames, from_fps, to_fps)
    moved = np.moveaxis(np.asarray(poses), axis, 0)
    grid = _grid(len(moved), frames, from_fps, to_fps)
    return np.moveaxis(_between(moved.astype(np.float64), grid).astype(moved.dtype), 0, axis)


def _grid(old: int, new: int, from_fps: float, to_fps: float) -> _Grid:
    at = np.minimum(np.arange(new) * (from_fps / to_fps), old - 1)
    nearest = np.round(at)
    at = np.where(np.abs(at - nearest) < SAME, nearest, at)
    before = np.floor(at).astype(np.int64)
    share = at - before
    return _Grid(before, np.where(share > 0, np.minimum(before + 1, old - 1), before), share)


def _between(values: npt.NDArray[np.float64], grid: _Grid) -> npt.NDArray[np.float64]:
    """Values (frames, ...) at the grid; a frame that is in both comes out bit by bit."""
    share = grid.share.reshape(-1, *[1] * (values.ndim - 1))
    before = values[grid.before]
    return np.where(share > 0, before + share * (values[grid.after] - before), before)


def _bridged(pixels: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Pixels (frames, joints, 2) with straight lines over the gaps of joints that some frame has."""
    frames = np.arange(len(pixels))
    for joint in np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0)):
        gap = missing[:, joint]
        for axis in range(2):
            pixels[gap, joint, axis] = np.interp(frames[gap], frames[~gap], pixels[~gap, joint, axis])
    return pixels
