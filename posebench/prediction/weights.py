"""Where a tag's weights come from, in one order: an explicit file, a bundled file, the Hub. Hashed, loaded strictly."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench.errors import WeightsError
from posebench.hashing import hash_file
from posebench.prediction import hub
from posebench.prediction.foreign_weights import foreign_kind
from posebench.registry.resolve import ModelTag

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class WeightsFile:
    """A safetensors file on this machine, its hash, and which of the three places it came from."""

    path: Path
    sha256: str
    origin: str


@dataclass(frozen=True)
class Place:
    """Where the manifest says that a tag's weights are, and the file where this machine has it."""

    origin: str
    path: Path | None


def place_of(tag: ModelTag) -> Place | None:
    """The bundled file or the Hub; asks nobody. None for a tag without registered weights."""
    weights = tag.described.weights
    if weights is None:
        return None
    if weights.file is not None:
        path = (tag.root or Path()) / weights.file
        return Place("bundled", path if path.is_file() else None)
    assert weights.hub is not None
    return Place(f"hub:{weights.hub.repository}@{weights.hub.revision[:12]}", hub.cached(weights.hub))


def find_weights(tag: ModelTag, explicit: Path | None = None, report: hub.Report | None = None) -> WeightsFile | None:
    """The weights of a tag; None for a predictor that needs none. What the Hub has is fetched; `report` hears how far.

    Raises `WeightsError` when they are missing, are not the file whose sha256
    the manifest names, or are of another kind than safetensors.
    """
    if explicit is not None:
        if not explicit.is_file():
            raise WeightsError(f"There is no weights file {explicit}; give a safetensors file for {tag.name}.")
        try:
            foreign = foreign_kind(explicit)
        except OSError as error:
            raise WeightsError(
                f"The weights file {explicit} cannot be read ({error.strerror}); give one that can."
            ) from error
        if foreign is not None:
            raise WeightsError(
                f"The weights file {explicit} is {foreign}; nothing of it was run, and weights must be safetensors: "
                f"`posebench convert {tag.architecture} {explicit}` makes them of its authors' checkpoint."
            )
        return WeightsFile(explicit, hash_file(explicit), "file")
    weights, place = tag.described.weights, place_of(tag)
    if weights is None or place is None:
        if tag.described.needs_weights:
            raise WeightsError(
                f"No weights of {tag.name} exist yet; give your own with --weights FILE, or choose another tag."
            )
        return None
    path = place.path
    if weights.hub is not None:
        path = path or hub.fetch(weights.hub, weights.sha256, tag.name, report)
        again = f"run `posebench weights pull {tag.name}`, which gets it again"
    else:
        again = "install posebench again"
    if path is None:
        raise WeightsError(f"The bundled weights {weights.file} of {tag.name} are missing; {again}.")
    found = hash_file(path)
    if found != weights.sha256:
        raise WeightsError(
            f"The weights {path} of {tag.name} have sha256 {found[:12]}…, the manifest names {weights.sha256[:12]}…: "
            f"the file was altered or is damaged; {again}."
        )
    return WeightsFile(path, found, place.origin)


def pull_weights(tag: ModelTag, report: hub.Report | None = None) -> WeightsFile | None:
    """As `find_weights`, but a file of the Hub that was damaged on this machine is fetched again."""
    weights, place = tag.described.weights, place_of(tag)
    if weights and weights.hub and place and place.path and hash_file(place.path) != weights.sha256:
        hub.forget(weights.hub)
    return find_weights(tag, report=report)


def described_config(file: WeightsFile, tag: ModelTag) -> dict[str, Any] | None:
    """The configuration that a file of `posebench convert` or `python -m zoo train` says it has; None for any other.

    Raises `WeightsError` for a file that is damaged, or of another architecture than the tag.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file.path, framework="pt") as opened:
            text = (opened.metadata() or {}).get("posebench")
    except SafetensorError as error:
        raise _not_whole(file, error) from error
    if text is None:
        return None
    try:
        described = json.loads(text)
        architecture, config = described["arch"], dict(described["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The weights file {file.path} does not say its configuration as posebench writes it; convert it again."
        ) from error
    if architecture != tag.architecture:
        raise WeightsError(
            f"The weights file {file.path} is of {architecture}, not of {tag.architecture}; run it with --model {architecture}."
        )
    return config


def load_weights(module: "nn.Module", file: WeightsFile, name: str) -> None:
    """Load strictly: every key of the module and of the file is used; raises `WeightsError` naming the first that differs."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(file.path)
    except SafetensorError as error:
        raise _not_whole(file, error) from error
    own = module.state_dict()
    for key in sorted(own.keys() | state.keys()):
        if key not in state:
            raise WeightsError(f"The weights file {file.path.name} does not fit {name}: it lacks {key!r}.")
        if key not in own:
            raise WeightsError(f"The weights file {file.path.name} does not fit {name}: it has the unknown {key!r}.")
        if own[key].shape != state[key].shape:
            raise WeightsError(
                f"The weights file {file.path.name} does not fit {name}: {key!r} is {tuple(state[key].shape)}, "
                f"not {tuple(own[key].shape)}."
            )
    module.load_state_dict(state, strict=True)


def _not_whole(file: WeightsFile, error: Exception) -> WeightsError:
    return WeightsError(f"The weights file {file.path} is not a whole safetensors file ({error}); get it again.")
