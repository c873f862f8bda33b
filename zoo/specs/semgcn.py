"""What SemGCN declares: one frame of Human3.6M's joints without Neck/Nose. Imports no torch."""

from typing import Any

from posebench.prediction.spec import LifterSpec
from posebench.skeletons import HUMAN36M_16
from zoo.specs import PUBLISHED_FPS


def spec(config: dict[str, Any]) -> LifterSpec:
    """One frame in, one frame out, 16 joints both."""
    return LifterSpec(skeleton=HUMAN36M_16.name, space="root_relative", fps=config.get("fps", PUBLISHED_FPS))
