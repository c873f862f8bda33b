"""mmpose's files: `h36m_train.npz` and `h36m_test.npz` (metres, camera space), its detections beside them.

Layout: mmpose `tools/dataset_converters/preprocess_h36m.py`. Every row is an image, whose name says all else:
`S9/S9_Directions_1.54138969/S9_Directions_1.54138969_000001.jpg`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from posebench.datasets.clip import NAME, Clip, StoredKeypoints, View
from posebench.datasets.human36m.arrays import Array, check_finite, check_metres, numbers
from posebench.datasets.human36m.takes import ACTIONS, DAMAGED, SPLITS, number_takes
from posebench.datasets.human36m_cameras import CAMERAS, lens
from posebench.errors import DataDamagedError, DataMissingError
from posebench.npz import read_npz
from posebench.skeletons import HUMAN36M_17

IMAGE = re.compile(r"(?P<subject>S\d+)_(?P<name>.+)\.(?P<camera>\d+)_(?P<number>\d+)\.jpg")
#: Frames a second of the videos, whose frames the image names count.
FPS = 50.0
M_TO_MM = 1000.0
#: Folders beside the annotations' in which mmpose's configurations look for detections.
DETECTIONS = ("joint_2d_det_files", "keypoint_2d_det_files")


@dataclass(frozen=True)
class _Run:
    """The rows of one sequence in the file, and what its images' names say."""

    subject: str
    name: str
    camera: str
    rows: slice

    @property
    def length(self) -> int:
        length: int = self.rows.stop - self.rows.start
        return length


def frame_rate(path: Path) -> float:
    """Frames a second of a file, from the image names of its first sequence; raises `DataDamagedError`."""
    names = _image_names(path, read_npz(path, ["imgname"]))
    return FPS / _step(path, names)


def mmpose_clips(files: Mapping[str, Path]) -> Iterator[Clip]:
    """Every take of the splits in `files`, in camera mm, with the owner's 2D as `gt_npz` and all detections found.

    Detections stand beside the annotations or in mmpose's folder for them, as `<source>_<split>.npy`. Raises
    `DataDamagedError` for what is not in this layout, `DataMissingError` for detections of only one split.
    """
    detections = _detections(files)
    for split in ("train", "test"):
        if split in files:
            yield from _split_clips(files[split], split, {name: own[split] for name, own in detections.items()})


def _split_clips(path: Path, split: str, detections: Mapping[str, Path]) -> Iterator[Clip]:
    content = read_npz(path, ["imgname", "part", "S"])
    names = _image_names(path, content)
    count, joints = len(names), HUMAN36M_17.num_joints
    poses = numbers(content["S"], (count, joints, 4), f"{path} 'S'")[..., :3]
    sources = {"gt_npz": numbers(content["part"], (count, joints, 3), f"{path} 'part'")[..., :2]}
    check_finite(poses, f"{path} 'S'")
    for name, file in detections.items():
        sources[name] = _read_detections(file, count)
    for name, keypoints in sources.items():
        check_finite(keypoints, f"{path} 2D source {name!r}")

    def view(run: _Run) -> View:
        where = f"{path}: {run.subject} {run.name} camera {run.camera}"
        check_metres(poses[run.rows], where)
        keypoints = {name: _stored(values[run.rows]) for name, values in sources.items()}
        return View(lens(run.camera), poses=poses[run.rows].astype(np.float64) * M_TO_MM, keypoints=keypoints)

    for (subject, action, take), runs in _takes(path, split, names).items():
        if (subject, action, take) == DAMAGED:
            continue
        yield Clip(
            subject=subject,
            action=action,
            name=take,
            split=split,
            views=tuple(view(run) for run in runs),
            metadata={"take_name": runs[0].name, "file": path.name},
        )


def _stored(keypoints: Array) -> StoredKeypoints:
    return StoredKeypoints(keypoints[..., :2], keypoints[..., 2] if keypoints.shape[-1] == 3 else None)


def _image_names(path: Path, content: Mapping[str, object]) -> list[str]:
    names = content["imgname"]
    if not isinstance(names, np.ndarray) or names.dtype.kind not in "US" or names.ndim != 1 or len(names) < 2:
        raise DataDamagedError(
            f"{path} is not mmpose's Human3.6M: its 'imgname' is no list of names; get the file again."
        )
    return [str(name, "utf-8") if isinstance(name, bytes) else str(name) for name in names.tolist()]


def _step(path: Path, names: list[str]) -> int:
    """By how many frames of the video the first two images of the file differ."""
    first, second = (_parse(path, name) for name in names[:2])
    step = int(second["number"]) - int(first["number"])
    if first["name"] != second["name"] or first["camera"] != second["camera"] or step < 1:
        raise DataDamagedError(f"{path}: its image names do not count the frames of a sequence; get the file again.")
    return step


def _parse(path: Path, name: str) -> re.Match[str]:
    match = IMAGE.fullmatch(name.rpartition("/")[2])
    if match is None or match["subject"] not in SPLITS or match["camera"] not in CAMERAS:
        raise DataDamagedError(
            f"{path}: the image name {name!r} is not <subject>_<action>.<camera>_<frame>.jpg with a subject of "
            f"{', '.join(SPLITS)} and a camera of {', '.join(CAMERAS)}; get the file again."
        )
    return match


def _takes(path: Path, split: str, names: list[str]) -> dict[tuple[str, str, str], list[_Run]]:
    """The sequences of every take, both in a fixed order: subject, action, take, camera."""
    runs = _runs(path, names)
    takes: dict[tuple[str, str, str], list[_Run]] = {}
    for subject in dict.fromkeys(run.subject for run in runs):
        if SPLITS[subject] != split:
            raise DataDamagedError(f"{path} has the subject {subject} of the other split; get the file again.")
        try:
            numbered = number_takes(subject, {run.name for run in runs if run.subject == subject})
        except ValueError as error:
            raise DataDamagedError(f"{path}: of {subject}, {error}; get the file again.") from error
        for run in runs:
            if run.subject == subject:
                takes.setdefault((subject, *numbered[run.name]), []).append(run)
    order = list(SPLITS)
    for (subject, action, take), own in takes.items():
        own.sort(key=lambda run: CAMERAS.index(run.camera))
        for one, other in pairwise(own):
            if one.camera == other.camera:
                raise DataDamagedError(
                    f"{path}: {subject} {one.name} camera {one.camera} is there twice, or its images are not in order; "
                    "get the file again."
                )
            if one.length != other.length:
                raise DataDamagedError(
                    f"{path}: {subject} {action} take {take} has {one.length} frames of camera {one.camera} and "
                    f"{other.length} of camera {other.camera}; a take's cameras must have the same frames."
                )
    return dict(
        sorted(takes.items(), key=lambda item: (order.index(item[0][0]), ACTIONS.index(item[0][1]), item[0][2]))
    )


def _runs(path: Path, names: list[str]) -> list[_Run]:
    """Rows whose images belong to one sequence and follow each other by the file's step."""
    step = _step(path, names)
    stems = [name.rpartition("/")[2].rpartition("_")[0] for name in names]
    borders = [0, *(i for i in range(1, len(names)) if stems[i] != stems[i - 1]), len(names)]
    runs = []
    for start, stop in pairwise(borders):
        first = _parse(path, names[start])
        for row in range(start, stop):
            expected = 1 + step * (row - start)
            if names[row].rpartition("_")[2] != f"{expected:06d}.jpg":
                raise DataDamagedError(
                    f"{path}: image {names[row]!r} is in row {row}, where frame {expected} was to be; frames are missing "
                    "or out of order, so get the file again."
                )
        runs.append(_Run(first["subject"], first["name"].replace("_", " "), first["camera"], slice(start, stop)))
    return runs


def _detections(files: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
    """source -> split -> file of detections, each source for every split that has annotations."""
    found: dict[str, dict[str, Path]] = {}
    for split, path in files.items():
        above = (path.parent, *path.parents[1:4])
        for folder in (path.parent, *(parent / name for parent in above for name in DETECTIONS)):
            for file in sorted(folder.glob(f"*_{split}.npy")):
                name = file.name.removesuffix(f"_{split}.npy")
                if not NAME.fullmatch(name):
                    raise DataDamagedError(
                        f"The name of {file} cannot name a 2D source: use letters, digits, '_' and '-'."
                    )
                found.setdefault(name, {}).setdefault(split, file)
    for name, own in found.items():
        for split in files:
            if split not in own:
                there = next(iter(own.values()))
                raise DataMissingError(
                    f"There is {there} but no {name}_{split}.npy for {files[split]}; put it beside the other, or move "
                    "one split's files away."
                )
    return found


def _read_detections(path: Path, count: int) -> Array:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataDamagedError(f"{path} cannot be read ({error}); get the file again.") from error
    columns = 2 if isinstance(values, np.ndarray) and values.shape[-1:] == (2,) else 3
    return numbers(values, (count, HUMAN36M_17.num_joints, columns), str(path))
