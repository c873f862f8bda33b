"""A store of the size of Human3.6M: opening it, and windows from it. The full size runs under `tox -e bench`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from large_store import FRAMES, SMAPS, write_large
from ratios import Beside
from safetensors.numpy import load_file

from posebench.datasets.store import Dataset
from posebench.inputs.window_batches import window_batches

WINDOW, BATCH = 27, 1024
SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The store; a hundredth of the size where benchmarks do not run."""
    full = request.config.getoption("benchmark_enable")
    return write_large(tmp_path_factory.mktemp("large"), FRAMES if full else FRAMES // 100)


def loop(dataset: Dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The reference: a Python loop that copies every window of pixels and confidence, edge frames repeated, into batches."""
    made = [np.empty((BATCH, WINDOW, 17, 2), np.float32), np.empty((BATCH, WINDOW, 17), np.float32)]
    filled = 0
    for info in dataset.sequences("train"):
        pixels = np.asarray(dataset.keypoints(info)["found"].pixels)
        confidence = np.where(np.isnan(pixels[..., 0]), np.float32(0), np.float32(1))
        for frame in range(info.frames):
            first, end = frame - WINDOW // 2, frame - WINDOW // 2 + WINDOW
            for batch, frames in zip(made, (pixels, confidence), strict=True):
                window = frames[max(first, 0) : min(end, info.frames)]
                if first < 0 or end > info.frames:
                    edges = (max(-first, 0), max(end - info.frames, 0))
                    window = np.pad(window, (edges, *[(0, 0)] * (frames.ndim - 1)), "edge")
                batch[filled] = window
            filled += 1
            if filled == BATCH:
                yield made[0], made[1]
                made, filled = [np.empty_like(batch) for batch in made], 0
    if filled:
        yield made[0][:filled], made[1][:filled]


def test_batches_are_the_loop_s(store: Path) -> None:
    dataset = Dataset(store)
    ours = window_batches(dataset, "train", "found", WINDOW, batch_size=BATCH)
    for _, (pixels, confidence), found in zip(range(20), loop(dataset), ours, strict=False):
        assert np.array_equal(found.keypoints, pixels)
        assert np.array_equal(found.confidence, confidence)


def test_windows_against_a_python_loop(store: Path, beside: Beside) -> None:
    dataset = Dataset(store)

    def ours() -> int:
        return sum(len(batch.frame) for batch in window_batches(dataset, "train", "found", WINDOW, batch_size=BATCH))

    theirs, found = beside(lambda: sum(len(pixels) for pixels, _ in loop(dataset)), ours, least=5, pairs=3)
    assert found == theirs


def test_opening_beside_loading_it(store: Path, beside: Beside) -> None:
    def load() -> int:
        # What a store in one npz or pickle costs before its first frame.
        return len(load_file(store)["view.pixels.found"])

    rows, infos = beside(load, lambda: Dataset(store).sequences("train"), least=2)
    assert sum(info.frames for info in infos) == rows


MEASURE = """
import sys, time
from pathlib import Path

from large_store import anonymous_kib
from posebench.datasets.store import Dataset
from posebench.inputs.window_batches import window_batches
before = anonymous_kib()
began = time.perf_counter()
dataset = Dataset(Path(sys.argv[1]))
infos = dataset.sequences("train")
opened = time.perf_counter() - began
peak = 0
for number, batch in enumerate(window_batches(dataset, "train", "found", 27)):
    if number % 50 == 0:
        peak = max(peak, anonymous_kib() - before)
print(opened, max(peak, anonymous_kib() - before), sum(info.frames for info in infos))
"""


@pytest.mark.skipif(not SMAPS.exists(), reason=f"anonymous memory is read from {SMAPS}")
def test_opening_takes_no_time_and_reading_no_memory(store: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, str(store)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(SUPPORT)},
    )  # fmt: skip
    opened, kibibytes, frames = result.stdout.split()
    assert int(frames) >= FRAMES // 100
    assert float(opened) < 0.5
    assert int(kibibytes) < 200 * 1024
