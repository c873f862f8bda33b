"""What MotionBERT's lifter declares about itself. Imports no torch."""

from typing import Any

from posebench.prediction.spec import LifterSpec
from zoo.specs.image25d import image25d_spec


def spec(config: dict[str, Any]) -> LifterSpec:
    """Chunks of all frames in the 2.5D image space, or brought to camera mm with what is granted."""
    return image25d_spec(config)
