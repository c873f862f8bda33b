"""Moving averages of the parameters: what the authors of a checkpoint that has them evaluate."""

from collections.abc import Sequence

from torch import Tensor

from posebench.errors import WeightsError


def with_averages(
    tensors: dict[str, Tensor], averaged: dict[str, Tensor] | list[Tensor], parameters: Sequence[str]
) -> dict[str, Tensor]:
    """The state dict with its parameters replaced by their averages; buffers stay.

    Averages without keys are in the order of `parameters`, which is that of the state dict. Raises `WeightsError` when
    they do not belong to it.
    """
    if isinstance(averaged, list):
        if len(averaged) != len(parameters):
            raise WeightsError(
                f"The checkpoint has {len(averaged)} moving averages for {len(parameters)} parameters; which belongs to which "
                "cannot be told."
            )
        averaged = dict(zip(parameters, averaged, strict=True))
    for key, value in averaged.items():
        if key not in tensors or tensors[key].shape != value.shape:
            raise WeightsError(
                f"The checkpoint has a moving average {key!r} of shape {tuple(value.shape)}, and no such parameter; which "
                "belongs to which cannot be told."
            )
    return {**tensors, **averaged}
