"""Joint sets of the data sets that were recorded with motion capture: Human3.6M and MPI-INF-3DHP."""

from posebench.skeletons.skeleton import Skeleton

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

#: Human3.6M without Neck/Nose, as SemGCN and PoseAug have it.
HUMAN36M_16 = Skeleton(
    name="human36m-16",
    joints=tuple(joint for joint in HUMAN36M_17.joints if joint != "Neck/Nose"),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14),
    left=(4, 5, 6, 10, 11, 12),
    right=(1, 2, 3, 13, 14, 15),
)

#: All 28 joints of MPI-INF-3DHP's training annotations, in the order of the owner's `mpii_get_joint_set.m`.
MPI_INF_3DHP_28 = Skeleton(
    name="mpi-inf-3dhp-28",
    joints=(
        "spine3",
        "spine4",
        "spine2",
        "spine",
        "pelvis",
        "neck",
        "head",
        "head_top",
        "left_clavicle",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "left_hand",
        "right_clavicle",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "right_hand",
        "left_hip",
        "left_knee",
        "left_ankle",
        "left_foot",
        "left_toe",
        "right_hip",
        "right_knee",
        "right_ankle",
        "right_foot",
        "right_toe",
    ),
    parents=(2, 0, 3, 4, -1, 1, 5, 6, 5, 8, 9, 10, 11, 5, 13, 14, 15, 16, 4, 18, 19, 20, 21, 4, 23, 24, 25, 26),
    left=(8, 9, 10, 11, 12, 18, 19, 20, 21, 22),
    right=(13, 14, 15, 16, 17, 23, 24, 25, 26, 27),
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
