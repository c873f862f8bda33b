"""Poses as the body itself sees them: turned so that the spine is up and the hips lie across, whatever the camera.

Human3.6M's joints. What is said of anatomy, and how two sets of poses compare, must not depend on where cameras stand.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.errors import NotFiniteError, UsageError
from posebench.skeletons import HUMAN36M_17

Array = npt.NDArray[np.float64]

HIP, RIGHT_HIP, LEFT_HIP, THORAX = HUMAN36M_17.indices(("Hip", "RHip", "LHip", "Thorax"))
#: Shorter than this (mm) a direction is nobody's: such a pose is turned by the camera's axes instead.
SHORTEST = 1e-6


def body_frames(poses: npt.NDArray[np.floating[Any]]) -> Array:
    """The rotations (n, 3, 3) of poses (n, 17, 3) mm: rows are the axes left, up (hip to thorax) and forward.

    The hips' line is made perpendicular to the spine. Raises `UsageError` for another shape and `NotFiniteError` for NaN.
    """
    joints = HUMAN36M_17.num_joints
    if poses.ndim != 3 or poses.shape[1:] != (joints, 3):
        raise UsageError(f"Poses of a body have the shape (n, {joints}, 3), not {poses.shape}.")
    if not np.isfinite(poses).all():
        raise NotFiniteError("Poses with NaN or infinity have no body; leave those frames out.")
    poses = poses.astype(np.float64)
    up = _unit(poses[:, THORAX] - poses[:, HIP], (0.0, -1.0, 0.0))
    hips = poses[:, LEFT_HIP] - poses[:, RIGHT_HIP]
    across = _unit(hips - (hips * up).sum(-1, keepdims=True) * up, (1.0, 0.0, 0.0))
    return np.stack([across, up, np.cross(across, up)], axis=1)


def in_body_frame(poses: npt.NDArray[np.floating[Any]]) -> Array:
    """Poses (n, 17, 3) mm about the hip, in the axes left, up and forward; errors as `body_frames`."""
    turns = body_frames(poses)
    relative = poses.astype(np.float64) - poses[:, HIP, None]
    turned: Array = np.einsum("nij,nkj->nki", turns, relative)
    return turned


def _unit(vectors: Array, instead: tuple[float, float, float]) -> Array:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Array = np.where(lengths > SHORTEST, vectors / np.maximum(lengths, SHORTEST), np.array(instead))
    return unit
