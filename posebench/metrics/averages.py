"""From numbers of groups (sequences, actions, activities) to one number: the choices in use, exactly rounded.

The same predictions score 29.77, 29.20 or 28.68 mm on MPI-INF-3DHP under the three averages below (protocols.md, M4).
NaN in gives NaN out.
"""

import math
from collections.abc import Sequence

from posebench.errors import UsageError


def mean_of_groups(values: Sequence[float]) -> float:
    """Every group counts alike: the mean over actions of VideoPose3D, over six sequences of D3DP, over seven activities."""
    if not values:
        raise UsageError("There are no groups to average.")
    return math.fsum(values) / len(values)


def weighted_mean(values: Sequence[float], counts: Sequence[float]) -> float:
    """Every group counts by its frames: pooled when `counts` are the frames that `values` are means of.

    With the older release's 2,929 frames of MPI-INF-3DHP it is P-STMO's average. Raises `UsageError` for
    unequal lengths and for counts that are negative or sum to nothing.
    """
    if len(values) != len(counts):
        raise UsageError(f"{len(values)} values have {len(counts)} counts; each needs its own.")
    total = math.fsum(counts)
    if not total > 0 or min(counts) < 0:
        raise UsageError(f"Counts must be positive and sum to more than 0, these are {list(counts)}.")
    return math.fsum(value * count for value, count in zip(values, counts, strict=True)) / total
