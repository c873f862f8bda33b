"""One user's file to one clip, in Human3.6M's joints, with a sentence for each thing that does not fit."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera
from posebench.datasets.arrays.camera import SHAPES, read_cameras
from posebench.datasets.arrays.points import check_joints, read_points
from posebench.datasets.arrays.user_file import UserFile, frame_rate, read_user_file
from posebench.datasets.clip import NAME, Clip, StoredHeatmaps, StoredKeypoints, View
from posebench.datasets.write_store import REACH_MM
from posebench.errors import DataDamagedError
from posebench.joint_maps import approximate, convert_confidence, convert_joints, joint_map
from posebench.skeletons import HUMAN36M_17, Skeleton

Array = npt.NDArray[np.floating[Any]]

#: The name of the 2D source that a user's keypoints are.
SOURCE = "user"
UNITS_MM = {"mm": 1.0, "m": 1000.0}
SPACES = ("world", "camera")
SPLITS = ("train", "validation", "test")
#: Every key that a file may have, beside those of the camera.
KEYS = (
    "poses", "space", "units", "joint_set", "fps", "keypoints", "keypoints_joint_set", "valid",
    "heatmaps", "heatmap_crop", "subject", "action", "split",
)  # fmt: skip


@dataclass(frozen=True)
class UserClip:
    """A clip, and the kinds of arrays that its file had, which all files of a folder share."""

    clip: Clip
    kinds: frozenset[str]


def read_clip(path: Path, form_fps: float) -> UserClip:
    """Read a file as `docs/add-a-dataset.md` describes it.

    `form_fps` is the frame rate of the data set; the clip names its own where
    it differs. Raises `DataMissingError` and `DataDamagedError`, one sentence
    with the file and the key.
    """
    file = read_user_file(path)
    file.refuse_other_keys((*KEYS, *SHAPES))
    if "poses" not in file:
        raise DataDamagedError(
            f"{file.where} has no 'poses': a data set is scored against 3D; to lift 2D keypoints alone use `posebench lift`."
        )
    fps = frame_rate(file)
    space = _choice(file, "space", SPACES, None, "say 'world' (z up, with a camera that stands in it) or 'camera'.")
    unit = UNITS_MM[_choice(file, "units", tuple(UNITS_MM), "mm")]
    skeleton = file.joint_set("joint_set")
    poses = _read_poses(file, skeleton, unit)
    cameras = read_cameras(file, space == "world", unit)
    valid = _read_valid(file, len(poses))
    converted = convert_joints(poses, skeleton, HUMAN36M_17)
    converted[np.isnan(converted).any(axis=-1)] = np.nan
    _check_whole(file, converted, valid)
    kinds = {space, *(key for key in ("valid", "keypoints", "heatmaps") if key in file)}
    keypoints, detector = _read_keypoints(file, skeleton, cameras, len(poses))
    if keypoints and keypoints[0].confidence is not None:
        kinds.add("confidence")
    heatmaps = _read_heatmaps(file, detector, len(cameras), len(poses))
    views = tuple(
        View(
            camera,
            poses=None if space == "world" else converted,
            keypoints={SOURCE: keypoints[view]} if keypoints else {},
            valid=valid,
            heatmaps=heatmaps[view] if heatmaps else None,
        )
        for view, camera in enumerate(cameras)
    )
    metadata = {"file": file.where, "joint_set": skeleton.name, "approximate_joints": _approximated(skeleton)}
    if keypoints:
        metadata |= {"keypoints_joint_set": detector.name, "approximate_keypoints": _approximated(detector)}
    clip = Clip(
        subject=_name(file, "subject", "S1"),
        action=_name(file, "action", "all"),
        name=re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem) or "_",
        split=_choice(file, "split", SPLITS, "test"),
        views=views,
        world=converted if space == "world" else None,
        metadata=metadata,
        fps=None if fps == form_fps else fps,
    )
    return UserClip(clip, frozenset(kinds))


def _read_poses(file: UserFile, skeleton: Skeleton, unit: float) -> Array:
    """(frames, joints, 3) mm in the file's own joints."""
    poses = file.array("poses", "") * unit
    if poses.ndim != 3 or poses.shape[2] != 3:
        raise DataDamagedError(f"{file.where} has 'poses' of shape {poses.shape}, not (frames, joints, 3).")
    check_joints(file, "poses", poses.shape[1], skeleton)
    if np.isinf(poses).any():
        raise DataDamagedError(f"{file.where} has 'poses' with infinite numbers.")
    reach = np.linalg.norm(poses - poses[:, :1], axis=-1)
    reach = reach[np.isfinite(reach).any(axis=-1)]
    furthest = float(np.median(np.nanmax(reach, axis=-1))) if len(reach) else 0.0
    if furthest < REACH_MM[0] <= furthest * 1000.0 <= REACH_MM[1]:
        raise DataDamagedError(
            f"{file.where} has 'poses' that reach {furthest:.3g} mm from their first joint, which look like metres; "
            "add units='m', which holds for 'translation' and 'position' too."
        )
    return poses


def _read_valid(file: UserFile, frames: int) -> npt.NDArray[np.bool_] | None:
    if "valid" not in file:
        return None
    valid = file.finite("valid", [(frames,)], f"say of each of the {frames} frames whether it is scored.")
    if not np.isin(valid, (0.0, 1.0)).all():
        raise DataDamagedError(f"{file.where} has 'valid' with other numbers than 0 and 1.")
    return valid.astype(bool)


def _check_whole(file: UserFile, poses: Array, valid: npt.NDArray[np.bool_] | None) -> None:
    """No joint is missing in a frame that is scored: an error against nothing has no value."""
    scored = np.ones(len(poses), bool) if valid is None else valid
    missing = np.asarray(np.isnan(poses[..., 0]) & scored[:, None])
    frames = np.flatnonzero(missing.any(axis=1))
    if len(frames):
        gone = [joint for joint, nowhere in zip(HUMAN36M_17.joints, missing[frames[0]], strict=True) if nowhere]
        which = "all joints are" if len(gone) == HUMAN36M_17.num_joints else f"{', '.join(gone)} is"
        raise DataDamagedError(
            f"{file.where} has 'poses' in which {which} NaN in frame {frames[0]}, the first of {len(frames)} such frames: "
            "only whole poses can be scored; make 'valid' (frames) false for these, or fill them in."
        )


def _read_keypoints(
    file: UserFile, own: Skeleton, cameras: tuple[Camera, ...], frames: int
) -> tuple[tuple[StoredKeypoints, ...], Skeleton]:
    """The user's 2D of each view, none where there is none, and the joint set that it was in."""
    detector = file.joint_set("keypoints_joint_set", own.name)
    if "keypoints" not in file:
        return (), detector
    points = read_points(file, "keypoints", detector, [camera.image_size for camera in cameras])
    if points.pixels.shape[:2] != (len(cameras), frames):
        views, found = points.pixels.shape[:2]
        less = "shorter" if found < frames else "longer"
        problem = (
            f"{found} frames of 'keypoints' and {frames} of 'poses': the 2D is {less} than the 3D"
            if views == len(cameras)
            else f"'keypoints' of {views} views and {len(cameras)} cameras"
        )
        raise DataDamagedError(f"{file.where} has {problem}; give both for the same frames of the same views.")
    pixels = convert_joints(points.pixels, detector, HUMAN36M_17)
    confidence = None if points.confidence is None else convert_confidence(points.confidence, detector, HUMAN36M_17)
    return tuple(
        StoredKeypoints(pixels[view], None if confidence is None else confidence[view]) for view in range(len(cameras))
    ), detector


def _read_heatmaps(file: UserFile, detector: Skeleton, views: int, frames: int) -> tuple[StoredHeatmaps, ...]:
    if "heatmaps" not in file and "heatmap_crop" not in file:
        return ()
    maps = file.array("heatmaps", "'heatmap_crop' says what part of the image they show.")
    crop = file.array("heatmap_crop", "give the left, top, right and bottom border in pixels of what the maps show.")
    maps, crop = (maps if maps.ndim == 5 else maps[None], crop if crop.ndim == 3 else crop[None])
    if maps.ndim != 5 or maps.shape[:2] != (views, frames) or crop.shape != (views, frames, 4):
        raise DataDamagedError(
            f"{file.where} has 'heatmaps' of shape {maps.shape} and 'heatmap_crop' of {crop.shape}; they must be "
            f"({views}, {frames}, joints, height, width) and ({views}, {frames}, 4)."
        )
    check_joints(file, "heatmaps", maps.shape[2], detector)
    if not (np.isfinite(maps).all() and (maps >= 0).all() and np.isfinite(crop).all()):
        raise DataDamagedError(f"{file.where} has 'heatmaps' below 0, or heatmaps or crops that are not finite.")
    weights = joint_map(detector, HUMAN36M_17)
    for joint, row in zip(HUMAN36M_17.joints, weights, strict=True):
        if np.count_nonzero(row) != 1:
            raise DataDamagedError(
                f"{file.where} has 'heatmaps' of the joints {detector.name}, and none of them is {joint} of "
                f"{HUMAN36M_17.name}; give maps in that joint set, or leave them away."
            )
    rows = weights.argmax(axis=1)
    return tuple(StoredHeatmaps(maps[view][:, rows], crop[view]) for view in range(views))


def _approximated(skeleton: Skeleton) -> str:
    return ", ".join(approximate(skeleton, HUMAN36M_17))


def _choice(file: UserFile, key: str, choices: tuple[str, ...], default: str | None, why: str = "") -> str:
    text = file.text(key, default, why)
    if text not in choices:
        raise DataDamagedError(f"{file.where} has a {key!r} of {text!r}; it is one of {', '.join(choices)}.")
    return text


def _name(file: UserFile, key: str, default: str) -> str:
    text = file.text(key, default)
    if not NAME.fullmatch(text):
        raise DataDamagedError(f"{file.where} has a {key!r} of {text!r}; use letters, digits, '_' and '-'.")
    return text
