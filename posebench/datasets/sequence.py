"""What a data set hands out: one clip seen by one camera, in camera millimetres."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera
from posebench.skeletons import Skeleton


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
    def id(self) -> str:
        """`subject/action/clip/camera`: unique in its data set, the sort key everywhere."""
        return f"{self.subject}/{self.action}/{self.clip}/{self.camera}"


@dataclass(frozen=True)
class Sequence:
    """A sequence with its poses: float32 (frames, joints, 3), camera mm, x right, y down, z forward.

    `truths` holds the other ground truths of a data set that has several, by
    name and in the shape of `poses`; `activity` the activity of every frame
    where it changes within a sequence (MPI-INF-3DHP); `image_scale` (frames,) the
    owner's factor from pixels to millimetres of a 2.5D truth (MotionBERT).
    """

    info: SequenceInfo
    skeleton: Skeleton
    camera: Camera
    poses: npt.NDArray[np.float32]
    truths: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=lambda: MappingProxyType({}))
    activity: tuple[str, ...] | None = None
    image_scale: npt.NDArray[np.float32] | None = None


def round_thousandth(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Float64 mm or px to float32 on a grid of 0.001, so that the last bit of a machine's arithmetic never shows."""
    return np.round(np.asarray(values, dtype=np.float64), 3).astype(np.float32)
