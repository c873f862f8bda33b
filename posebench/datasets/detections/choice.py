"""Which of several people is meant: a lifter takes one."""

import numpy as np
import numpy.typing as npt

from posebench.datasets.detections.people import Array, Detections
from posebench.errors import UsageError

RULES = ("largest", "confident", "first", "track")

#: How far a person's box may move from one frame to the next, as a share of its diagonal.
STEP = 0.5


def choose_person(detections: Detections, rule: str | int) -> Array:
    """One person a frame, (frames, joints, 3) as in `Detections.people`; all joints missing where nobody is chosen.

    `largest`
        The person whose box around the joints found has the largest area; each frame by itself.
    `confident`
        The person with the largest sum of confidence; each frame by itself.
    `first`
        The file's first person of each frame, also where that entry is empty.
    `track`
        The largest of the first frame with anybody in it, then the person whose box is nearest to the last one
        (mean distance of the four borders). Nobody, if the nearest is further than half the last box's diagonal for
        each frame since; so who leaves and comes back elsewhere is lost.
    a number
        That person of each frame, counted from 0.

    Of equals the first. Raises `UsageError` for another rule, or a number that no frame has.
    """
    if isinstance(rule, int):
        if not 0 <= rule < detections.people.shape[1]:
            raise UsageError(
                f"There is no person {rule}: no frame has more than {detections.people.shape[1]}, counted from 0."
            )
        return detections.people[:, rule]
    if rule not in RULES:
        raise UsageError(f"{rule!r} is no way to choose a person; choose {', '.join(RULES)} or a number.")
    if rule == "first":
        return detections.people[:, 0]
    if rule == "track":
        return _tracked(detections)
    boxes = _boxes(detections)
    score = detections.people[..., 2].sum(axis=-1) if rule == "confident" else _area(boxes, detections.found)
    rows = np.arange(len(detections.people))
    chosen: Array = detections.people[rows, score.argmax(axis=1)]
    return chosen


def _tracked(detections: Detections) -> Array:
    boxes, found = _boxes(detections), detections.found
    chosen = np.full_like(detections.people[:, 0], np.nan)
    chosen[..., 2] = 0.0
    last: tuple[int, Array] | None = None
    for frame in np.flatnonzero(found.any(axis=1)).tolist():
        if last is None:
            person = int(_area(boxes[frame], found[frame]).argmax())
        else:
            distance = np.where(found[frame], np.abs(boxes[frame] - last[1]).mean(axis=-1), np.inf)
            person = int(distance.argmin())
            left, top, right, bottom = last[1]
            if distance[person] > STEP * np.hypot(right - left, bottom - top) * (frame - last[0]):
                continue
        chosen[frame] = detections.people[frame, person]
        last = frame, boxes[frame, person]
    return chosen


def _boxes(detections: Detections) -> npt.NDArray[np.float64]:
    """(frames, people, 4) left, top, right, bottom around the joints found; zeros where there is nobody."""
    pixels = detections.people[..., :2]
    there = np.isfinite(pixels)
    low = np.where(there, pixels, np.inf).min(axis=-2)
    high = np.where(there, pixels, -np.inf).max(axis=-2)
    return np.where(detections.found[..., None], np.concatenate([low, high], axis=-1), 0.0)


def _area(boxes: npt.NDArray[np.float64], found: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """(...) area of boxes (..., 4); nobody has less than any."""
    size = boxes[..., 2:] - boxes[..., :2]
    # A person of whom one joint is found has a box without area, and still is somebody.
    return np.where(found, size.prod(axis=-1), -1.0)
