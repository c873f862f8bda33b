"""What DreamPose3D declares: the windows of MixSTE, samples, and a flip of its own. Imports no torch."""

from dataclasses import replace
from typing import Any

from posebench.prediction.spec import LifterSpec
from zoo.specs import mixste
from zoo.specs.mixste import FRAMES as FRAMES


def spec(config: dict[str, Any]) -> LifterSpec:
    """As D3DP: chunks, all frames returned; whether a step takes the mean with its mirror image says `flip`."""
    return replace(mixste.spec(config), flips_itself=True, samples=True)
