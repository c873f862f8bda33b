"""OpenPose's output: one JSON a frame, `people[].pose_keypoints_2d` flat x, y, confidence.

Source: OpenPose, `doc/02_output.md`. A keypoint that was not found is 0, 0, 0. An empty entry `{}` is a person whom
Pose2Sim's association did not find in this view.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.detections.json_file import read_json
from posebench.datasets.detections.numbering import frame_numbers
from posebench.datasets.detections.people import Detections, read_person, stack_people
from posebench.errors import DataDamagedError, DataMissingError
from posebench.skeletons import BODY_25, Skeleton

#: What other numbers of keypoints are, for the error that refuses them.
MODELS = {15: "its MPI model", 18: "its COCO model", 26: "HALPE_26", 135: "BODY_135"}


def read_openpose(path: Path, skeleton: Skeleton = BODY_25) -> Detections:
    """The people of a folder of OpenPose JSON files, in the order of the frame numbers in their names; or of one file.

    BODY_25 and BODY_25B both have 25 keypoints, in different orders, and the
    files do not say which they hold: say `skeleton=BODY_25B` for the latter.
    Raises `DataMissingError` for a folder without JSON files, or with a gap in
    the numbers, and `DataDamagedError` for names and files that cannot be read.
    """
    files = [path] if path.is_file() else _files(path)
    numbers = [0] if path.is_file() else frame_numbers([file.stem for file in files], str(path))
    order = sorted(range(len(files)), key=numbers.__getitem__)
    for before, after in pairwise(order):
        if numbers[after] != numbers[before] + 1:
            raise DataMissingError(
                f"Frame {numbers[before] + 1} is missing in {path}: {files[before].name} is followed by "
                f"{files[after].name}; a frame in which nobody was found has a file too, with no people in it."
            )
    people = [_people(files[index], skeleton) for index in order]
    return Detections(
        skeleton, stack_people(people, skeleton, str(path)), tuple(numbers[index] for index in order), None
    )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataMissingError(f"There is no {folder}; give a folder of OpenPose JSON files, one a frame.")
    # macOS archives carry a `._` twin of every file.
    files = sorted(file for file in folder.glob("*.json") if not file.name.startswith("."))
    if not files:
        raise DataMissingError(f"No JSON file is in {folder}; give a folder of OpenPose JSON files, one a frame.")
    return files


def _people(file: Path, skeleton: Skeleton) -> list[npt.NDArray[np.float64]]:
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("people"), list):
        raise DataDamagedError(f"{file} has no list 'people'; it is not a frame of OpenPose.")
    return [_person(entry, skeleton, f"Person {place} of {file}") for place, entry in enumerate(content["people"])]


def _person(entry: Any, skeleton: Skeleton, where: str) -> npt.NDArray[np.float64]:
    if not isinstance(entry, dict) or (entry and "pose_keypoints_2d" not in entry):
        raise DataDamagedError(f"{where} has no 'pose_keypoints_2d'; it is not from OpenPose 1.2 or later.")
    numbers = entry.get("pose_keypoints_2d", [])
    if numbers == []:
        return np.tile([np.nan, np.nan, 0.0], (skeleton.num_joints, 1))
    if isinstance(numbers, list) and len(numbers) != 3 * skeleton.num_joints and len(numbers) / 3 in MODELS:
        raise DataDamagedError(
            f"{where} has {len(numbers) // 3} keypoints ({MODELS[len(numbers) // 3]}), which is no joint set of posebench; "
            "run the detector with BODY_25 or BODY_25B, or write its keypoints in COCO's format."
        )
    return read_person(numbers, skeleton, where)
