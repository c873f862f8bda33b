"""What a 2D detector left on disk: several people a frame, in the files of OpenPose and COCO.

    read_openpose(path, skeleton=BODY_25) -> Detections     a folder of one JSON a frame, or one such JSON
    read_coco(path, skeleton=COCO_17) -> Detections         a list of results, or annotations with their images
    read_detections(path, skeleton=None) -> Detections      whichever of the two `path` is
    choose_person(detections, rule) -> (frames, joints, 3)  rule: largest, confident, first, track, or a number

All raise `DataMissingError` and `DataDamagedError` with the file and what is wrong in it.
"""

from posebench.datasets.detections.choice import RULES, choose_person
from posebench.datasets.detections.coco import read_coco
from posebench.datasets.detections.either import read_detections
from posebench.datasets.detections.openpose import read_openpose
from posebench.datasets.detections.people import Detections

__all__ = ["RULES", "Detections", "choose_person", "read_coco", "read_detections", "read_openpose"]
