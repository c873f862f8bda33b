"""Percentiles of laps, and the ratio of two lifters with its interval."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from posebench.seeding import frozen_generator

#: Laps from which a percentile is given: fewer have none that is not their own slowest.
LAPS_FOR = {50: 1, 90: 10, 99: 100}
RESAMPLES = 2000


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
    """A median of paired ratios, and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float
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


def paired_ratio(above: npt.ArrayLike, below: npt.ArrayLike, *name: object) -> Ratio:
    """The median of above / below, pair by pair; `name` names the stream that resamples the pairs."""
    ratios = np.asarray(above, float) / np.asarray(below, float)
    random = frozen_generator("time", "bootstrap", *name)
    drawn = np.median(ratios[random.randint(0, len(ratios), (RESAMPLES, len(ratios)))], axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Ratio(float(np.median(ratios)), float(low), float(high), len(ratios))
