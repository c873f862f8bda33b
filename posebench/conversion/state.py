"""A public state dict as ours: every key used once, every shape the lifter's, or the first that differs named."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from posebench.conversion.configure import build_empty, find_conversion, infer_config
from posebench.conversion.rules import Conversion, Shapes, map_keys
from posebench.errors import WeightsError
from posebench.registry.decorators import CONVERSIONS

#: Counters that PyTorch before 0.4.1 did not write; evaluation does not read them.
COUNTER = ".num_batches_tracked"


@dataclass(frozen=True)
class MappedState:
    """Our state dict, and what was left away of the public one or added to it."""

    tensors: dict[str, Tensor]
    left: tuple[str, ...]
    """Public keys that no key of ours holds."""
    filled: tuple[str, ...]
    """Our counters that the checkpoint is too old to have: 0."""
    cast: tuple[str, ...]
    """Dtypes that became the lifter's, `torch.float16` for one."""


def shapes_of(tensors: Mapping[str, Tensor]) -> Shapes:
    """Shapes by key."""
    return {key: tuple(value.shape) for key, value in tensors.items()}


def rename(conversion: Conversion, shapes: Shapes) -> dict[str, str | None]:
    """`map_keys`, and whose keys they are where they are another architecture's.

    Raises `WeightsError` with the first key that no rule knows and its shape.
    """
    try:
        return map_keys(conversion, shapes, shapes)
    except WeightsError as error:
        fitting = [name for name in CONVERSIONS.names() if name != conversion.architecture and _fits(name, shapes)]
        hint = f" Its keys are those of {' or '.join(fitting)}." if fitting else ""
        raise WeightsError(f"{error}{hint}") from error


def _fits(architecture: str, shapes: Shapes) -> bool:
    """Whether keys and shapes are those of an architecture, as far as they are without files beside them."""
    try:
        tag, conversion = find_conversion(architecture)
        targets = map_keys(conversion, shapes)
        own = build_empty(tag, infer_config(conversion, shapes)).state_dict()
    except Exception:  # rules on keys that are not theirs: whatever goes wrong, they do not fit
        return False
    found = {target: shapes[key] for key, target in targets.items() if target is not None}
    needed = {key: tuple(value.shape) for key, value in own.items() if key not in conversion.statistics}
    return found == {key: shape for key, shape in needed.items() if key in found or not key.endswith(COUNTER)}


def map_state(
    conversion: Conversion,
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    targets: Mapping[str, str | None],
    statistics: Mapping[str, Tensor],
) -> MappedState:
    """Our state dict of this module from public tensors and their targets; `statistics` are ours already.

    Raises `WeightsError` naming the first key that has no place, another shape or kind of number, or is missing.
    """
    own, this = module.state_dict(), f"this {conversion.architecture}"
    found: dict[str, Tensor] = dict(statistics)
    cast: list[str] = []
    for key, value in tensors.items():
        target = targets[key]
        if target is None:
            continue
        shape = tuple(value.shape)
        if target not in own:
            raise WeightsError(f"The key {key!r} of shape {shape} has no place in {this}.")
        if shape != (expected := tuple(own[target].shape)):
            raise WeightsError(f"The key {key!r} is {shape}, and {this} has {expected} there.")
        dtype = own[target].dtype
        if value.is_floating_point() != dtype.is_floating_point:
            raise WeightsError(f"The key {key!r} holds {value.dtype}, and {this} has {dtype} there.")
        if value.dtype != dtype:
            cast.append(str(value.dtype))
        found[target] = value.to(dtype).contiguous()
    filled = [key for key in own if key not in found and key.endswith(COUNTER)]
    for key in own:
        if key in filled:
            found[key] = own[key].new_zeros(own[key].shape, device="cpu")
        elif key not in found:
            raise WeightsError(f"The checkpoint lacks {key!r} of shape {tuple(own[key].shape)}, which {this} has.")
    left = [key for key, target in targets.items() if target is None]
    return MappedState({key: found[key] for key in own}, tuple(left), tuple(filled), tuple(dict.fromkeys(cast)))
