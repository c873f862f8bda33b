"""The judge of the benchmarks, on clocks that are told what to say."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ratios import Baseline, Beside, Measured, table

from posebench.results.environment import cpu_model


class Fake:
    """pytest-benchmark, and a clock that only its work moves."""

    enabled = True

    def __init__(self) -> None:
        self.now, self.extra_info, self.calls = 0.0, dict[str, Any](), list[str]()
        self.stats = SimpleNamespace(stats=SimpleNamespace(data=list[float]()))

    def work(self, name: str, seconds: float) -> Callable[[], str]:
        def run() -> str:
            self.now += seconds
            self.calls.append(name)
            return name

        return run

    def pedantic(self, target: Callable[[], str], setup: Callable[[], None], rounds: int, warmup_rounds: int) -> str:
        for number in range(warmup_rounds + rounds):
            setup()
            began = self.now
            made = target()
            if number >= warmup_rounds:
                self.stats.stats.data.append(self.now - began)
        return made


def compare(ratio: float, least: float, baseline: Baseline | None, done: list[Measured]) -> Fake:
    fake = Fake()
    beside = Beside(fake, "name", lambda: fake.now, baseline, done)  # type: ignore[arg-type]
    assert beside(fake.work("reference", ratio), fake.work("ours", 1.0), least=least, pairs=6) == ("reference", "ours")
    return fake


def test_the_two_run_in_turns_and_what_is_found_is_told() -> None:
    done: list[Measured] = []
    fake = compare(3.0, 2, None, done)
    assert fake.calls == ["reference", "ours"] * 7
    assert (done[0].ratio, done[0].low, done[0].high, done[0].pairs) == pytest.approx((3, 3, 3, 6))
    assert fake.extra_info["ratio"] == pytest.approx(3)
    assert "3.00 to 3.00" in table(done, Baseline(Path("nothing")))


def test_less_than_the_least_fails_and_still_stands_in_the_table() -> None:
    done: list[Measured] = []
    with pytest.raises(AssertionError, match=r"2\.00 times as fast as its reference; 2\.5 is promised"):
        compare(2.0, 2.5, None, done)
    assert len(done) == 1


def test_less_than_four_fifths_of_the_baseline_fails_on_its_own_machine_alone(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    for machine in (cpu_model(), "another processor"):
        Baseline(file).rebase([Measured("name", machine, 1.0, 1.0, 10.0, None, None, 6, 2)])
    assert Baseline(file).ratio("another processor", "name") == 10
    compare(8.1, 2, Baseline(file), [])
    with pytest.raises(AssertionError, match=r"10\.00 in baseline\.json"):
        compare(7.9, 2, Baseline(file), [])
    file.write_text(file.read_text(encoding="utf-8").replace(cpu_model(), "a third one"), encoding="utf-8")
    compare(7.9, 2, Baseline(file), [])


def test_a_new_baseline_keeps_the_others_and_takes_nothing_under_its_least(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    Baseline(file).rebase([Measured("one", "m", 1.0, 1.0, 4.0, None, None, 6, 2)])
    Baseline(file).rebase(
        [Measured(name, "m", 1.0, 1.0, 5.0, None, None, 6, least) for name, least in (("two", 2), ("bad", 6))]
    )
    found = Baseline(file)
    assert [found.ratio("m", name) for name in ("one", "two", "bad")] == [4, 5, None]
