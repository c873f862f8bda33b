"""2D keypoints, what a lifter sees, and the contract of a 2D source."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from posebench.datasets.sequence import Sequence


@dataclass(frozen=True)
class Keypoints:
    """2D keypoints of one sequence.

    `pixels` is float32 (frames, joints, 2), NaN where a joint is missing;
    `confidence` is float32 (frames, joints) in [0, 1], 0 exactly where it is
    missing; `image_size` is (width, height) in pixels.
    """

    pixels: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    image_size: tuple[int, int]


@dataclass(frozen=True)
class KeypointSource:
    """A named, versioned way to get keypoints of a sequence: part of every protocol."""

    name: str
    version: str
    read: Callable[[Sequence], Keypoints]
