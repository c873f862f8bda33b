"""What each lifter of the zoo declares about itself, as a function of its configuration. Imports no torch."""

import math
from collections.abc import Sequence
from typing import Any

from posebench.errors import UsageError
from posebench.prediction.spec import ANY_JOINTS, LifterSpec

#: Filter widths of the published 243-frame network of Pavllo et al. 2019.
FILTER_WIDTHS = (3, 3, 3, 3, 3)

#: Frame rate of Human3.6M, on which the published networks were trained.
PUBLISHED_FPS = 50.0


def receptive_field(filter_widths: Sequence[int]) -> int:
    """Frames that one output of a stack of dilated convolutions sees: the product of the filter widths.

    Raises `UsageError` for an empty list or a width that is not odd and positive.
    """
    if not filter_widths or any(not isinstance(width, int) or width < 1 or width % 2 == 0 for width in filter_widths):
        raise UsageError(
            f"filter_widths is {list(filter_widths)}; give one or more odd positive numbers, such as 3, 3, 3."
        )
    return math.prod(filter_widths)


def mean_pose(config: dict[str, Any]) -> LifterSpec:
    """It never looks at the keypoints, so missing ones need no repair."""
    return LifterSpec(skeleton=ANY_JOINTS, window=1, stride=1, space="root_relative", accepts_missing=True, fitted=True)


def zero_depth(config: dict[str, Any]) -> LifterSpec:
    """Back-projection needs the true lens."""
    return LifterSpec(skeleton=ANY_JOINTS, window=1, stride=1, space="camera", privileges=("intrinsics",), fitted=True)


def simple_baseline(config: dict[str, Any]) -> LifterSpec:
    """One frame in, one frame out."""
    return LifterSpec(window=1, stride=1, space="root_relative", fps=config.get("fps", PUBLISHED_FPS))


def videopose3d(config: dict[str, Any]) -> LifterSpec:
    """A convolution over the whole sequence; the causal one returns the newest frame that it sees."""
    window = receptive_field(config.get("filter_widths", FILTER_WIDTHS))
    causal = bool(config.get("causal", False))
    return LifterSpec(
        window=window,
        stride=None,
        offset=window - 1 if causal else None,
        space="root_relative",
        privileges=() if causal or window == 1 else ("future_frames",),
        fps=config.get("fps", PUBLISHED_FPS),
    )
