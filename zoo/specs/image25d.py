"""What a lifter of a network of the 2.5D image space declares, by its configuration's `output`. Imports no torch."""

from typing import Any

from posebench.errors import UsageError
from posebench.prediction.spec import LifterSpec, Privilege, Space
from zoo import specs

#: `output` of a configuration: the space of the poses, and what is needed to bring the network's output there.
OUTPUTS: dict[str, tuple[Space, tuple[Privilege, ...]]] = {
    "image25d": ("image25d", ()),
    "camera": ("camera", ("intrinsics", "root_depth")),
    "root_relative": ("root_relative", ()),
}


def image25d_spec(config: dict[str, Any]) -> LifterSpec:
    """Chunks of `frames`, all of them returned; a sequence that is shorter is stretched in time (MotionBERT's rule).

    Raises `UsageError` for an `output` that is not there.
    """
    frames, output = config.get("frames", 243), config.get("output", "image25d")
    if output not in OUTPUTS:
        raise UsageError(f"There is no output {output!r}; choose one of {', '.join(OUTPUTS)}.")
    space, needed = OUTPUTS[output]
    return LifterSpec(
        window=frames,
        stride=frames,
        tail="resample",
        space=space,
        privileges=needed if frames == 1 else ("future_frames", *needed),
        fps=config.get("fps", specs.PUBLISHED_FPS),
    )
