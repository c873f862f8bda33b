"""The 2D sources by name: those that are computed for any data set, and those that a data set stores."""

from posebench.inputs.keypoints import KeypointSource
from posebench.inputs.motion_blur import MOTION_BLUR
from posebench.inputs.projected import PROJECTED
from posebench.inputs.simulated import SOURCES as SIMULATED_SOURCES
from posebench.inputs.stored import stored_source

#: The computed sources. Any other name is that of a stored one.
COMPUTED: dict[str, KeypointSource] = {source.name: source for source in (PROJECTED, *SIMULATED_SOURCES, MOTION_BLUR)}


def find_source(name: str) -> KeypointSource:
    """The 2D source of a name; one that is not computed is read from the store, which says so if it is not there."""
    return COMPUTED[name] if name in COMPUTED else stored_source(name)
