"""How the keys of a public state dict become ours: declared rules, every key used exactly once. A leaf without torch."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from posebench.errors import WeightsError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Rule:
    """A key that `pattern` matches whole becomes `target` (a template of `re.Match.expand`); None leaves it away."""

    pattern: str
    target: str | None


@dataclass(frozen=True)
class Conversion:
    """What posebench must know of one public codebase to convert its checkpoints.

    `architecture`
        The lifter that loads the result.
    `repository`, `licence`
        Whose checkpoints these are, and the code's licence or `none`.
    `parity`
        Names of the parity files (`posebench verify models`) that this conversion serves.
    `rules`
        From public keys to keys of our lifter, tried in order; the first that matches is used.
    `infer`
        Our configuration from the public keys and shapes, as far as they tell it.
    `translate`
        Our configuration from the public constructor's (`NAME.json` of a parity file, `--config`).
    `run`
        Our lifter on the inputs of a parity file: module and arrays by name to the output; imports torch inside.
    `statistics`
        Names of the buffers that files given by `--stats` fill; empty when a checkpoint is whole by itself.
    `fill`
        Some of these buffers from the arrays of one such file; raises `WeightsError` when it is of another kind.
    """

    architecture: str
    repository: str
    licence: str
    parity: tuple[str, ...]
    rules: tuple[Rule, ...]
    infer: Callable[[Shapes], dict[str, Any]]
    translate: Callable[[Mapping[str, Any]], dict[str, Any]]
    run: Callable[[Any, Mapping[str, Any]], Any]
    statistics: tuple[str, ...] = ()
    fill: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None


def map_keys(conversion: Conversion, keys: Iterable[str], shapes: Shapes | None = None) -> dict[str, str | None]:
    """Public key -> our key, None for one that is left away.

    Raises `WeightsError` for a key that no rule knows, with its shape where shapes are given, and for two that become one.
    """
    mapped: dict[str, str | None] = {}
    taken: dict[str, str] = {}
    for key in keys:
        for rule in conversion.rules:
            if (match := re.fullmatch(rule.pattern, key)) is not None:
                target = None if rule.target is None else match.expand(rule.target)
                break
        else:
            shape = f" of shape {shapes[key]}" if shapes is not None else ""
            raise WeightsError(
                f"The key {key!r}{shape} is not one of {conversion.repository}'s {conversion.architecture}; "
                "check that the checkpoint is of this architecture."
            )
        if target is not None and target in taken:
            raise WeightsError(f"The keys {taken[target]!r} and {key!r} both become {target!r}; the rules are wrong.")
        if target is not None:
            taken[target] = key
        mapped[key] = target
    return mapped
