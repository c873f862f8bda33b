"""Joint sets: names, parents, left and right. A leaf without numpy, cheap to import."""

from dataclasses import dataclass
from functools import cached_property

from posebench.errors import UsageError


@dataclass(frozen=True)
class Skeleton:
    """A joint set. `parents[i]` is the parent's index, -1 for the root; `left[i]` mirrors `right[i]`."""

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.joints) != len(self.parents) or len(self.left) != len(self.right):
            raise UsageError(f"Skeleton {self.name!r} has joints, parents, left and right of different lengths.")

    @property
    def num_joints(self) -> int:
        """Number of joints."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the joint without a parent: poses are scored relative to it."""
        return self.parents.index(-1)

    @cached_property
    def mirrored(self) -> tuple[int, ...]:
        """Index of each joint's mirror partner (itself for joints in the middle)."""
        order = list(range(self.num_joints))
        for left, right in zip(self.left, self.right, strict=True):
            order[left], order[right] = right, left
        return tuple(order)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """`(parent, child)` of every bone."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    def indices(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Indices of joints by name; raises `UsageError` naming a joint that is not there."""
        for name in names:
            if name not in self.joints:
                raise UsageError(f"Skeleton {self.name!r} has no joint {name!r}; it has {', '.join(self.joints)}.")
        return tuple(self.joints.index(name) for name in names)


HUMAN36M_17 = Skeleton(
    name="human36m-17",
    joints=(
        "Hip",
        "RHip",
        "RKnee",
        "RFoot",
        "LHip",
        "LKnee",
        "LFoot",
        "Spine",
        "Thorax",
        "Neck/Nose",
        "Head",
        "LShoulder",
        "LElbow",
        "LWrist",
        "RShoulder",
        "RElbow",
        "RWrist",
    ),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    left=(4, 5, 6, 11, 12, 13),
    right=(1, 2, 3, 14, 15, 16),
)

#: The 17 "relevant" joints of MPI-INF-3DHP in the order of its official evaluation; the root is the pelvis, joint 14.
MPI_INF_3DHP_17 = Skeleton(
    name="mpi-inf-3dhp-17",
    joints=(
        "head_top",
        "neck",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "spine",
        "head",
    ),
    parents=(16, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, -1, 14, 1),
    left=(5, 6, 7, 11, 12, 13),
    right=(2, 3, 4, 8, 9, 10),
)

#: The 24 joints of SMPL, as 3DPW's official challenge scores them.
SMPL_24 = Skeleton(
    name="smpl-24",
    joints=(
        "pelvis",
        "left_hip",
        "right_hip",
        "spine1",
        "left_knee",
        "right_knee",
        "spine2",
        "left_ankle",
        "right_ankle",
        "spine3",
        "left_foot",
        "right_foot",
        "neck",
        "left_collar",
        "right_collar",
        "head",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hand",
        "right_hand",
    ),
    parents=(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21),
    left=(1, 4, 7, 10, 13, 16, 18, 20, 22),
    right=(2, 5, 8, 11, 14, 17, 19, 21, 23),
)

#: The 14 joints that SPIN regresses from meshes on 3DPW, and the pelvis (Human3.6M's joint 0) that they are scored about.
LSP_14_PELVIS = Skeleton(
    name="lsp-14-pelvis",
    joints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "neck",
        "head_top",
        "pelvis",
    ),
    parents=(1, 2, 14, 14, 3, 4, 7, 8, 12, 12, 9, 10, 14, 12, -1),
    left=(3, 4, 5, 9, 10, 11),
    right=(2, 1, 0, 8, 7, 6),
)

SKELETONS = {skeleton.name: skeleton for skeleton in (HUMAN36M_17, MPI_INF_3DHP_17, SMPL_24, LSP_14_PELVIS)}
