"""What a data set hands out: one clip seen by one camera, in camera millimetres."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera
from posebench.datasets.clip import StoredHeatmaps, StoredKeypoints
from posebench.skeletons import Skeleton

_NOTHING: Mapping[str, Any] = MappingProxyType({})

#: The truth of MotionBERT's family: pixels scaled to millimetres, so that nothing can be projected from it.
IMAGE25D = "image25d"
#: The activity of a frame whose activity a data set's files do not tell.
UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class SequenceInfo:
    """One clip seen by one camera: the unit of prediction, scoring, resume and sharding."""

    dataset: str
    subject: str
    action: str
    clip: str
    camera: str
    split: str
    frames: int
    fps: float

    @property
    def clip_id(self) -> str:
        """`subject/action/clip`: what all its cameras share."""
        return f"{self.subject}/{self.action}/{self.clip}"

    @property
    def id(self) -> str:
        """`subject/action/clip/camera`: unique in its data set, the sort key everywhere."""
        return f"{self.clip_id}/{self.camera}"


@dataclass(frozen=True)
class Sequence:
    """A sequence with its poses: (frames, joints, 3), camera mm, x right, y down, z forward.

    They are float32 on a grid of 0.001 mm where they are made of world
    coordinates, float64 on one of 0.000001 mm where the owner gives camera
    space: which side of a threshold an error falls on is his then too.
    `truth` is the name of the ground truth that `poses` is; `truths` holds the
    others of a data set that has several, by name and in the shape of `poses`.
    `activity` is the activity of every frame where it changes within a
    sequence (MPI-INF-3DHP); `image_scale` (frames,) the owner's factor from
    pixels to millimetres of a 2.5D truth (MotionBERT). `keypoints` and
    `heatmaps` are what the data set's files have of 2D, and stay on disk until
    they are looked at. `metadata` is what the adapter knows of the clip.
    """

    info: SequenceInfo
    skeleton: Skeleton
    camera: Camera
    poses: npt.NDArray[np.floating[Any]]
    truth: str = "poses"
    truths: Mapping[str, npt.NDArray[np.floating[Any]]] = field(default_factory=lambda: _NOTHING)
    activity: tuple[str, ...] | None = None
    image_scale: npt.NDArray[np.float32] | None = None
    keypoints: Mapping[str, StoredKeypoints] = field(default_factory=lambda: _NOTHING)
    heatmaps: StoredHeatmaps | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


def round_thousandth(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Float64 mm or px to float32 on a grid of 0.001, so that the last bit of a machine's arithmetic never shows."""
    return np.round(np.asarray(values, dtype=np.float64), 3).astype(np.float32)
