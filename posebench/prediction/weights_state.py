"""Which weights there are, where they come from, and whether those on this machine are the ones the manifest names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from posebench.hashing import hash_file
from posebench.prediction.weights import place_of
from posebench.registry.resolve import ModelTag


@dataclass(frozen=True)
class WeightsState:
    """The registered weights of one tag."""

    name: str
    origin: str
    """`bundled` or `hub:owner/name@revision`."""
    file: str
    path: Path | None
    """Where this machine has them."""
    bytes: int | None
    sha256: str
    licence: str


def weights_state(tag: ModelTag) -> WeightsState | None:
    """The state of a tag's weights, nothing hashed and nobody asked; None for a tag without registered weights."""
    weights, place = tag.described.weights, place_of(tag)
    if weights is None or place is None:
        return None
    size = place.path.stat().st_size if place.path else None
    file = weights.file or (weights.hub.file if weights.hub else "")
    return WeightsState(tag.name, place.origin, file, place.path, size, weights.sha256, weights.licence)


def checked(state: WeightsState) -> Literal["ok", "not fetched", "missing", "differs"]:
    """Hash the file that is here; a bundled file that is not here is missing, one of the Hub not fetched yet."""
    if state.path is None:
        return "missing" if state.origin == "bundled" else "not fetched"
    return "ok" if hash_file(state.path) == state.sha256 else "differs"
