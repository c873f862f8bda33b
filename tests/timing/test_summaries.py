"""Percentiles that have enough laps, ratios pair by pair, and options that cannot be."""

import numpy as np
import pytest

from posebench.errors import UsageError
from posebench.timing.options import TimingSettings, check_device, check_dtype, parse_dtypes, parse_sizes
from posebench.timing.summaries import paired_ratio, summarise


def test_laps_in_milliseconds() -> None:
    laps = summarise([i / 1000 for i in range(1, 101)])
    assert (laps.count, laps.slowest) == (100, pytest.approx(100))
    assert (laps.p50, laps.p90, laps.p99) == (pytest.approx(50.5), pytest.approx(90.1), pytest.approx(99.01))
    assert laps.spread == pytest.approx(49.5 / 50.5)


def test_no_percentile_of_too_few_laps() -> None:
    few, more = summarise([0.001] * 9), summarise([0.001] * 99)
    assert (few.p90, few.p99) == (None, None)
    assert more.p90 == pytest.approx(1.0)
    assert more.p99 is None


def test_a_paired_ratio_cancels_what_slows_both() -> None:
    slow = np.linspace(1, 10, 20)
    ratio = paired_ratio(2 * slow, slow)
    assert (ratio.median, ratio.low, ratio.high, ratio.pairs) == (2.0, 2.0, 2.0, 20)


@pytest.mark.parametrize(
    ("pairs", "low", "high"),
    # Tables of the sign test: 6 and 8 pairs have the extremes, 9 the second of each side, 20 the sixth.
    [(5, None, None), (6, 1, 6), (8, 1, 8), (9, 2, 8), (20, 6, 15)],
)
def test_the_interval_is_that_of_the_sign_test(pairs: int, low: int | None, high: int | None) -> None:
    mixed = np.random.RandomState(0).permutation(pairs) + 1.0
    ratio = paired_ratio(mixed, np.ones(pairs))
    assert (ratio.low, ratio.high) == (low, high)
    assert ratio.median == (pairs + 1) / 2


def test_more_confidence_is_wider() -> None:
    assert paired_ratio(np.arange(1, 10), np.ones(9), 0.999).low is None
    assert paired_ratio(np.arange(1, 12), np.ones(11), 0.999).low == 1


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"seconds": 0.0}, "--seconds is 0"),
        ({"seconds": float("nan")}, "--seconds is nan"),
        ({"seconds": float("inf")}, "--seconds is inf"),
        ({"threads": 0}, "--threads is 0"),
        ({"batch_sizes": (1, 0)}, "different numbers"),
        ({"batch_sizes": (1, 1)}, "different numbers"),
        ({"batch_sizes": (8,)}, "must begin with 1"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        TimingSettings(**settings)  # type: ignore[arg-type]


def test_words_of_the_command_line() -> None:
    assert parse_dtypes("fp32, bf16") == ("fp32", "bf16")
    assert parse_sizes("1, 16") == (1, 16)
    for wrong in ("fp64", "fp32,fp32", ""):
        with pytest.raises(UsageError):
            parse_dtypes(wrong)
    for wrong in ("1,", "1,-8", "a", "1,²", "1,٨", "1," + "9" * 5000):
        with pytest.raises(UsageError):
            parse_sizes(wrong)


def test_dtypes_of_a_gpu_are_refused_on_a_cpu() -> None:
    check_dtype("bf16", "cpu")
    check_dtype("fp16", "cuda")
    for dtype in ("tf32", "fp16"):
        with pytest.raises(UsageError, match="needs a GPU"):
            check_dtype(dtype, "cpu")  # type: ignore[arg-type]


def test_a_device_without_a_clock_is_refused() -> None:
    check_device("cpu")
    check_device("cuda")
    for device in ("mps", "xpu", "meta"):
        with pytest.raises(UsageError, match="cannot be timed"):
            check_device(device)
