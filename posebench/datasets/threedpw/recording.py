"""One of 3DPW's `sequenceFiles/<split>/<sequence>.pkl`, read and checked: people in the world, a camera that moves.

Source of the layout: the owner's readme; of the camera's direction: the challenge's `evaluate.py` (3dpw-eval), which
takes `cam_poses[frame]` from world to camera.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera, project
from posebench.errors import DataDamagedError
from posebench.pickles import read_pickle
from posebench.skeletons import SMPL_24

Array = npt.NDArray[np.float64]

MM = 1000.0
#: Width and height: a phone's video, held upright or across.
IMAGE_SIZES = ((1080, 1920), (1920, 1080))
#: By how much of the image's size the principal point may lie off its middle, and a camera's axes off a rotation.
OFF_MIDDLE = 0.1
OFF_ROTATION = 0.01
#: Median over frames of the furthest joint's distance from the pelvis, in metres, that a person can have.
REACH_M = (0.2, 2.5)

#: Limbs of the 18 joints in which OpenPose writes COCO's, and thus `poses2d`.
DETECTED = {
    2: "right_shoulder",
    3: "right_elbow",
    4: "right_wrist",
    5: "left_shoulder",
    6: "left_elbow",
    7: "left_wrist",
    8: "right_hip",
    9: "right_knee",
    10: "right_ankle",
    11: "left_hip",
    12: "left_knee",
    13: "left_ankle",
}


@dataclass(frozen=True)
class Person:
    """One of the people of a sequence.

    `joints` is (frames, 24, 3) in world metres; `aligned` (frames,) says where
    the camera's pose fits this person in the image; `detections` (frames, 3,
    18) are x, y and confidence, all zero in a frame without.
    """

    gender: str
    joints: Array
    aligned: npt.NDArray[np.bool_]
    detections: Array

    @property
    def detected(self) -> npt.NDArray[np.bool_]:
        """(frames,) where the owner has 2D detections."""
        return np.asarray((self.detections != 0).any(axis=(1, 2)))


@dataclass(frozen=True)
class Recording:
    """A sequence: its people, and for each frame the (4, 4) motion from world metres to camera metres."""

    path: Path
    people: tuple[Person, ...]
    camera: Camera
    cam_poses: Array

    def seen(self, world: Array, person: Person) -> Array:
        """World metres (frames, joints, 3) in camera mm; NaN where the camera's pose does not fit the person."""
        turn, move = self.cam_poses[:, :3, :3], self.cam_poses[:, :3, 3]
        camera: Array = (np.einsum("fij,fkj->fki", turn, world) + move[:, None]) * MM
        camera[~person.aligned] = np.nan
        return camera

    def detection_error(self, person: Person) -> float | None:
        """Median distance in pixels between detected limbs and where the joints are seen; None without a detection."""
        found = list(DETECTED)
        seen = project(self.seen(person.joints, person), self.camera)[
            :, list(SMPL_24.indices(tuple(DETECTED.values())))
        ]
        distance = np.linalg.norm(seen - np.moveaxis(person.detections[:, :2, found], 1, 2), axis=-1)
        distance = distance[(person.detections[:, 2, found] > 0) & np.isfinite(distance)]
        return float(np.median(distance)) if len(distance) else None


def read_recording(path: Path) -> Recording:
    """Read a sequence; raises `DataDamagedError` naming the file, the key and the person, and as `read_pickle`."""
    stored = read_pickle(path)
    if not isinstance(stored, dict):
        raise DataDamagedError(f"The file {path} holds no dictionary; it is not one of 3DPW's sequence files.")
    if _value(stored, "sequence", path) != path.stem:
        raise DataDamagedError(f"The file {path} holds the sequence {stored['sequence']!r}; name it after that.")
    cam_poses = _numbers(_value(stored, "cam_poses", path), (None, 4, 4), "cam_poses", path)
    frames = len(cam_poses)
    if not frames:
        raise DataDamagedError(f"The file {path} has no frame; take it from the owner's archive again.")
    columns = [_per_person(stored, key, path) for key in ("jointPositions", "genders", "campose_valid", "poses2d")]
    if len({len(column) for column in columns}) > 1 or not columns[0]:
        raise DataDamagedError(
            f"The file {path} has jointPositions, genders, campose_valid and poses2d of "
            f"{', '.join(str(len(column)) for column in columns)} people; they must agree."
        )
    people = tuple(
        Person(
            gender=str(gender),
            joints=_numbers(joints, (frames, 72), f"jointPositions[{i}]", path).reshape(frames, 24, 3),
            aligned=_flags(aligned, frames, f"campose_valid[{i}]", path),
            detections=_numbers(detections, (frames, 3, 18), f"poses2d[{i}]", path),
        )
        for i, (joints, gender, aligned, detections) in enumerate(zip(*columns, strict=True))
    )
    for i, person in enumerate(people):
        _check_person(person, i, cam_poses, path)
    camera = _camera(_numbers(_value(stored, "cam_intrinsics", path), (3, 3), "cam_intrinsics", path), path)
    return Recording(path, people, camera, cam_poses)


def _value(stored: dict[Any, Any], key: str, path: Path) -> Any:
    if key not in stored:
        raise DataDamagedError(f"The file {path} has no {key!r}; take it from the owner's archive again.")
    return stored[key]


def _per_person(stored: dict[Any, Any], key: str, path: Path) -> list[Any]:
    value = _value(stored, key, path)
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise DataDamagedError(
            f"The file {path} has {key!r} as {type(value).__name__}, not as a list with a person each."
        )
    return list(value)


def _numbers(value: Any, shape: tuple[int | None, ...], key: str, path: Path) -> Array:
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataDamagedError(f"The file {path} has {key} that is no array of numbers ({error}).") from error
    if len(numbers.shape) != len(shape) or any(
        size not in (None, found) for size, found in zip(shape, numbers.shape, strict=True)
    ):
        wanted = ", ".join("frames" if size is None else str(size) for size in shape)
        raise DataDamagedError(f"The file {path} has {key} of shape {numbers.shape}, not ({wanted}).")
    return numbers


def _flags(value: Any, frames: int, key: str, path: Path) -> npt.NDArray[np.bool_]:
    numbers = _numbers(value, (frames,), key, path)
    if not np.isin(numbers, (0, 1)).all():
        raise DataDamagedError(f"The file {path} has {key} with other values than 0 and 1.")
    return numbers.astype(bool)


def _check_person(person: Person, number: int, cam_poses: Array, path: Path) -> None:
    """Where the camera's pose fits a person, both are finite, and in the owner's units."""
    for key, values in ((f"jointPositions[{number}]", person.joints), ("cam_poses", cam_poses)):
        broken = np.flatnonzero(person.aligned & ~np.isfinite(values).all(axis=(1, 2)))
        if len(broken):
            raise DataDamagedError(
                f"The file {path} has NaN or infinity in {key}, frame {broken[0]}, which campose_valid calls valid."
            )
    turn = cam_poses[:, :3, :3]
    rigid = np.abs(turn @ np.swapaxes(turn, 1, 2) - np.eye(3)).max(axis=(1, 2)) < OFF_ROTATION
    rigid &= np.abs(cam_poses[:, 3] - (0, 0, 0, 1)).max(axis=1) < OFF_ROTATION
    # A mirror is no rotation.
    rigid &= np.linalg.det(np.where(np.isfinite(turn), turn, 0.0)) > 0
    bent = np.flatnonzero(person.aligned & ~rigid)
    if len(bent):
        raise DataDamagedError(
            f"The file {path} has cam_poses, frame {bent[0]}, that is no rotation and translation from world to camera."
        )
    known = person.joints[person.aligned]
    reach = np.linalg.norm(known - known[:, :1], axis=-1).max(axis=-1)
    if len(reach) and not REACH_M[0] <= np.median(reach) <= REACH_M[1]:
        raise DataDamagedError(
            f"The file {path} has jointPositions[{number}] that reach {np.median(reach):.4g} from the pelvis; "
            "3DPW gives metres, and no person has that size."
        )


def _camera(intrinsics: Array, path: Path) -> Camera:
    """The lens, without distortion; the image's size follows from the principal point, which is near its middle."""
    (fx, skew, cx), (zero, fy, cy), last = intrinsics.tolist()
    if not np.isfinite(intrinsics).all() or min(fx, fy) <= 0 or [skew, zero, *last] != [0, 0, 0, 0, 1]:
        raise DataDamagedError(f"The file {path} has cam_intrinsics that are not [fx 0 cx; 0 fy cy; 0 0 1].")
    for width, height in IMAGE_SIZES:
        if abs(cx - width / 2) <= OFF_MIDDLE * width and abs(cy - height / 2) <= OFF_MIDDLE * height:
            return Camera(
                name="cam",
                width=width,
                height=height,
                focal=(fx, fy),
                center=(cx, cy),
                radial=(0.0, 0.0, 0.0),
                tangential=(0.0, 0.0),
                orientation=(1.0, 0.0, 0.0, 0.0),
                position=(0.0, 0.0, 0.0),
            )
    raise DataDamagedError(
        f"The file {path} has its principal point at ({cx:g}, {cy:g}), the middle neither of an image of 1080 x 1920 "
        "pixels nor of one of 1920 x 1080; 3DPW has no others."
    )
