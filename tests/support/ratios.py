"""The one way that a benchmark is measured: ours beside a plain reference, in turns, as how many times as fast.

The two stand next to each other, so whatever else the machine does meets both; a ratio is worth more on another
machine than seconds are. What counts is the median of the pairs' ratios, with the sign test's interval.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from pytest_benchmark.fixture import BenchmarkFixture
from tabulate import tabulate

from posebench.files import write_text
from posebench.results.environment import cpu_model
from posebench.timing.summaries import paired_ratio

BASELINE = Path(__file__).parents[1] / "benchmarks" / "baseline.json"
#: What of its committed ratio a benchmark must keep on the machine that the baseline is of.
KEEP = 0.8

R = TypeVar("R")
O = TypeVar("O")  # noqa: E741  # ours, beside the reference
Clock = Callable[[], float]


@dataclass(frozen=True)
class Measured:
    """A benchmark's outcome: median seconds of both, and how many times as fast ours is."""

    name: str
    machine: str
    reference_seconds: float
    seconds: float
    ratio: float
    low: float | None
    high: float | None
    pairs: int
    least: float


class Baseline:
    """The committed ratios, by the processor or GPU that they were measured on, then by benchmark."""

    def __init__(self, path: Path = BASELINE) -> None:
        self._path = path
        self._of: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def ratio(self, machine: str, name: str) -> float | None:
        """The committed ratio; None on a machine that has none, or of a new benchmark."""
        return self._of.get(machine, {}).get(name)

    def rebase(self, measured: list[Measured]) -> None:
        """Write these ratios into the file; others stay, and none that is under its least is taken."""
        for one in measured:
            if one.ratio >= one.least:
                self._of.setdefault(one.machine, {})[one.name] = round(one.ratio, 3)
        write_text(self._path, json.dumps(self._of, indent=1, sort_keys=True) + "\n")


class Beside:
    """What the fixture `beside` is: one comparison of one benchmark."""

    def __init__(
        self, benchmark: BenchmarkFixture, name: str, clock: Clock, baseline: Baseline | None, done: list[Measured]
    ) -> None:
        self._benchmark, self._name, self._clock = benchmark, name, clock
        self._baseline, self._done = baseline, done

    def __call__(
        self, reference: Callable[[], R], ours: Callable[[], O], *, least: float, pairs: int = 9, device: str = "cpu"
    ) -> tuple[R, O]:
        """What both return, to be compared; with benchmarks on, they run in turns, and ours must be `least` times as fast.

        Work on `device` "cuda" is waited for. Without benchmarks both run once and no clock is looked at.
        """
        wait = torch.cuda.synchronize if device == "cuda" else _nothing
        laps: list[float] = []
        returned: list[R | O] = []

        def first() -> None:
            wait()
            began = self._clock()
            made = reference()
            wait()
            laps.append(self._clock() - began)
            returned[:] = [made]

        def second() -> O:
            made = ours()
            wait()
            return made

        made = self._benchmark.pedantic(second, setup=first, rounds=pairs, warmup_rounds=1)
        if self._benchmark.enabled:
            data = self._benchmark.stats.stats.data
            self._judge(
                laps[1 : pairs + 1], data, least, torch.cuda.get_device_name() if device == "cuda" else cpu_model()
            )
        return returned[0], made  # type: ignore[return-value]

    def _judge(self, theirs: list[float], ours: list[float], least: float, machine: str) -> None:
        found = paired_ratio(theirs, ours)
        middle = [sorted(laps)[len(laps) // 2] for laps in (theirs, ours)]
        one = Measured(
            self._name, machine, middle[0], middle[1], found.median, found.low, found.high, found.pairs, least
        )
        self._done.append(one)
        self._benchmark.extra_info.update(ratio=one.ratio, low=one.low, high=one.high, least=least, machine=machine)
        assert one.ratio >= least, f"{one.ratio:.2f} times as fast as its reference; {least:g} is promised"
        before = self._baseline.ratio(machine, self._name) if self._baseline else None
        if before is not None:
            assert one.ratio >= KEEP * before, (
                f"{one.ratio:.2f} times as fast as its reference, {before:.2f} in {BASELINE.name}"
            )


def table(measured: list[Measured], baseline: Baseline) -> str:
    """The outcomes as a table, one line a benchmark."""
    rows = [
        (
            one.name,
            f"{one.reference_seconds * 1e3:.3g}",
            f"{one.seconds * 1e3:.3g}",
            f"{one.ratio:.2f}",
            "" if one.low is None else f"{one.low:.2f} to {one.high:.2f}",
            f"{one.least:g}",
            baseline.ratio(one.machine, one.name) or "none",
        )
        for one in measured
    ]
    head = ("benchmark", "reference ms", "ours ms", "times as fast", "95 %", "least", "baseline")
    return tabulate(rows, head, disable_numparse=True)


def _nothing() -> None:
    """A CPU is never waited for."""
