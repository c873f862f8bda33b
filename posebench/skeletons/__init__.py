"""Joint sets: names, parents, left and right. A leaf without numpy, cheap to import."""

from posebench.skeletons.detectors import BODY_25, BODY_25B, COCO_17
from posebench.skeletons.meshes import LSP_14, LSP_14_PELVIS, SMPL_24
from posebench.skeletons.motion_capture import HUMAN36M_16, HUMAN36M_17, MPI_INF_3DHP_17, MPI_INF_3DHP_28
from posebench.skeletons.skeleton import Skeleton

SKELETONS = {
    skeleton.name: skeleton
    for skeleton in (
        HUMAN36M_17,
        HUMAN36M_16,
        MPI_INF_3DHP_28,
        MPI_INF_3DHP_17,
        SMPL_24,
        LSP_14_PELVIS,
        LSP_14,
        COCO_17,
        BODY_25,
        BODY_25B,
    )
}

__all__ = [
    "BODY_25",
    "BODY_25B",
    "COCO_17",
    "HUMAN36M_16",
    "HUMAN36M_17",
    "LSP_14",
    "LSP_14_PELVIS",
    "MPI_INF_3DHP_17",
    "MPI_INF_3DHP_28",
    "SKELETONS",
    "SMPL_24",
    "Skeleton",
]
