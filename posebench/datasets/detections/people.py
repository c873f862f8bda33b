"""Everybody that a detector found in a video, as one array."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.errors import DataDamagedError
from posebench.skeletons import Skeleton

Array = npt.NDArray[np.floating[Any]]

#: People times frames that an array is made for: an hour of 60 Hz with nine people in view.
MOST_PEOPLE = 2_000_000


@dataclass(frozen=True)
class Detections:
    """The people of each frame, in the order of their file.

    `people` is float64 (frames, people, joints, 3): pixels x, y, NaN where a
    joint is missing, and a confidence in [0, 1], 0 where it is missing. Frames
    hold as many people as the fullest: the others' joints are all missing.
    `frames` are the frames' numbers in the files, consecutive unless the file
    lists its images. `image_size` is (width, height) in pixels, None if the
    files do not say.
    """

    skeleton: Skeleton
    people: npt.NDArray[np.float64]
    frames: tuple[int, ...]
    image_size: tuple[int, int] | None

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """(frames, people) whether there is a person with at least one joint."""
        return np.asarray((self.people[..., 2] > 0).any(axis=-1))


def read_person(numbers: Any, skeleton: Skeleton, where: str) -> npt.NDArray[np.float64]:
    """(joints, 3) from the flat list x, y, confidence of a person; `where` begins the sentence of an error.

    A joint of confidence 0 is missing. Confidence above 1 becomes 1: networks
    overshoot a little, and annotators write 2 for "visible".
    """
    wanted = 3 * skeleton.num_joints
    if not isinstance(numbers, list) or len(numbers) != wanted:
        size = f"{len(numbers)} numbers" if isinstance(numbers, list) else f"{type(numbers).__name__} for a list"
        raise DataDamagedError(
            f"{where} has {size}, not the {wanted} (x, y, confidence) of {skeleton.num_joints} joints {skeleton.name!r}; "
            "name the joint set that the detector gave."
        )
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        raise DataDamagedError(f"{where} holds something that is not a number.")
    try:
        person = np.array(numbers, dtype=np.float64).reshape(-1, 3)
    except OverflowError as error:
        raise DataDamagedError(f"{where} holds a number that is too large.") from error
    if not np.isfinite(person).all() or (person[:, 2] < 0).any():
        raise DataDamagedError(f"{where} holds a number that is not finite, or a confidence below 0.")
    missing = person[:, 2] == 0
    person[:, 2] = np.minimum(person[:, 2], 1.0)
    person[missing, :2] = np.nan
    return person


def stack_people(
    frames: Sequence[Sequence[npt.NDArray[np.float64]]], skeleton: Skeleton, where: str
) -> npt.NDArray[np.float64]:
    """(frames, people, joints, 3) from the people (joints, 3) of each frame; one person wide where nobody is."""
    width = max((len(people) for people in frames), default=0) or 1
    if width * len(frames) > MOST_PEOPLE:
        raise DataDamagedError(
            f"{where} has up to {width} people in each of {len(frames)} frames, too many to hold; cut it into parts."
        )
    stacked = np.full((len(frames), width, skeleton.num_joints, 3), np.nan)
    stacked[..., 2] = 0.0
    for row, people in enumerate(frames):
        for place, person in enumerate(people):
            stacked[row, place] = person
    return stacked
