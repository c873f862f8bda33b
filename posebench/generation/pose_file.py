"""A user's own file of 3D poses, some joints of which may be missing; 2D keypoints of it where it has any."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.arrays.points import check_joints, read_points
from posebench.datasets.arrays.reading import UNITS_MM
from posebench.datasets.arrays.user_file import ENDINGS, read_user_file
from posebench.datasets.sequence import SequenceInfo
from posebench.errors import DataDamagedError, DataMissingError
from posebench.hashing import hash_file
from posebench.inputs.keypoints import Keypoints
from posebench.joint_maps import convert_confidence, convert_joints
from posebench.skeletons import HUMAN36M_17

Poses = npt.NDArray[np.float64]

#: Every key that a file may have; others are refused, a misspelt one is no default.
KEYS = ("poses", "joint_set", "units", "fps", "keypoints", "keypoints_joint_set", "image_size")
#: Without a frame rate in the file: only a prior of motions looks at it, and heatmaps of keypoints.
USUAL_FPS = 25.0
#: Nobody's joints are farther than this (mm) from the root; nor are all of them nearer than the second.
FARTHEST, NEAREST = 5000.0, 50.0


@dataclass(frozen=True)
class PoseFile:
    """`poses` (frames, 17, 3) mm about the root, NaN where a joint is missing, and `root` (frames, 1, 3) where it stood.

    `keypoints` are None where the file has none. `about` is what is told of the file.
    """

    poses: Poses
    root: Poses
    keypoints: Keypoints | None
    info: SequenceInfo
    about: dict[str, Any]


def read_pose_file(path: Path) -> PoseFile:
    """Read `poses` (frames, joints, 3) of an npz or safetensors file, in the axes of a camera: x right, y down, z forward.

    Absolute or about the root. `joint_set` (default human36m-17) and `units` (mm or m) say what they are; `keypoints`
    (frames, joints, 2, or 3 with confidence) with `image_size` are 2D of the same frames, of any joints. Raises
    `DataMissingError` and `DataDamagedError`, one sentence with file and key.
    """
    if path.suffix not in ENDINGS:
        raise DataMissingError(
            f"{path} is neither an npz nor a safetensors file; give one with 'poses' (frames, joints, 3)."
        )
    file = read_user_file(path)
    file.refuse_other_keys(KEYS)
    own = file.joint_set("joint_set", HUMAN36M_17.name)
    unit = file.text("units", "mm")
    if unit not in UNITS_MM:
        raise DataDamagedError(f"{file.where} has 'units' of {unit!r}; write {' or '.join(UNITS_MM)}.")
    found = file.array("poses", "give 3D poses (frames, joints, 3).")
    if found.ndim != 3 or found.shape[2] != 3:
        raise DataDamagedError(f"{file.where} has 'poses' of shape {found.shape}, not (frames, joints, 3).")
    check_joints(file, "poses", found.shape[1], own)
    poses = convert_joints(found * UNITS_MM[unit], own, HUMAN36M_17).astype(np.float64)
    poses[np.isnan(poses).any(axis=-1)] = np.nan
    _check_poses(file.where, poses)
    fps = file.positive("fps", "") if "fps" in file else USUAL_FPS
    keypoints = None
    if "keypoints" in file:
        detector = file.joint_set("keypoints_joint_set", own.name)
        size = file.sizes()[0]
        points = read_points(file, "keypoints", detector, [size])
        if points.pixels.shape[:2] != (1, len(poses)):
            raise DataDamagedError(
                f"{file.where} has 'keypoints' of shape {points.pixels.shape[:2]} views and frames, and {len(poses)} frames of poses."
            )
        there = np.isfinite(points.pixels[0]).all(axis=-1).astype(np.float64)
        sure = there if points.confidence is None else points.confidence[0]
        pixels = convert_joints(points.pixels[0], detector, HUMAN36M_17)
        confidence = np.where(np.isnan(pixels).any(axis=-1), 0.0, convert_confidence(sure, detector, HUMAN36M_17))
        keypoints = Keypoints(pixels.astype(np.float32), confidence.astype(np.float32), size)
    # One name for all files, so that the noise does not depend on it.
    info = SequenceInfo("file", "input", "poses", "clip", "camera", "test", len(poses), fps)
    about = {"name": path.name, "sha256": hash_file(path), "frames": len(poses), "joint_set": own.name}
    return PoseFile(poses - poses[:, :1], poses[:, :1], keypoints, info, about)


def _check_poses(where: str, poses: Poses) -> None:
    lost = np.flatnonzero(np.isnan(poses[:, 0]).any(axis=-1))
    if len(lost):
        raise DataDamagedError(
            f"{where} lacks the root ({HUMAN36M_17.joints[0]}) in frame {lost[0]}: poses are about the root; give it, or leave "
            "the frame away."
        )
    reach = np.linalg.norm(poses - poses[:, :1], axis=-1)
    seen = reach[np.isfinite(reach)]
    if not np.isfinite(poses[~np.isnan(poses)]).all() or seen.max() > FARTHEST or seen.max() < NEAREST:
        raise DataDamagedError(
            f"{where} has joints up to {seen.max():.4g} mm from the root, as no person has; give mm, or units='m'."
        )
