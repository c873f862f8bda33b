"""COCO's keypoints: the list of results that detectors write, and annotations with their images.

Source: COCO, "Data format" and "Results format". A result is `{image_id, category_id, keypoints: [x, y, v] * 17,
score}`; annotations are `{images, annotations, ...}`. `v` is a confidence in results and 0 (missing), 1 (hidden) or 2
(visible) in annotations, where both 1 and 2 count as sure.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.detections.json_file import read_json
from posebench.datasets.detections.numbering import frame_numbers
from posebench.datasets.detections.people import Detections, read_person, stack_people
from posebench.errors import DataDamagedError
from posebench.skeletons import COCO_17, Skeleton

#: COCO's category of people; all others are left out.
PERSON = 1
#: A list of results tells nothing of frames without people. Where more than this many go by for each that has one, the
#: numbers are not those of a video's frames.
SPARSEST = 20


def read_coco(path: Path, skeleton: Skeleton = COCO_17) -> Detections:
    """The people of a COCO file, in the order of the video's frames.

    Annotations have a frame for each of their images, ordered by the number in
    `file_name`, or by `id` where it is absent. Results have a frame for each
    number from the first `image_id` to the last, with nobody in those that the
    list leaves out; AlphaPose's `image_id`, a file name, counts by its number.
    Raises `DataMissingError` and `DataDamagedError` with the entry at fault.
    """
    content = read_json(path)
    if isinstance(content, list):
        return _results(content, skeleton, path)
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        return _annotations(content, skeleton, path)
    raise DataDamagedError(
        f"{path} is neither a list of COCO results nor has the lists 'images' and 'annotations' of COCO."
    )


def _results(entries: list[Any], skeleton: Skeleton, path: Path) -> Detections:
    entries = _of_people(entries, "Result", path)
    keys = [_field(entry, "image_id", int | str, f"Result {place} of {path}") for place, entry in entries]
    if not entries:
        raise DataDamagedError(f"{path} holds no keypoints of a person (category {PERSON}).")
    names = sorted({key for key in keys if isinstance(key, str)})
    if names and len(names) < len(set(keys)):
        raise DataDamagedError(f"{path} names some images by number and some by file, as {names[0]!r}.")
    number: dict[Any, int] = (
        dict(zip(names, frame_numbers(names, str(path)), strict=True)) if names else {key: key for key in keys}
    )
    first, last = min(number.values()), max(number.values())
    if last - first + 1 > SPARSEST * len(number):
        raise DataDamagedError(
            f"{path} has people in {len(number)} images numbered from {first} to {last}: "
            "these are not the frames of one video; number them one by one."
        )
    frames = list(range(first, last + 1))
    people: list[list[npt.NDArray[np.float64]]] = [[] for _ in frames]
    for key, (place, entry) in zip(keys, entries, strict=True):
        people[number[key] - first].append(_keypoints(entry, skeleton, f"Result {place} of {path}"))
    return Detections(skeleton, stack_people(people, skeleton, str(path)), tuple(frames), None)


def _annotations(content: dict[str, Any], skeleton: Skeleton, path: Path) -> Detections:
    images = content.get("images")
    if not isinstance(images, list) or not images:
        raise DataDamagedError(f"{path} has annotations and no list 'images', which says what frames there are.")
    where = [f"Image {place} of {path}" for place in range(len(images))]
    ids = [_field(image, "id", int | str, at) for image, at in zip(images, where, strict=True)]
    if len(set(ids)) < len(ids):
        raise DataDamagedError(f"{path} has two images of one id; each frame needs its own.")
    if all("file_name" in image for image in images):
        names = [_field(image, "file_name", str, at) for image, at in zip(images, where, strict=True)]
        numbers = frame_numbers(names, str(path))
    else:
        numbers = [int(_field(image, "id", int, at)) for image, at in zip(images, where, strict=True)]
    order = sorted(range(len(images)), key=numbers.__getitem__)
    row = {ids[index]: place for place, index in enumerate(order)}
    people: list[list[npt.NDArray[np.float64]]] = [[] for _ in images]
    for place, entry in _of_people(content["annotations"], "Annotation", path):
        at = f"Annotation {place} of {path}"
        image = _field(entry, "image_id", int | str, at)
        if image not in row:
            raise DataDamagedError(f"{at} is of image {image!r}, which is not among the images of the file.")
        people[row[image]].append(_keypoints(entry, skeleton, at))
    return Detections(
        skeleton,
        stack_people(people, skeleton, str(path)),
        tuple(numbers[index] for index in order),
        _image_size(images, path),
    )


def _of_people(entries: list[Any], kind: str, path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The entries of people with their places in the list."""
    found = []
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataDamagedError(f"{kind} {place} of {path} is not an object with 'image_id' and 'keypoints'.")
        if entry.get("category_id", PERSON) == PERSON:
            found.append((place, entry))
    return found


def _keypoints(entry: dict[str, Any], skeleton: Skeleton, where: str) -> npt.NDArray[np.float64]:
    return read_person(_field(entry, "keypoints", list, where), skeleton, where)


def _field(entry: Any, key: str, kind: Any, where: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise DataDamagedError(f"{where} has no {key!r}.")
    value = entry[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataDamagedError(f"{where} has {type(value).__name__} for {key!r}.")
    return value


def _image_size(images: list[dict[str, Any]], path: Path) -> tuple[int, int] | None:
    """The size that all images have; None where they do not say."""
    sizes = {(image.get("width"), image.get("height")) for image in images}
    if len(sizes) > 1:
        raise DataDamagedError(f"{path} has images of different sizes, which are not the frames of one video.")
    width, height = sizes.pop()
    if width is None and height is None:
        return None
    if not isinstance(width, int) or not isinstance(height, int) or min(width, height) < 1:
        raise DataDamagedError(f"{path} has images of the size {width} x {height}; give both in pixels.")
    return width, height
