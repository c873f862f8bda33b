"""The guard of metrics that compare: NaN passes no threshold and wins no minimum, so it would be counted in silence."""

import torch
from torch import Tensor

from posebench.errors import NotFiniteError


def require_finite(metric: str, *values: Tensor) -> None:
    """Raise `NotFiniteError` naming the metric when any value is NaN or infinite."""
    if not all(torch.isfinite(value).all() for value in values):
        raise NotFiniteError(
            f"{metric} was given poses that hold NaN or infinity, which it would count as if they were ordinary errors; "
            "leave those frames out or repair the prediction."
        )
