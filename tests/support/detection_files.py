"""Writes keypoints as detectors do: COCO's results and annotations, OpenPose's folder."""

import json
from pathlib import Path

import numpy as np


def write_coco_results(path: Path, people: np.ndarray) -> Path:
    """(frames, people, joints, 3); a person whose joints are all of confidence 0 is left out, as detectors do."""
    entries = [
        {"image_id": frame, "category_id": 1, "keypoints": person.ravel().tolist(), "score": 1.0}
        for frame, persons in enumerate(people)
        for person in persons
        if person[:, 2].any()
    ]
    path.write_text(json.dumps(entries))
    return path


def write_coco_annotations(path: Path, people: np.ndarray, size: tuple[int, int]) -> Path:
    images = [
        {"id": frame + 7, "file_name": f"{frame:06d}.jpg", "width": size[0], "height": size[1]}
        for frame in range(len(people))
    ]
    annotations = [
        {"image_id": frame + 7, "category_id": 1, "keypoints": person.ravel().tolist()}
        for frame, persons in enumerate(people)
        for person in persons
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


def write_openpose(folder: Path, people: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for frame, persons in enumerate(people):
        content = {
            "people": [{"pose_keypoints_2d": person.ravel().tolist()} for person in persons if person[:, 2].any()]
        }
        (folder / f"clip_{frame:012d}_keypoints.json").write_text(json.dumps(content))
    return folder
