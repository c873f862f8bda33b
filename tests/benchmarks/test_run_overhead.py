"""What `run` costs beyond its lifter: CPU time beside a bare loop over the model, and memory over the length of a data set.

Scoring is no part of it: that is `test_scoring.py`.
"""

import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest
import torch
from large_store import FRAMES, SMAPS, large_inputs, write_large
from pytest_benchmark.fixture import BenchmarkFixture
from ratios import Beside
from torch import Tensor

from posebench.datasets.library import load_dataset
from posebench.datasets.store import Dataset
from posebench.inputs.sources import find_source
from posebench.inputs.spec import InputsSpec
from posebench.prediction.create import load_lifter
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.predict_sequence import lift, show_sequence, window_batch
from posebench.prediction.runner import RunPlan, RunSettings, full_float32, plan_run, run_predictions
from posebench.prediction.windows import plan_windows
from posebench.protocols.open_sets import open_standard

SUPPORT = Path(__file__).parents[1] / "support"
#: How much CPU time a run may take, over that of the bare loop: in videos of Human3.6M's length, and in the
#: clips of 200 frames of the bundled data, where a file is written for every 11 ms of work.
MOST_CPU = {"videos": 1.05, "clips": 1.10}
#: On a GPU wall time counts, and reading, projecting and writing on one core is most of it. A floor: the baseline holds it.
LEAST_ON_A_GPU = 0.1
#: How far the poses of the two may be apart.
MOST_MM = {"cpu": 0.0, "cuda": 1e-3}
#: How much more memory ten times as many frames may take.
MOST_MIB = 20


def shown_batches(plan: RunPlan) -> list[LifterInputs]:
    """Everything that the lifter will be shown, ready in memory."""
    source = find_source(plan.manifest.inputs.source)
    made = []
    for item in plan.wanted:
        sequence = plan.dataset.read(item.info)
        shown, _ = show_sequence(plan.lifter, plan.joints, sequence, source.read(sequence), plan.device)
        windows = plan_windows(plan.lifter.spec, item.info.frames)
        for batch, _ in windows.batches(plan.manifest.batch_size):
            made.append(window_batch(shown, windows.inputs(batch), (), plan.device))
    return made


def bare_loop(plan: RunPlan, batches: list[LifterInputs]) -> list[Tensor]:
    """The reference: the model called on one batch after another and nothing else, once for warming up."""
    with torch.inference_mode(), full_float32():
        _, *made = [lift(plan.lifter, plan.joints.lifter, one, plan.settings.flip) for one in [batches[0], *batches]]
    return [lifted.poses for lifted in made]


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("data", ["videos", "clips"])
def test_a_run_beside_the_bare_model_loop(
    beside: Beside, benchmark: BenchmarkFixture, tmp_path: Path, data: str, one_thread: None
) -> None:
    compare(beside, tmp_path, data, "cpu", 3_000 if benchmark.disabled else 20_000, 1 / MOST_CPU[data])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_run_on_a_gpu_beside_the_bare_model_loop(beside: Beside, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    compare(beside, tmp_path, "videos", "cuda", 3_000 if benchmark.disabled else 100_000, LEAST_ON_A_GPU)


def compare(beside: Beside, folder: Path, data: str, device: str, frames: int, least: float) -> None:
    """Two runs of the bundled VideoPose3D: the bare one, and ours into a folder, with the same poses."""
    dataset, inputs = open_data(data, folder, frames)
    settings = RunSettings(device=device, flip=True, limit=frames)
    lifter = load_lifter("videopose3d")
    plan = plan_run(lifter, dataset, inputs, settings)
    lifter.module.to(plan.device)
    batches, number = shown_batches(plan), count()
    theirs, run = beside(
        lambda: bare_loop(plan, batches),
        lambda: run_predictions(lifter, dataset, inputs, folder / f"run-{next(number)}", settings),
        least=least, device=device,
    )  # fmt: skip
    for poses, item in zip(theirs, plan.wanted, strict=True):
        found = torch.from_numpy(run.folder.read(item.info.id).poses)
        torch.testing.assert_close(found, poses[0][:, : len(item.frames)].cpu(), rtol=0, atol=MOST_MM[device])


def open_data(data: str, folder: Path, frames: int) -> tuple[Dataset, InputsSpec]:
    if data == "videos":
        return Dataset(write_large(folder, frames)), large_inputs()
    return load_dataset("procedural"), open_standard("procedural", default_source="gt").inputs


MEASURE = """
import sys
from pathlib import Path

from large_store import anonymous_kib, large_inputs
from posebench.datasets.store import Dataset
from posebench.prediction.create import load_lifter
from posebench.prediction.runner import RunSettings, run_predictions

peak = 0
def look(done, total):
    global peak
    peak = max(peak, anonymous_kib())

run = run_predictions(
    load_lifter("zero-depth"), Dataset(Path(sys.argv[1])), large_inputs(), Path(sys.argv[2]), RunSettings(device="cpu"), look
)
print(run.clock.frames, peak)
"""


@pytest.mark.skipif(not SMAPS.exists(), reason=f"anonymous memory is read from {SMAPS}")
def test_memory_is_flat_over_the_length_of_the_data_set(tmp_path: Path) -> None:
    peaks = []
    for name, frames in (("short", FRAMES // 100), ("long", FRAMES // 10)):
        (tmp_path / name).mkdir()
        store = write_large(tmp_path / name, frames)
        result = subprocess.run(
            [sys.executable, "-c", MEASURE, str(store), str(tmp_path / name / "run")],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(SUPPORT)},
        )  # fmt: skip
        lifted, kibibytes = map(int, result.stdout.split())
        assert lifted >= frames
        peaks.append(kibibytes / 1024)
    assert peaks[1] - peaks[0] < MOST_MIB, peaks
