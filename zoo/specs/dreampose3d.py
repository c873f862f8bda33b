"""What DreamPose3D declares: the windows of MixSTE, samples, and a flip of its own. Imports no torch."""

from dataclasses import replace
from typing import Any

from posebench.prediction.spec import LifterSpec
from zoo.specs import mixste
from zoo.specs.mixste import FRAMES as FRAMES

#: The prompts that are made of keypoints, and drawn to the names of actions in training.
INFERRED = ("learned", "clip")


def spec(config: dict[str, Any]) -> LifterSpec:
    """As D3DP: chunks, all frames returned; whether a step takes the mean with its mirror image says `flip`."""
    describes = config.get("prompt", "learned") in INFERRED
    return replace(mixste.spec(config), flips_itself=True, samples=True, early_steps=True, describes=describes)
