"""What PoseFormerV2 declares: the centre frame of overlapping windows. Imports no torch."""

from typing import Any

from posebench.errors import UsageError
from posebench.prediction.spec import LifterSpec
from zoo.specs import PUBLISHED_FPS

#: The largest published network: window, frames that are kept as they are, and cosine coefficients of the whole window.
FRAMES, KEPT_FRAMES, KEPT_COEFFICIENTS = 243, 27, 27


def check_kept(frames: int, kept_frames: int, kept_coefficients: int) -> None:
    """Raise `UsageError` unless the kept frames have a middle one and both numbers fit into the window."""
    if not 1 <= kept_frames <= frames or kept_frames % 2 == 0:
        raise UsageError(
            f"kept_frames is {kept_frames}; give an odd number from 1 to the {frames} frames of the window."
        )
    if not 1 <= kept_coefficients <= frames:
        raise UsageError(f"kept_coefficients is {kept_coefficients}; a window of {frames} frames has 1 to {frames}.")


def spec(config: dict[str, Any]) -> LifterSpec:
    """Many frames in, the middle one out: every frame of a sequence costs a window of its own."""
    frames = config.get("frames", FRAMES)
    return LifterSpec(
        window=frames,
        stride=1,
        space="root_relative",
        privileges=("future_frames",) if frames > 1 else (),
        fps=config.get("fps", PUBLISHED_FPS),
    )
