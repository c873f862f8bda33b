"""Missing keypoints for a lifter that does not accept them: interpolated in time, and counted."""

import numpy as np

from posebench.datasets.sequence import round_thousandth
from posebench.errors import NotFiniteError
from posebench.inputs.keypoints import Keypoints


def interpolate_missing(keypoints: Keypoints, sequence_id: str) -> tuple[Keypoints, int]:
    """Keypoints without NaN, and how many joint-frames were filled in.

    Each joint is interpolated linearly between the frames that have it; before
    the first and after the last it stays where it was. A joint that no frame
    has is placed at the mean of the frame's other joints (after their own
    interpolation). Confidence stays 0 where a joint was missing, and nothing
    that was there changes. Raises `NotFiniteError` naming `sequence_id` when no
    joint is there in any frame.
    """
    nowhere = np.isnan(keypoints.pixels)
    if not nowhere.any():
        return keypoints, 0
    missing = np.asarray(nowhere.any(axis=-1))
    count = int(missing.sum())
    if missing.all():
        raise NotFiniteError(
            f"Sequence {sequence_id} has no keypoint in any of its {len(missing)} frames; "
            "check its 2D source, or leave the sequence out."
        )
    filled = keypoints.pixels.astype(np.float64)
    frames = np.arange(len(missing))
    never = missing.all(axis=0)
    for joint in np.flatnonzero(missing.any(axis=0) & ~never):
        gap = missing[:, joint]
        for axis in range(2):
            filled[gap, joint, axis] = np.interp(frames[gap], frames[~gap], filled[~gap, joint, axis])
    filled[:, never] = filled[:, ~never].mean(axis=1, keepdims=True)
    pixels = np.where(missing[..., None], round_thousandth(filled), keypoints.pixels)
    return Keypoints(pixels, keypoints.confidence, keypoints.image_size), count
