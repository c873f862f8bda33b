"""What D3DP declares: the windows of MixSTE, whose network it denoises with, and a flip of its own. Imports no torch."""

from dataclasses import replace
from typing import Any

from posebench.prediction.spec import LifterSpec
from zoo.specs import mixste
from zoo.specs.mixste import FRAMES as FRAMES


def spec(config: dict[str, Any]) -> LifterSpec:
    """As MixSTE; whether a step takes the mean with its mirror image says the configuration (`flip`), and how it samples."""
    return replace(mixste.spec(config), flips_itself=True, samples=True, early_steps=True)
