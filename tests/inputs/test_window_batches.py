"""Windows as batches equal the windows of a plain loop, for any lengths, strides and edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import posebench
from posebench.errors import UsageError
from posebench.inputs.sources import find_source
from posebench.inputs.window_batches import copy_windows, window_batches


@given(window=st.integers(1, 9), first=st.integers(0, 5), count=st.integers(1, 9), step=st.integers(1, 4))
def test_windows_are_those_of_a_plain_loop(window: int, first: int, count: int, step: int) -> None:
    length = first + (count - 1) * step + window
    frames = np.arange(length * 6, dtype=np.float32).reshape(length, 3, 2)
    out = np.full((count, window, 3, 2), np.nan, np.float32)
    copy_windows(frames, range(first, first + count * step, step), out)
    for row in range(count):
        assert np.array_equal(out[row], frames[first + row * step :][:window])


@pytest.mark.parametrize(("window", "stride", "batch_size"), [(9, 1, 16), (4, 3, 1000), (1, 1, 7)])
def test_a_split_comes_whole_and_in_order(tiny: str, window: int, stride: int, batch_size: int) -> None:
    dataset = posebench.load_dataset("tiny")
    batches = list(window_batches(dataset, "test", "gt", window, stride=stride, batch_size=batch_size))
    assert all(len(batch.frame) == batch_size for batch in batches[:-1])
    for name in ("keypoints", "confidence"):
        assert all(getattr(batch, name).dtype == np.float32 for batch in batches)
        assert all(getattr(batch, name).flags.c_contiguous for batch in batches)
    infos = dataset.sequences("test")
    found = [(int(s), int(f)) for batch in batches for s, f in zip(batch.sequence, batch.frame, strict=True)]
    assert found == [(s, f) for s, info in enumerate(infos) for f in range(0, info.frames, stride)]
    pixels = np.concatenate([batch.keypoints for batch in batches])
    for row, (place, frame) in enumerate(found):
        seen = find_source("gt").read(dataset.read(infos[place])).pixels
        index = np.clip(np.arange(window) + frame - window // 2, 0, len(seen) - 1)
        assert np.array_equal(pixels[row], seen[index])


def test_windows_of_nothing_are_refused(tiny: str) -> None:
    dataset = posebench.load_dataset("tiny")
    with pytest.raises(UsageError, match="must be 1 or more"):
        next(window_batches(dataset, "test", "gt", 0))
