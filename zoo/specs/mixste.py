"""What MixSTE declares: chunks of a sequence, every frame returned. Imports no torch."""

from typing import Any

from posebench.prediction.spec import LifterSpec
from zoo.specs import PUBLISHED_FPS

#: Window of the published network.
FRAMES = 243


def spec(config: dict[str, Any]) -> LifterSpec:
    """As many frames out as in; the last chunk is moved back to end with the sequence, and its overlap counts twice."""
    frames = config.get("frames", FRAMES)
    return LifterSpec(
        window=frames,
        stride=frames,
        tail="overlap-chunk",
        space="root_relative",
        privileges=("future_frames",) if frames > 1 else (),
        fps=config.get("fps", PUBLISHED_FPS),
    )
