"""A user's 2D keypoints: shape, confidence, and whether they are pixels of the image at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.arrays.user_file import UserFile
from posebench.errors import DataDamagedError
from posebench.skeletons import Skeleton

Array = npt.NDArray[np.floating[Any]]

#: Keypoints whose largest number is below it are shares of the image, or a normalised plane, and no pixels.
NORMALISED = 3.0


@dataclass(frozen=True)
class Points:
    """Pixels (views, frames, joints, 2), NaN where a joint is missing, and a confidence (views, frames, joints) or None."""

    pixels: Array
    confidence: Array | None


def read_points(file: UserFile, key: str, skeleton: Skeleton, sizes: Sequence[tuple[int, int]]) -> Points:
    """The keypoints (frames, joints, 2 or 3), or (views, frames, joints, 2 or 3), under a key.

    `sizes` is the (width, height) of each view's image. A joint of confidence 0 is missing, as one that is NaN is. Raises
    `DataDamagedError` for another shape, confidence outside of 0 to 1, and
    what `check_pixels` raises.
    """
    found = file.array(key, "give 2D keypoints (frames, joints, 2), or 3 with confidence.")
    if found.ndim not in (3, 4) or found.shape[-1] not in (2, 3):
        raise DataDamagedError(
            f"{file.where} has {key!r} of shape {found.shape}, not (frames, joints, 2), or 3 with confidence."
        )
    check_joints(file, key, found.shape[-2], skeleton)
    found = found if found.ndim == 4 else found[None]
    pixels = found[..., :2].copy()
    missing = np.isnan(found).any(axis=-1)
    confidence = None
    if found.shape[-1] == 3:
        missing |= found[..., 2] == 0
        confidence = np.where(missing, 0.0, found[..., 2])
        if not ((confidence >= 0) & (confidence <= 1)).all():
            raise DataDamagedError(
                f"{file.where} has confidences from {np.nanmin(found[..., 2]):g} to {np.nanmax(found[..., 2]):g} in {key!r}; "
                "they must be from 0, a missing joint, to 1."
            )
    pixels[missing] = np.nan
    # Another number of views than of images is for the caller to refuse.
    for seen, size in zip(pixels, sizes, strict=False):
        check_pixels(seen, size, f"{file.where} has {key!r}")
    return Points(pixels, confidence)


def check_joints(file: UserFile, key: str, found: int, skeleton: Skeleton) -> None:
    """Raise `DataDamagedError` unless an array has the joints of its joint set."""
    if found != skeleton.num_joints:
        raise DataDamagedError(
            f"{file.where} has {found} joints in {key!r}; the joint set {skeleton.name} has {skeleton.num_joints}."
        )


def check_pixels(pixels: Array, image_size: tuple[int, int], where: str) -> None:
    """Raise `DataDamagedError` for pixels (..., 2) that are infinite, normalised, or mostly outside of the image.

    `where` begins the sentence. People may stand partly outside; that most
    joints do means another image size, or its sides exchanged.
    """
    if np.isinf(pixels).any():
        raise DataDamagedError(f"{where} with infinite numbers; write NaN for a missing joint.")
    there = pixels[np.isfinite(pixels).all(axis=-1)]
    if not len(there):
        return
    if np.abs(there).max() <= NORMALISED:
        raise DataDamagedError(
            f"{where} no larger than {np.abs(there).max():.3g}, which looks normalised; give pixels of the image."
        )
    inside = ((there >= 0) & (there <= image_size)).all(axis=-1)
    if inside.mean() < 0.5:
        raise DataDamagedError(
            f"{where} of which {100 * (1 - inside.mean()):.0f} % lie outside of the image of "
            f"{image_size[0]} x {image_size[1]} pixels; check the image's width and height."
        )
