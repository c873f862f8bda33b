"""Percentiles of laps, and the ratio of two lifters with its interval."""

from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

#: Laps from which a percentile is given: fewer have none that is not their own slowest.
LAPS_FOR = {50: 1, 90: 10, 99: 100}


@dataclass(frozen=True)
class Laps:
    """How long one pass takes, in milliseconds. A percentile is None where there are too few laps for it."""

    count: int
    mean: float
    p50: float
    p90: float | None
    p99: float | None
    spread: float
    """Width of the middle half, as a share of p50."""
    slowest: float


@dataclass(frozen=True)
class Ratio:
    """A median of paired ratios, and the interval of the sign test around it; None where there are too few pairs for one."""

    median: float
    low: float | None
    high: float | None
    pairs: int


def summarise(seconds: list[float]) -> Laps:
    """Laps in seconds as milliseconds."""
    values = np.asarray(seconds) * 1e3
    quarter, half, three = np.percentile(values, [25, 50, 75])

    def percentile(q: int) -> float | None:
        return float(np.percentile(values, q)) if len(values) >= LAPS_FOR[q] else None

    return Laps(
        count=len(values),
        mean=float(values.mean()),
        p50=float(half),
        p90=percentile(90),
        p99=percentile(99),
        spread=float((three - quarter) / half),
        slowest=float(values.max()),
    )


def paired_ratio(above: npt.ArrayLike, below: npt.ArrayLike, confidence: float = 0.95) -> Ratio:
    """The median of above / below, pair by pair, and where the median of all such pairs lies with that confidence.

    The interval of the sign test (Conover, Practical Nonparametric Statistics,
    section 3.2): from the k-th smallest to the k-th largest ratio, with the
    largest k that keeps it. Exact for any distribution; 95 % needs 6 pairs.
    """
    ratios = np.sort(np.asarray(above, float) / np.asarray(below, float))
    n = len(ratios)
    outside, k = 0.0, 0
    while 2 * (outside + comb(n, k) / 2**n) <= 1 - confidence:
        outside += comb(n, k) / 2**n
        k += 1
    low, high = (float(ratios[k - 1]), float(ratios[n - k])) if k else (None, None)
    return Ratio(float(np.median(ratios)), low, high, n)
