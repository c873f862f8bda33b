"""A store of the size of Human3.6M: opening it, and windows from it. The full size runs under `tox -e bench`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from tiny import STANDING, tiny_cameras

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, StoredKeypoints, View
from posebench.datasets.store import Dataset
from posebench.datasets.write_store import write_store
from posebench.inputs.window_batches import window_batches
from posebench.skeletons import HUMAN36M_17

#: Camera frames of Human3.6M's seven subjects (1,559,752 + 543,344), and of one video.
FRAMES, LENGTH = 2_103_096, 2_511
WINDOW, BATCH = 27, 1024


class Large(Adapter):
    """Clips of two cameras with stored 2D, as many as it takes."""

    name = "large"
    version = "1"
    forms = (Form("", HUMAN36M_17, 50.0),)

    def __init__(self, frames: int) -> None:
        self.count_clips = -(-frames // (2 * LENGTH))

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        random = np.random.RandomState(0)
        world = STANDING + random.normal(0, 20, (LENGTH, 17, 3))
        views = tuple(
            View(camera, keypoints={"found": StoredKeypoints(random.uniform(0, 1000, (LENGTH, 17, 2)))})
            for camera in tiny_cameras()
        )
        for number in range(self.count_clips):
            yield Clip("S1", "any", str(number), "train", views, world)

    def verify(self, dataset: Dataset) -> list[Check]:
        return []


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The store; a hundredth of the size where benchmarks do not run."""
    full = request.config.getoption("benchmark_enable")
    adapter = Large(FRAMES if full else FRAMES // 100)
    path = tmp_path_factory.mktemp("large") / "large.safetensors"
    write_store(adapter, adapter.forms[0], adapter.clips(None, adapter.forms[0]), path)
    return path


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


def test_windows_against_a_python_loop(store: Path, benchmark: BenchmarkFixture) -> None:
    dataset = Dataset(store)

    def ours() -> int:
        return sum(len(batch.frame) for batch in window_batches(dataset, "train", "found", WINDOW, batch_size=BATCH))

    def reference() -> int:
        return sum(len(pixels) for pixels, _ in loop(dataset))

    assert ours() == reference()  # and both have the pages in the cache now
    began = time.perf_counter()
    reference()
    plain = time.perf_counter() - began
    benchmark.pedantic(ours, rounds=3)
    if benchmark.stats is not None:
        benchmark.extra_info["times faster than a Python loop"] = plain / benchmark.stats.stats.min
        assert plain / benchmark.stats.stats.min >= 5


MEASURE = """
import sys, time
from pathlib import Path

def anonymous():
    text = Path("/proc/self/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Anonymous:"))

from posebench.datasets.store import Dataset
from posebench.inputs.window_batches import window_batches
before = anonymous()
began = time.perf_counter()
dataset = Dataset(Path(sys.argv[1]))
infos = dataset.sequences("train")
opened = time.perf_counter() - began
peak = 0
for number, batch in enumerate(window_batches(dataset, "train", "found", 27)):
    if number % 50 == 0:
        peak = max(peak, anonymous() - before)
print(opened, max(peak, anonymous() - before), sum(info.frames for info in infos))
"""


def test_opening_takes_no_time_and_reading_no_memory(store: Path, benchmark: BenchmarkFixture) -> None:
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("anonymous memory is read from /proc/self/smaps_rollup, which this system does not have")
    result = subprocess.run([sys.executable, "-c", MEASURE, str(store)], capture_output=True, text=True, check=True)
    opened, kibibytes, frames = result.stdout.split()
    assert int(frames) >= FRAMES // 100
    assert float(opened) < 0.5
    assert int(kibibytes) < 200 * 1024
    benchmark.pedantic(lambda: Dataset(store).sequences("train"), rounds=3)
    benchmark.extra_info.update(seconds_to_open=float(opened), anonymous_mib=int(kibibytes) / 1024, frames=int(frames))
