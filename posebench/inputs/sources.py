"""The 2D sources by name."""

from posebench.inputs.keypoints import KeypointSource
from posebench.inputs.projected import PROJECTED
from posebench.inputs.simulated import SOURCES as SIMULATED_SOURCES
from posebench.registry.entries import unknown_name

SOURCES: dict[str, KeypointSource] = {source.name: source for source in (PROJECTED, *SIMULATED_SOURCES)}


def find_source(name: str) -> KeypointSource:
    """The 2D source of a name; raises `UnknownNameError` with the nearest names."""
    if name not in SOURCES:
        raise unknown_name("2D source", name, SOURCES)
    return SOURCES[name]
