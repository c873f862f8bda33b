"""What a heatmap shows: a square box around the keypoints of the frame and of those just before it.

It looks at no later frame: a lifter without the privilege `future_frames` learns nothing of the future from a crop.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.sequence import round_thousandth

Array = npt.NDArray[np.floating[Any]]

#: The box keeps the furthest keypoints for this long, so that it does not tremble with them.
HOLD_SECONDS = 0.25
#: The box is so much longer than the person: the padding that top-down detectors give their crops.
PADDING = 1.25
#: A person is at least this long in pixels: one keypoint alone has no length.
LEAST_SIZE = 32.0
#: Keypoints further outside of the image than this share of its side are not looked for.
BEYOND_IMAGE = 0.5


@dataclass(frozen=True)
class Crops:
    """Where each frame's maps lie.

    `box` is float32 (frames, 4): left, top, right and bottom in pixels.
    `person` is (frames,): the person's size in pixels, the longer side of the
    box around its keypoints, a mean over `HOLD_SECONDS`.
    """

    box: npt.NDArray[np.float32]
    person: npt.NDArray[np.float64]


def crop_person(pixels: Array, image_size: tuple[int, int], fps: float) -> Crops:
    """The crop of every frame of pixels (frames, joints, 2), NaN where a joint is missing.

    Without any keypoint in a frame and in those of `HOLD_SECONDS` before it,
    the box stays where it was; before the first keypoint of the sequence it is
    that of the whole image.
    """
    image = np.asarray(image_size, dtype=np.float64)
    points = pixels.astype(np.float64)
    inside = np.abs(points - image / 2) <= (0.5 + BEYOND_IMAGE) * image
    there = np.asarray(inside.all(axis=-1))
    low = np.where(there[..., None], points, np.inf).min(axis=1)
    high = np.where(there[..., None], points, -np.inf).max(axis=1)
    seen = np.asarray(there.any(axis=1))
    side = np.where(seen, (high - low).max(axis=-1), 0.0)

    window = 1 + round(HOLD_SECONDS * fps)
    low = trailing(low, window, np.inf).min(axis=-1)
    high = trailing(high, window, -np.inf).max(axis=-1)
    count = trailing(seen.astype(np.float64), window, 0.0).sum(axis=-1)
    person = trailing(side, window, 0.0).sum(axis=-1) / np.maximum(count, 1.0)

    last = np.maximum.accumulate(np.where(count > 0, np.arange(len(points)), -1))
    never = last < 0
    low, high, person = low[last], high[last], person[last]
    low[never], high[never], person[never] = 0.0, image, image.max()
    longest = np.maximum((high - low).max(axis=-1), LEAST_SIZE)
    half = (np.where(never, 1.0, PADDING) * longest)[:, None] / 2
    middle = (low + high) / 2
    box = round_thousandth(np.concatenate([middle - half, middle + half], axis=1))
    return Crops(box, np.maximum(person, LEAST_SIZE))


def trailing(values: Array, window: int, before: float) -> Array:
    """(frames, ..., window): each frame and the `window - 1` before it; `before` stands for those before the first."""
    padded = np.concatenate([np.full((window - 1, *values.shape[1:]), before), values])
    return np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)
