"""An author's checkpoint as a flat state dict: where its container keeps it, what else stands there, nothing run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from posebench.conversion.torch_file import open_torch
from posebench.conversion.torch_pickle import TensorRef
from posebench.errors import WeightsError
from posebench.hashing import hash_file
from posebench.pickles import one_line

#: Where public codebases keep the state dict, in the order in which they are looked for.
STATE_KEYS = ("model_pos", "model", "state_dict", "model_state_dict", "net")
#: Where they keep moving averages of the parameters: all by key, or under `shadow_params` by place.
AVERAGES_KEY, SHADOW_KEY = "ema", "shadow_params"
#: What `torch.nn.DataParallel` puts before every key.
PREFIX = "module."

SAFETENSORS = "safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """The state dict of a checkpoint, and what a card says of the file."""

    path: Path
    sha256: str
    container: str
    taken: str
    """Which entry of the file the state dict is: `model_pos`, `states[0]`, or empty for the file itself."""
    prefix: str
    """What was before every key."""
    tensors: dict[str, Tensor]
    averaged: dict[str, Tensor] | list[Tensor] | None
    """Moving averages of the parameters, by key or in the order of the parameters."""
    facts: dict[str, float]
    """Numbers that stand beside the state dict, such as the epoch."""
    passed_over: tuple[str, ...]
    """Entries that were not read: optimizer, random states."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file of `torch.save`, old or new, or safetensors with public keys.

    Raises `WeightsError` when it is missing, cut off, holds no state dict, or names anything that is no part of one.
    """
    if _is_safetensors(path):
        return _read_safetensors(path)
    with open_torch(path) as file:
        taken, state, averaged = _find_state(file.value, path)
        beside = file.value if isinstance(file.value, dict) and taken else {}
        facts = {key: float(value) for key, value in beside.items() if _is_number(value)}
        read = _without_prefix({key: file.read(value) for key, value in state.items()})
        averages = _read_averages(averaged, file.read)
        used = {taken, *facts, *([AVERAGES_KEY] if averages else [])}
        return Checkpoint(
            path,
            hash_file(path),
            file.container,
            taken,
            PREFIX if read.keys() != state.keys() else "",
            read,
            averages,
            facts,
            tuple(one_line(str(key)) for key in beside if key not in used),
        )


def _find_state(value: Any, path: Path) -> tuple[str, Mapping[str, TensorRef], Any]:
    """Its place in the file, the state dict, and the moving averages if there are any."""
    if _is_state(value):
        return "", value, None
    if isinstance(value, list) and value and _is_state(value[0]):
        # Of DDIM's family: model, optimizer, epoch, step, and the averages by key where they are kept.
        averaged = value[-1] if len(value) > 4 and _is_state(value[-1]) else None
        return "states[0]", value[0], averaged
    if isinstance(value, dict):
        for key in STATE_KEYS:
            if _is_state(value.get(key)):
                return key, value[key], value.get(AVERAGES_KEY)
        held = ", ".join(one_line(str(key)) for key in list(value)[:8]) or "nothing"
        raise WeightsError(
            f"The checkpoint {path} holds no state dict: it has {held}, and one is looked for under "
            f"{', '.join(STATE_KEYS)}; give the file that its author evaluates."
        )
    raise WeightsError(
        f"The file {path} holds a {type(value).__name__}, not a state dict; give the author's checkpoint."
    )


def _is_state(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(key, str) and isinstance(item, TensorRef) for key, item in value.items())
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    if all(key.startswith(PREFIX) for key in state):
        return {key.removeprefix(PREFIX): value for key, value in state.items()}
    return state


def _read_averages(value: Any, read: Callable[[TensorRef], Tensor]) -> dict[str, Tensor] | list[Tensor] | None:
    if isinstance(value, dict) and SHADOW_KEY in value:
        value = value[SHADOW_KEY]
    if _is_state(value):
        return _without_prefix({key: read(item) for key, item in value.items()})
    if isinstance(value, list) and value and all(isinstance(item, TensorRef) for item in value):
        return [read(item) for item in value]
    return None


def _is_safetensors(path: Path) -> bool:
    """A length, then JSON: what no pickle and no zip archive begins with."""
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError:
        return False
    return head[8:] == b"{"


def _read_safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            if "posebench" in (file.metadata() or {}):
                raise WeightsError(f"The weights {path} are posebench's already; run them with --weights {path}.")
            # `safe_open` is no mapping.
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"The file {path} is not a whole safetensors file ({error}); get it again.") from error
    if not state:
        raise WeightsError(f"The safetensors file {path} holds no tensors; give the author's checkpoint.")
    read = _without_prefix(state)
    prefix = PREFIX if read.keys() != state.keys() else ""
    return Checkpoint(path, hash_file(path), SAFETENSORS, "", prefix, read, None, {}, ())
