"""From a sequence to windows and back: the one implementation that serves every lifter.

A plan is made of integers only. Inputs beyond the ends of a sequence repeat
its first or last frame; what comes back says which frame each row is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from posebench.prediction.spec import LifterSpec

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WindowPlan:
    """Windows over a sequence of `frames` frames, all alike but for where they start.

    `starts[i]` is the first frame of window i, negative when it begins before
    the sequence. Place p of it shows frame `starts[i] + shown[p]`, row r of
    its output is frame `starts[i] + returned[r]`; `keep[i, r]` says whether
    that row is a prediction of this sequence. `number[i]` is the window's
    number in the whole sequence, by which its noise is named.
    """

    frames: int
    starts: Indices
    shown: Indices
    returned: Indices
    keep: npt.NDArray[np.bool_]
    number: Indices

    def only(self, wanted: Indices) -> "WindowPlan":
        """The windows that predict any of the `wanted` frames: a lifter's windows do not look at each other."""
        if len(wanted) == self.frames:
            return self
        asked = np.zeros(self.frames, np.bool_)
        asked[wanted] = True
        some = (self.keep & asked[np.clip(self.starts[:, None] + self.returned, 0, self.frames - 1)]).any(axis=1)
        return replace(self, starts=self.starts[some], keep=self.keep[some], number=self.number[some])

    def inputs(self, windows: Indices) -> Indices:
        """(windows, length) frame numbers that the windows show, edge frames repeated."""
        shown: Indices = np.clip(self.starts[windows, None] + self.shown, 0, self.frames - 1)
        return shown

    def outputs(self, windows: Indices) -> Indices:
        """(windows, rows) frame numbers of the outputs; meaningful where `keep` holds."""
        return self.starts[windows, None] + self.returned

    def kept(self, wanted: Indices, *, by_frame: bool) -> tuple[Indices, Indices]:
        """Where, among all rows of all windows laid end to end, the predictions of the `wanted` frames are, and the frame of each.

        `by_frame` sorts them by frame; otherwise they stay in the order of the windows.
        """
        places, frame = self._by_frame if by_frame else self._by_window
        if len(wanted) == self.frames:
            return places, frame
        asked = np.zeros(self.frames, np.bool_)
        asked[wanted] = True
        here = asked[frame]
        return places[here], frame[here]

    @cached_property
    def _by_window(self) -> tuple[Indices, Indices]:
        """All kept rows, in the order of the windows: their places and frames."""
        places = np.flatnonzero(self.keep)
        frame = (self.starts[:, None] + self.returned).reshape(-1)[places]
        return places, frame

    @cached_property
    def _by_frame(self) -> tuple[Indices, Indices]:
        places, frame = self._by_window
        order = np.argsort(frame, kind="stable")
        return places[order], frame[order]

    def batches(self, size: int) -> Iterator[tuple[Indices, int]]:
        """Window numbers in batches of one shape: the last is filled by repeating its final window; the int counts the real ones."""
        count = len(self.starts)
        size = min(size, count)
        for first in range(0, count, size):
            real = min(size, count - first)
            yield np.minimum(np.arange(first, first + size), count - 1), real


@lru_cache(maxsize=8)
def plan_windows(spec: LifterSpec, frames: int) -> WindowPlan:
    """The windows that a lifter of this spec needs to predict every frame of a sequence of `frames` >= 1.

    Sequences of one length (all cameras of a clip, say) share a plan: read its arrays, do not change them.
    """
    window, first = spec.window, spec.first_output
    if spec.stride is None:
        return _plan(frames, np.array([-first]), frames + window - 1, first, frames)
    if spec.tail == "pad":
        starts = np.arange(-(-frames // spec.stride)) * spec.stride - first
        return _plan(frames, starts, window, first, spec.stride)
    if frames < window:
        if spec.tail == "resample":
            return _stretched(frames, window)
        # Edge frames on both sides, the real frames in the middle.
        return _plan(frames, np.array([-((window - frames) // 2)]), window, 0, window)
    starts = np.arange(-(-frames // window)) * window
    starts[-1] = frames - window
    plan = _plan(frames, starts, window, 0, window)
    if spec.tail != "overlap-chunk" and len(starts) > 1:
        plan.keep[-1] = starts[-1] + plan.returned >= starts[-2] + window
    return plan


def _plan(frames: int, starts: Indices, length: int, first_output: int, rows: int) -> WindowPlan:
    """Windows of consecutive frames; rows outside of the sequence are not kept."""
    returned = first_output + np.arange(rows)
    predicted = starts[:, None] + returned
    keep = (predicted >= 0) & (predicted < frames)
    return WindowPlan(frames, starts, np.arange(length), returned, keep, np.arange(len(starts)))


def _stretched(frames: int, window: int) -> WindowPlan:
    """One window that shows a shorter sequence slowed down; of the predictions of a frame the last counts.

    MotionBERT, `lib/utils/utils_data.py: resample` without its randomness
    (which rounds each place up or down by chance), and `train.py: evaluate`,
    where a later row of a frame overwrites an earlier one.
    """
    shown = np.arange(window) * frames // window
    last = np.append(shown[1:] > shown[:-1], True)
    return WindowPlan(frames, np.array([0]), shown, shown, last[None], np.array([0]))
