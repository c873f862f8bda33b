"""Detections of either kind: what a path holds is told from its content."""

from pathlib import Path

from posebench.datasets.detections.coco import read_coco
from posebench.datasets.detections.json_file import read_json
from posebench.datasets.detections.openpose import read_openpose
from posebench.datasets.detections.people import Detections
from posebench.skeletons import BODY_25, COCO_17, Skeleton


def read_detections(path: Path, skeleton: Skeleton | None = None) -> Detections:
    """A folder of OpenPose JSON, one such JSON, or a COCO file; `skeleton` None is BODY_25 for OpenPose, else COCO-17.

    Raises as `read_openpose` and `read_coco`.
    """
    if path.is_file():
        content = read_json(path)
        if not (isinstance(content, dict) and "people" in content):
            return read_coco(path, skeleton or COCO_17)
    return read_openpose(path, skeleton or BODY_25)
