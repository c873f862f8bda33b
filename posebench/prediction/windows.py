"""From a sequence to windows and back: the one implementation that serves every lifter.

A plan is made of integers only. Inputs beyond the ends of a sequence repeat
its first or last frame; what comes back says which frame each row is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from posebench.prediction.spec import LifterSpec

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WindowPlan:
    """Windows over a sequence of `frames` frames.

    `starts[i]` is the first frame of window i, negative when it begins before
    the sequence. Row r of its output is frame `starts[i] + first_output + r`;
    `keep[i, r]` says whether that row is a prediction of this sequence.
    """

    frames: int
    length: int
    first_output: int
    starts: Indices
    keep: npt.NDArray[np.bool_]

    def inputs(self, windows: Indices) -> Indices:
        """(windows, length) frame numbers that the windows show, edge frames repeated."""
        shown: Indices = np.clip(self.starts[windows, None] + np.arange(self.length), 0, self.frames - 1)
        return shown

    def outputs(self, windows: Indices) -> Indices:
        """(windows, rows) frame numbers of the outputs; meaningful where `keep` holds."""
        return self.starts[windows, None] + self.first_output + np.arange(self.keep.shape[1])

    def batches(self, size: int) -> Iterator[tuple[Indices, int]]:
        """Window numbers in batches of one shape: the last is filled by repeating its final window; the int counts the real ones."""
        count = len(self.starts)
        size = min(size, count)
        for first in range(0, count, size):
            real = min(size, count - first)
            yield np.minimum(np.arange(first, first + size), count - 1), real


def plan_windows(spec: LifterSpec, frames: int) -> WindowPlan:
    """The windows that a lifter of this spec needs to predict every frame of a sequence of `frames` >= 1."""
    if spec.stride is None:
        before = spec.first_output
        return WindowPlan(
            frames, frames + spec.window - 1, before, np.array([-before]), np.ones((1, frames), dtype=bool)
        )
    stride, window = spec.stride, spec.window
    if spec.tail != "pad" and frames < window:
        # Edge frames on both sides, the real frames in the middle.
        start = -((window - frames) // 2)
        rows = start + np.arange(window)
        return WindowPlan(frames, window, 0, np.array([start]), ((rows >= 0) & (rows < frames))[None])
    count = -(-frames // stride)
    starts = np.arange(count) * stride
    if spec.tail != "pad":
        starts[-1] = frames - window
    else:
        starts = starts - spec.first_output
    rows = starts[:, None] + spec.first_output + np.arange(stride)
    keep = rows < frames
    if spec.tail == "shift" and count > 1:
        keep[-1] &= rows[-1] > rows[-2][-1]
    return WindowPlan(frames, window, spec.first_output, starts, keep)
