"""Windows of a whole split as contiguous batches: what a training loop reads, straight from the store's pages.

A lifter that is evaluated gets its windows from `posebench.prediction.windows`, which also knows tails; here the
batches run through sequences and are what `torch.from_numpy` takes without a copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.sequence import SequenceInfo
from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.inputs.keypoints import Keypoints
from posebench.inputs.sources import find_source
from posebench.inputs.stored import as_keypoints

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WindowBatch:
    """A batch of windows, float32, contiguous; only the last one of a split is shorter.

    `keypoints` is (batch, window, joints, 2) pixels and `confidence` (batch,
    window, joints), missing as in `Keypoints`; beyond the ends of a sequence
    its edge frame is repeated. `sequence` is each window's place in
    `Dataset.sequences(split)`, `frame` (batch,) the frame in its middle.
    """

    keypoints: Array
    confidence: Array
    sequence: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int64]


def window_batches(
    dataset: Dataset, split: str, source: str, window: int, *, stride: int = 1, batch_size: int = 1024
) -> Iterator[WindowBatch]:
    """Every `stride`-th frame of every sequence of a split in the middle of its window, in order.

    A batch is the caller's to keep. Raises `UsageError` for a window or stride
    under 1, and what the 2D source raises.
    """
    if min(window, stride, batch_size) < 1:
        raise UsageError(f"window {window}, stride {stride} and batch size {batch_size} must be 1 or more.")
    batch: WindowBatch | None = None
    filled = 0
    for place, info in enumerate(dataset.sequences(split)):
        seen = _keypoints(dataset, info, source)
        pixels, confidence = _padded(seen.pixels, window), _padded(seen.confidence, window)
        frames = range(0, info.frames, stride)
        done = 0
        while done < len(frames):
            if batch is None:
                batch, filled = _empty(batch_size, window, seen), 0
            some = frames[done : done + batch_size - filled]
            here = slice(filled, filled + len(some))
            copy_windows(pixels, some, batch.keypoints[here])
            copy_windows(confidence, some, batch.confidence[here])
            batch.sequence[here], batch.frame[here] = place, some
            done, filled = done + len(some), filled + len(some)
            if filled == batch_size:
                yield batch
                batch = None
    if batch is not None:
        yield WindowBatch(
            batch.keypoints[:filled], batch.confidence[:filled], batch.sequence[:filled], batch.frame[:filled]
        )


def copy_windows(frames: npt.NDArray[Any], starts: range, out: npt.NDArray[Any]) -> None:
    """Copy the windows of `frames` (n, ...) that begin at `starts` into `out` (len(starts), window, ...).

    All lie inside: they are blocks of memory at equal steps, which numpy copies without a loop in Python.
    """
    window, length, width = out.shape[1], len(frames), frames[0].size
    flat = frames.reshape(-1)
    blocks = np.lib.stride_tricks.as_strided(
        flat, (length - window + 1, window * width), (width * flat.itemsize, flat.itemsize), writeable=False
    )
    out.reshape(len(out), -1)[:] = blocks[starts.start : starts.stop : starts.step]


def _padded(frames: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Frames with the first and last repeated, so that the window around every frame lies inside."""
    before = window // 2
    return np.concatenate([frames[:1].repeat(before, 0), frames, frames[-1:].repeat(window - 1 - before, 0)])


def _keypoints(dataset: Dataset, info: SequenceInfo, source: str) -> Keypoints:
    # A stored source needs no pose, and poses cost more than the windows.
    if source in dataset.sources:
        return as_keypoints(dataset.keypoints(info)[source], dataset.camera(info).image_size)
    return find_source(source).read(dataset.read(info))


def _empty(batch_size: int, window: int, seen: Keypoints) -> WindowBatch:
    joints = seen.pixels.shape[1]
    return WindowBatch(
        np.empty((batch_size, window, joints, 2), np.float32),
        np.empty((batch_size, window, joints), np.float32),
        np.empty(batch_size, np.int64),
        np.empty(batch_size, np.int64),
    )
