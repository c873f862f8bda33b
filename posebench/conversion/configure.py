"""The configuration of our lifter for a checkpoint: what its shapes tell, then what was given, in either's names."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from posebench.conversion.rules import Conversion, Shapes
from posebench.errors import UsageError, WeightsError
from posebench.prediction.create import build_module
from posebench.registry.decorators import CONVERSIONS, LIFTERS
from posebench.registry.plugins import load_plugins
from posebench.registry.resolve import ModelTag, resolve_model


def find_conversion(architecture: str) -> tuple[ModelTag, Conversion]:
    """An architecture and how its public checkpoints are converted.

    Raises `UnknownNameError`, and `UsageError` for an architecture that no public checkpoints are known of.
    """
    load_plugins()
    if architecture in LIFTERS and architecture not in CONVERSIONS:
        raise UsageError(
            f"No public checkpoints of {architecture} are known; those of {', '.join(CONVERSIONS.names())} are converted."
        )
    return resolve_model(architecture), CONVERSIONS.get(architecture).make()


def build_empty(tag: ModelTag, config: Mapping[str, Any]) -> nn.Module:
    """The lifter with shapes and no numbers; raises as `build_module`."""
    with torch.device("meta"):
        return build_module(tag, dict(config))


def infer_config(conversion: Conversion, shapes: Shapes) -> dict[str, Any]:
    """What shapes tell; raises `WeightsError` naming the key without which they tell nothing."""
    try:
        return conversion.infer(shapes)
    except KeyError as error:
        raise WeightsError(
            f"The checkpoint lacks the key {error.args[0]!r}, which every {conversion.architecture} of "
            f"{conversion.repository} has; check that it is of this architecture."
        ) from error
    except (IndexError, ValueError, ZeroDivisionError) as error:
        if isinstance(error, UsageError):
            raise
        raise WeightsError(
            f"The shapes of this checkpoint are not those of a {conversion.architecture} ({error}); check the architecture."
        ) from error


def choose_config(
    conversion: Conversion, tag: ModelTag, shapes: Shapes, given: Mapping[str, Any], strict: bool = True
) -> dict[str, Any]:
    """The inferred configuration with what was given over it, in our names or the public constructor's.

    `strict` refuses, as a `UsageError`, a name that is neither; a training configuration has many of these.
    """
    inferred = infer_config(conversion, shapes)
    own = _own_names(tag) if given else frozenset()
    ours = {name: value for name, value in given.items() if name in own}
    public = [name for name in given if name not in own]
    if not public:
        return {**inferred, **ours}
    try:
        translated = conversion.translate(given)
    except KeyError as error:
        raise UsageError(
            f"--config {', '.join(public)}: {tag.architecture} has {', '.join(sorted(own))}, and {conversion.repository}'s "
            f"names say too little without {error.args[0]}; give that too, or the first."
        ) from error
    for name in public if strict else ():
        if not _tells(conversion, given, name, translated):
            raise UsageError(
                f"--config {name}: {tag.architecture} has {', '.join(sorted(own))}, and of {conversion.repository}'s "
                "names this one tells nothing; give one of the first."
            )
    return {**inferred, **translated, **ours}


def _tells(conversion: Conversion, given: Mapping[str, Any], name: str, translated: Mapping[str, Any]) -> bool:
    """Whether the public name changes anything."""
    try:
        return conversion.translate({other: given[other] for other in given if other != name}) != translated
    except KeyError:
        return True


def _own_names(tag: ModelTag) -> frozenset[str]:
    """The parameters of an architecture: of its factory, or of the class that a factory without names of its own makes."""
    parameters = inspect.signature(tag.entry.factory).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        parameters = inspect.signature(type(build_empty(tag, tag.config))).parameters
    return frozenset(parameters)
