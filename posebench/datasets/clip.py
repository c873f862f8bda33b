"""One recorded motion as an adapter hands it over: what the world has of it, and what each camera adds."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera
from posebench.errors import UsageError

Array = npt.NDArray[np.floating[Any]]

NAME = re.compile(r"[A-Za-z0-9_-]+")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class StoredKeypoints:
    """The 2D of a data set's own files: pixels (frames, joints, 2), NaN where a joint is missing.

    `confidence` is (frames, joints) in [0, 1]; None for a source that has none, which counts as 1 wherever a joint is.
    """

    pixels: Array
    confidence: Array | None = None


@dataclass(frozen=True)
class StoredHeatmaps:
    """Heatmaps of a data set's own files: maps (frames, joints, height, width) >= 0.

    `crop` is (frames, 4): the left, top, right and bottom border in pixels of what a map shows.
    """

    maps: Array
    crop: Array


@dataclass(frozen=True)
class View:
    """What one camera adds to a clip; every array has the clip's number of frames.

    `poses`
        (frames, joints, 3) camera mm, of a clip whose owner distributes camera space; None when `Clip.world` has them.
    `truths`
        Other ground truths by name, in the shape and space of `poses`.
    `keypoints`
        The 2D of the owner's or a detector's files, by the name of the 2D source.
    `valid`
        (frames,) which frames are scored; None for all.
    `activity`
        The activity of every frame, where it changes within a clip.
    `image_scale`
        (frames,) factor from pixels to millimetres of a 2.5D truth.
    """

    camera: Camera
    poses: Array | None = None
    truths: Mapping[str, Array] = field(default_factory=lambda: _NOTHING)
    keypoints: Mapping[str, StoredKeypoints] = field(default_factory=lambda: _NOTHING)
    valid: npt.NDArray[np.bool_] | None = None
    activity: tuple[str, ...] | None = None
    image_scale: Array | None = None
    heatmaps: StoredHeatmaps | None = None


def seen_by(cameras: Iterable[Camera]) -> tuple[View, ...]:
    """A view for each camera that adds nothing but itself."""
    return tuple(View(camera) for camera in cameras)


@dataclass(frozen=True)
class Clip:
    """One recorded motion. Each of its views makes one sequence.

    `subject`, `action` and `name` together are unique in the data set.
    `world` is (frames, joints, 3) in world millimetres, z up, NaN for a
    missing joint; None when the views have the poses in camera space.
    `metadata` is what is known beside: handedness, the frame of an event.
    `fps` is the clip's own frame rate where it differs from its form's.
    """

    subject: str
    action: str
    name: str
    split: str
    views: tuple[View, ...]
    world: Array | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    fps: float | None = None

    def __post_init__(self) -> None:
        for part in (self.subject, self.action, self.name, self.split, *(view.camera.name for view in self.views)):
            if not NAME.fullmatch(part):
                raise UsageError(
                    f"{part!r} cannot name a subject, action, clip, split or camera: use letters, digits, '_' and '-'."
                )

    @property
    def id(self) -> str:
        """`subject/action/name`."""
        return f"{self.subject}/{self.action}/{self.name}"
