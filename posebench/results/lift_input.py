"""What `posebench lift` is given: one person's keypoints in a video, from a detector's files or from arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.arrays.points import check_pixels, read_points
from posebench.datasets.arrays.user_file import ENDINGS, UserFile, find_joint_set, frame_rate, read_user_file
from posebench.datasets.detections import choose_person, read_detections
from posebench.errors import DataDamagedError, DataMissingError, UsageError
from posebench.hashing import hash_file, hash_value
from posebench.skeletons import SKELETONS, Skeleton

#: How a person is chosen among several unless the user says otherwise.
PERSON = "largest"


@dataclass(frozen=True)
class LiftInput:
    """One person's keypoints in the joint set of the files.

    `pixels` (frames, joints, 2) is NaN and `confidence` (frames, joints) 0
    where a joint is missing. `frame` holds the frames' numbers in the files;
    `about` is what is told of the files beside.
    """

    pixels: npt.NDArray[np.floating[Any]]
    confidence: npt.NDArray[np.floating[Any]]
    skeleton: Skeleton
    image_size: tuple[int, int]
    fps: float
    frame: tuple[int, ...]
    about: dict[str, Any]


def read_lift_input(
    path: Path,
    *,
    fps: float | None = None,
    image_size: tuple[int, int] | None = None,
    joint_set: str | None = None,
    person: str | int | None = None,
) -> LiftInput:
    """Read a COCO file, OpenPose's files, or an npz or safetensors file with `keypoints`.

    `fps`, `image_size` and `joint_set` are needed where the files do not say,
    and must not contradict them. `person` is a rule of `choose_person`, for the
    files of detectors. Raises `UsageError` for what is missing or contradicts,
    `DataMissingError` and `DataDamagedError` for the files.
    """
    if fps is not None and not 0 < fps < float("inf"):
        raise UsageError(f"--fps is {fps:g}; give the frames per second of the video.")
    if image_size is not None and min(image_size) < 1:
        raise UsageError(f"--image-size is {image_size[0]}x{image_size[1]}; give width and height in pixels.")
    skeleton = None if joint_set is None else _named(joint_set)
    if not path.exists():
        raise DataMissingError(f"There is no {path}; give a COCO or OpenPose JSON, a folder of these, or an npz.")
    if path.suffix in ENDINGS and path.is_file():
        found = _from_arrays(path, fps, image_size, skeleton, person)
    else:
        found = _from_detections(path, fps, image_size, skeleton, person)
    if np.isnan(found.pixels).all():
        raise DataDamagedError(
            f"{path} has no keypoint in any of its {len(found.pixels)} frames; nothing can be lifted."
        )
    return found


def _from_detections(
    path: Path,
    fps: float | None,
    image_size: tuple[int, int] | None,
    skeleton: Skeleton | None,
    person: str | int | None,
) -> LiftInput:
    detections = read_detections(path, skeleton)
    rule = PERSON if person is None else person
    chosen = choose_person(detections, rule)
    if fps is None:
        raise UsageError(f"{path.name} does not say how many frames a second has; add --fps.")
    size = _agreed("--image-size", image_size, detections.image_size, path)
    if size is None:
        raise UsageError(f"{path.name} does not say how large the images are; add --image-size WIDTHxHEIGHT.")
    check_pixels(chosen[..., :2], size, f"{path.name} has keypoints")
    about = {
        **_described(path),
        "kind": "detections",
        "people": int(detections.found.sum(axis=1).max()),
        "frames_with_nobody": int((~detections.found.any(axis=1)).sum()),
        "person": rule,
    }
    return LiftInput(chosen[..., :2], chosen[..., 2], detections.skeleton, size, fps, detections.frames, about)


def _from_arrays(
    path: Path,
    fps: float | None,
    image_size: tuple[int, int] | None,
    skeleton: Skeleton | None,
    person: str | int | None,
) -> LiftInput:
    if person is not None:
        raise UsageError(f"{path.name} holds one person; leave --person away.")
    file = read_user_file(path)
    key = _keypoints_key(file)
    own = next((name for name in ("keypoints_joint_set", "joint_set") if name in file), None)
    joints = _agreed("--joint-set", skeleton, file.joint_set(own) if own else None, path)
    if joints is None:
        raise UsageError(f"{path.name} has no 'joint_set'; add --joint-set, one of {', '.join(SKELETONS)}.")
    size = _agreed("--image-size", image_size, file.sizes()[0] if "image_size" in file else None, path)
    if size is None:
        raise UsageError(f"{path.name} has no 'image_size'; add --image-size WIDTHxHEIGHT.")
    rate = _agreed("--fps", fps, frame_rate(file) if "fps" in file else None, path)
    if rate is None:
        raise UsageError(f"{path.name} has no 'fps'; add --fps.")
    points = read_points(file, key, joints, [size])
    if len(points.pixels) != 1:
        raise DataDamagedError(
            f"{path.name} has {key!r} of {len(points.pixels)} views; give one person in one view, (frames, joints, 2 or 3)."
        )
    pixels = points.pixels[0]
    there = np.isfinite(pixels).all(axis=-1)
    confidence = there.astype(np.float64) if points.confidence is None else points.confidence[0]
    return LiftInput(
        pixels, confidence, joints, size, rate, tuple(range(len(pixels))), {**_described(path), "kind": "arrays"}
    )


def _keypoints_key(file: UserFile) -> str:
    """`keypoints`, or the name of a file's only array of that form."""
    if "keypoints" in file:
        return "keypoints"
    arrays = [key for key, value in file.values.items() if isinstance(value, np.ndarray) and value.ndim >= 3]
    if len(arrays) != 1:
        raise DataDamagedError(
            f"{file.where} has no 'keypoints' (it has {', '.join(file.values) or 'nothing'}): give 2D keypoints "
            "(frames, joints, 2), or 3 with confidence."
        )
    return arrays[0]


def _agreed(option: str, asked: Any, said: Any, path: Path) -> Any:
    """What is asked or what the file says; raises `UsageError` when they contradict each other."""
    if asked is not None and said is not None and asked != said:
        raise UsageError(
            f"{path.name} says {_shown(said)}, {option} {_shown(asked)}; leave the option away, or mend the file."
        )
    return said if asked is None else asked


def _shown(value: Any) -> str:
    if isinstance(value, Skeleton):
        return value.name
    return f"{value[0]}x{value[1]}" if isinstance(value, tuple) else f"{value:g}"


def _named(joint_set: str) -> Skeleton:
    try:
        return find_joint_set(joint_set, "--joint-set names")
    except DataDamagedError as error:
        raise UsageError(str(error)) from error


def _described(path: Path) -> dict[str, Any]:
    """Name and hash of the input: of a folder over its files' names and hashes."""
    if path.is_file():
        return {"name": path.name, "sha256": hash_file(path)}
    files = sorted(file for file in path.glob("*.json") if not file.name.startswith("."))
    return {"name": path.resolve().name, "sha256": hash_value({file.name: hash_file(file) for file in files})}
