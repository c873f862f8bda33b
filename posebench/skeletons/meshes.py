"""Joint sets of 3DPW: the joints of the body model SMPL, and those that are regressed from its mesh."""

from posebench.skeletons.skeleton import Skeleton

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

#: The same 14 joints alone. The tree begins at the neck; SPIN scores them about the pelvis, which is not among them.
LSP_14 = Skeleton(
    name="3dpw-14",
    joints=LSP_14_PELVIS.joints[:14],
    parents=(1, 2, 12, 12, 3, 4, 7, 8, 12, 12, 9, 10, -1, 12),
    left=LSP_14_PELVIS.left,
    right=LSP_14_PELVIS.right,
)
