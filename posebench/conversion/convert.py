"""An author's checkpoint becomes weights of ours: read, renamed by rules, held against the lifter built for its shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posebench.conversion.averages import with_averages
from posebench.conversion.configure import build_empty, choose_config, find_conversion
from posebench.conversion.container import Checkpoint, read_checkpoint
from posebench.conversion.rules import Conversion
from posebench.conversion.state import MappedState, map_state, rename, shapes_of
from posebench.conversion.statistics import Statistics, read_statistics


@dataclass(frozen=True)
class Converted:
    """What is written, and where all of it came from."""

    conversion: Conversion
    checkpoint: Checkpoint
    config: dict[str, Any]
    given: dict[str, Any]
    """What the user said of the configuration; the rest is inferred."""
    targets: dict[str, str | None]
    state: MappedState
    statistics: Statistics
    averaged: bool
    """The parameters are the checkpoint's moving averages."""
    parameters: int


def convert(
    architecture: str,
    checkpoint: Path,
    statistics: Sequence[Path] = (),
    config: Mapping[str, Any] | None = None,
    strict: bool = True,
) -> Converted:
    """Convert a checkpoint of a public codebase; writes nothing.

    `statistics` are the files of mean and deviation that some codebases keep beside it; `config` says what shapes do
    not tell, in our names or the public constructor's, and `strict` refuses other names in it. Raises
    `UnknownNameError`, `UsageError` and `WeightsError`, which names the first key that does not fit.
    """
    tag, conversion = find_conversion(architecture)
    read = read_checkpoint(checkpoint)
    shapes = shapes_of(read.tensors)
    targets = rename(conversion, shapes)
    given = dict(config or {})
    chosen = choose_config(conversion, tag, shapes, given, strict)
    module = build_empty(tag, chosen)
    stats = read_statistics(conversion, statistics)
    tensors = read.tensors
    if read.averaged is not None:
        parameters = {name for name, _ in module.named_parameters()}
        tensors = with_averages(tensors, read.averaged, [key for key in tensors if targets[key] in parameters])
    state = map_state(conversion, module, tensors, targets, stats.buffers)
    count = sum(parameter.numel() for parameter in module.parameters())
    return Converted(conversion, read, chosen, given, targets, state, stats, read.averaged is not None, count)
