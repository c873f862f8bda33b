"""Two workers beside one, each with one thread: what the engine `local` costs beyond the work it shares out."""

import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import posebench
from posebench.engines.engine import cores
from posebench.engines.local import LocalEngine

#: How much faster two workers must be on two cores (start-up apart: the processes stay from run to run).
LEAST = 1.6


def seconds(engine: LocalEngine, folder: Path) -> float:
    """Of predicting the bundled data set with the bundled VideoPose3D, the processes there already."""
    began = time.perf_counter()
    posebench.predict("videopose3d", folder, dataset="procedural", flip=True, engine=engine)
    return time.perf_counter() - began


@pytest.mark.skipif(cores() < 2, reason="two workers have nothing to gain on one core")
def test_two_workers_beside_one(benchmark: BenchmarkFixture, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    one, two = LocalEngine(1, threads=1), LocalEngine(2, threads=1)
    request.addfinalizer(one.close)
    request.addfinalizer(two.close)
    for name, engine in (("one", one), ("two", two)):
        posebench.predict("videopose3d", tmp_path / f"warm-{name}", dataset="procedural", limit=2000, engine=engine)
    if benchmark.disabled:
        return  # the two work; how fast is asked on an idle machine
    ratios = []
    for turn in range(3):  # in turns: what else the machine does meets both
        alone = seconds(one, tmp_path / f"one-{turn}")
        ratios.append(alone / seconds(two, tmp_path / f"two-{turn}"))
    benchmark.pedantic(lambda: seconds(two, tmp_path / "benchmark"), rounds=1)
    ratio = sorted(ratios)[1]
    benchmark.extra_info["two workers over one"] = round(ratio, 2)
    assert ratio >= LEAST, ratios
