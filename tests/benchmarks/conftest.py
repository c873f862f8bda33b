"""`beside`, by which every benchmark is measured, and the table of ratios at the end of `tox -e bench`."""

import time
from collections.abc import Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from ratios import BASELINE, Baseline, Beside, Measured, table

from posebench.results.environment import cpu_model

DONE = pytest.StashKey[list[Measured]]()
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rebase", action="store_true", help=f"write the ratios of this run into {BASELINE.name}")


@pytest.fixture
def beside(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Beside:
    """`beside(reference, ours, least=2)`: see `ratios.Beside`. `@pytest.mark.benchmark(timer=...)` is its clock too."""
    marker = request.node.get_closest_marker("benchmark")
    clock = marker.kwargs.get("timer", time.perf_counter) if marker else time.perf_counter
    done = request.config.stash.setdefault(DONE, [])
    baseline = None if _rebases(request.config) else Baseline()
    return Beside(benchmark, request.node.nodeid.rpartition("/")[2], clock, baseline, done)


@pytest.fixture(params=["cpu", CUDA])
def device(request: pytest.FixtureRequest) -> str:
    """Where the compared work is done."""
    return str(request.param)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes with one thread: CPU time is work, not waiting in turns."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    done = config.stash.get(DONE, [])
    if not done:
        return
    baseline = Baseline()
    terminalreporter.section(f"ratios on {cpu_model()}")
    terminalreporter.write_line(table(done, baseline))
    if _rebases(config):
        baseline.rebase(done)
        terminalreporter.write_line(f"written into {BASELINE}")


def _rebases(config: pytest.Config) -> bool:
    # The whole suite reads this file too late for its option.
    return bool(config.getoption("rebase", False))
