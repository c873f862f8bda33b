"""One value of a public evaluator beside ours."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FLOAT64_TOLERANCE = 1e-6
#: Inputs stored as float32 were evaluated in float32 by the public code.
FLOAT32_TOLERANCE = 1e-4
#: Expected values nearer to 0 than this are compared with this: a perfect pose leaves only rounding to compare.
SMALLEST = 1e-3


@dataclass(frozen=True)
class Comparison:
    """A case and whether we agree. `finding` is empty or says in a line why there was nothing to compare."""

    case: str
    expected: float | None
    ours: float | None
    relative_difference: float | None
    tolerance: float
    passed: bool
    finding: str = ""


def compare(case: str, expected: Any, ours: Any, tolerance: float, rounding: float = 0.0) -> Comparison:
    """Compare two numbers: |ours - expected| / max(|expected|, 1e-3) within `tolerance`.

    `rounding` is half a unit of the last decimal that the expected value was
    printed with; it widens the tolerance where it is more. NaN agrees with NaN
    (the mean of no frames) and with nothing else.
    """
    expected, ours = float(expected), float(ours)
    size = max(abs(expected), SMALLEST)
    if expected == ours or (math.isnan(expected) and math.isnan(ours)):
        difference = 0.0
    elif math.isfinite(expected) and math.isfinite(ours):
        difference, tolerance = abs(ours - expected) / size, max(tolerance, rounding / size)
    else:
        difference = math.inf
    return Comparison(case, expected, ours, difference, tolerance, difference <= tolerance)


def compare_each(case: str, expected: npt.ArrayLike, ours: npt.ArrayLike, tolerance: float) -> Iterator[Comparison]:
    """Compare arrays element by element: a case each."""
    expected, ours = np.asarray(expected), np.asarray(ours)
    if expected.shape != ours.shape:
        yield failure(case, f"expected holds {expected.shape} values, its inputs give {ours.shape}")
        return
    for index in np.ndindex(expected.shape):
        yield compare(f"{case}{_place(index)}", expected[index], ours[index], tolerance)


def compare_worst(case: str, expected: npt.ArrayLike, ours: npt.ArrayLike, tolerance: float) -> Comparison:
    """Compare arrays element by element and show the element that agrees least."""
    every = list(compare_each(case, expected, ours, tolerance))
    if not every:
        return failure(case, "expected holds no values")
    worst = max(every, key=lambda one: math.inf if one.relative_difference is None else one.relative_difference)
    return worst if worst.finding else Comparison(**{**vars(worst), "case": f"{worst.case} worst of {len(every)}"})


def failure(case: str, finding: str) -> Comparison:
    """A case that could not be compared: a file that is missing, unknown or damaged."""
    return Comparison(case, None, None, None, 0.0, False, finding)


def _place(index: tuple[int, ...]) -> str:
    return f"[{','.join(str(i) for i in index)}]" if index else ""
