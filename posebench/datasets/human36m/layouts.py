"""The joints of a 2D file: a file of VideoPose3D's family tells them by their number and by which are left and right.

CPN's and the fine-tuned detectors' files have Human3.6M's 17 joints. Stacked hourglass has no Neck/Nose (16 joints, in
Human3.6M's order or in MPII's own), Detectron trained on COCO has COCO's 17. All become Human3.6M's 17.
Source of the layouts: VideoPose3D `data/data_utils.py`, `data/prepare_data_2d_h36m_sh.py`.
"""

from dataclasses import dataclass

import numpy as np

from posebench.datasets.clip import StoredKeypoints
from posebench.datasets.human36m.arrays import Array
from posebench.joint_maps import approximate, convert_confidence, convert_joints
from posebench.skeletons import COCO_17, HUMAN36M_16, HUMAN36M_17, Skeleton


@dataclass(frozen=True)
class Layout:
    """A joint set, and where each of its joints stands in a file; None where the order is the set's own."""

    skeleton: Skeleton
    order: tuple[int, ...] | None = None

    @property
    def approximate(self) -> tuple[str, ...]:
        """Joints of Human3.6M's 17 that are another point of the body in this layout."""
        return approximate(self.skeleton, HUMAN36M_17)

    def stored(self, keypoints: Array) -> StoredKeypoints:
        """Pixels (frames, joints, 2), or 3 with confidence, of a file as Human3.6M's 17 joints."""
        own = keypoints if self.order is None else keypoints[:, list(self.order)]
        pixels = convert_joints(own[..., :2].astype(np.float64), self.skeleton, HUMAN36M_17)
        if own.shape[-1] == 2:
            return StoredKeypoints(pixels)
        return StoredKeypoints(pixels, convert_confidence(own[..., 2], self.skeleton, HUMAN36M_17))


#: MPII's 16 joints begin with the right foot: where Human3.6M's 16 stand among them.
MPII_ORDER = (6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10)
_MPII_SIDES = ((3, 4, 5, 13, 14, 15), (2, 1, 0, 12, 11, 10))

LAYOUTS = (
    Layout(HUMAN36M_17),
    Layout(HUMAN36M_16),
    Layout(COCO_17),
    Layout(HUMAN36M_16, MPII_ORDER),
)


def find_layout(joints: int, left: list[int], right: list[int]) -> Layout | None:
    """The layout with so many joints of which these are left and right; None for one that is not known.

    The two lists need not be in the same order: VideoPose3D's own for MPII are not.
    """
    for layout in LAYOUTS:
        sides = _MPII_SIDES if layout.order is not None else (layout.skeleton.left, layout.skeleton.right)
        if joints == layout.skeleton.num_joints and (sorted(left), sorted(right)) == tuple(map(sorted, sides)):
            return layout
    return None
