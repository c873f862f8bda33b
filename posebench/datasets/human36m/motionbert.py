"""MotionBERT's pickle, `h36m_sh_conf_cam_source_final.pkl`: its 2.5D ground truth and its detections.

The 2.5D truth is a weak perspective: pixels in x and y, depth about the root in the same unit, all times a factor of
the frame that makes millimetres of it. Only the test split has it. Layout: MotionBERT `lib/data/datareader_h36m.py`,
`train.py: evaluate`; names of sequences: `s_<subject>_act_<action>_subact_<take>_ca_<camera>`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from posebench.datasets.clip import Clip, StoredKeypoints, View
from posebench.datasets.human36m.arrays import Array, check_finite, numbers
from posebench.datasets.human36m.files import MOTIONBERT
from posebench.datasets.human36m.takes import ACTIONS, SPLITS, TAKES, take_name
from posebench.datasets.human36m_cameras import CAMERAS, lens
from posebench.errors import DataDamagedError
from posebench.pickles import read_pickle
from posebench.skeletons import HUMAN36M_17

SOURCE = re.compile(r"s_(?P<subject>\d\d)_act_(?P<action>\d\d)_subact_(?P<take>\d\d)_ca_(?P<camera>\d\d)")
#: The 2D of the file by the detector in its name; another detector goes by that name.
DETECTORS = {"sh": "sh_ft_h36m"}
#: By how much a heatmap's peak, which is the confidence, may miss the range 0 to 1 that it was trained for.
OVERSHOOT = 0.5
#: Where a clip's metadata say how many confidences were cut to 0 to 1.
CLIPPED = "confidences_clipped"
#: The owner's number of the first of `ACTIONS`.
FIRST_ACTION = 2


@dataclass(frozen=True)
class _Run:
    """The frames of one sequence in the file, and what its name says."""

    subject: str
    action: str
    take: str
    camera: str
    frames: slice

    @property
    def length(self) -> int:
        length: int = self.frames.stop - self.frames.start
        return length


def motionbert_clips(path: Path) -> Iterator[Clip]:
    """Every take of the test subjects: poses `joints_2.5d_image` (mm) and their factor, `gt` and detected 2D (px).

    A confidence a little out of 0 to 1 is cut to it, and counted in the metadata.
    Raises `DataDamagedError` for what is not in this layout, and when the cameras of a take differ in length.
    """
    test = _test_split(path)
    count = len(test["source"])
    joints = HUMAN36M_17.num_joints
    where = f"{path}: test"
    truth = numbers(_as_array(test["joints_2.5d_image"]), (count, joints, 3), f"{where} 'joints_2.5d_image'")
    image = numbers(test["joint3d_image"], (count, joints, 3), f"{where} 'joint3d_image'")
    factor = numbers(_as_array(test["2.5d_factor"]), (count,), f"{where} '2.5d_factor'")
    detected = numbers(test["joint_2d"], (count, joints, 2), f"{where} 'joint_2d'")
    confidence = None if "confidence" not in test else _confidence(test["confidence"], count, where)
    named = {"joints_2.5d_image": truth, "joint3d_image": image, "2.5d_factor": factor, "joint_2d": detected}
    for name, values in named.items():
        check_finite(values, f"{where} {name!r}")
    if (factor <= 0).any():
        raise DataDamagedError(
            f"{where} '2.5d_factor' is not positive in frame {int(np.argmax(factor <= 0))}; get the file again."
        )
    source = _source(path)

    def view(run: _Run) -> View:
        own = run.frames
        return View(
            lens(run.camera),
            poses=truth[own],
            keypoints={
                "gt": StoredKeypoints(image[own, :, :2]),
                source: StoredKeypoints(detected[own], None if confidence is None else confidence[own].clip(0, 1)),
            },
            image_scale=factor[own],
        )

    for (subject, action, take), runs in _takes(test, path).items():
        metadata = {"take_name": take_name(subject, action, take), "file": path.name}
        if confidence is not None:
            there = [confidence[run.frames] for run in runs]
            metadata[CLIPPED] = str(sum(int(((own < 0) | (own > 1)).sum()) for own in there))
        yield Clip(
            subject=subject,
            action=action,
            name=take,
            split=SPLITS[subject],
            views=tuple(view(run) for run in runs),
            metadata=metadata,
        )


def _source(path: Path) -> str:
    """The name of the detections, from the detector in the file's name."""
    match = MOTIONBERT.fullmatch(path.name)
    detector = match["detector"] if match else path.stem
    return DETECTORS.get(detector, detector)


def _as_array(value: object) -> object:
    """A list of arrays or numbers as one array; MotionBERT's own code takes either."""
    try:
        return np.asarray(value) if isinstance(value, list) else value
    except ValueError:  # rows of different shapes: left as it is, for its reader to refuse
        return value


def _test_split(path: Path) -> Mapping[str, Any]:
    content = read_pickle(path)
    if not isinstance(content, dict) or not isinstance(content.get("test"), dict):
        raise DataDamagedError(f"{path} is not MotionBERT's pickle: it has no split 'test'; get the file again.")
    test: dict[str, Any] = content["test"]
    for name in ("joint_2d", "joint3d_image", "camera_name", "source", "2.5d_factor", "joints_2.5d_image"):
        if name not in test:
            raise DataDamagedError(f"{path}: its split 'test' has no {name!r}; get the file again.")
    return test


def _confidence(value: object, count: int, where: str) -> Array:
    """(frames, joints); the file has it with or without a third dimension of 1."""
    if isinstance(value, np.ndarray) and value.ndim == 3:
        value = numbers(value, (count, HUMAN36M_17.num_joints, 1), f"{where} 'confidence'")[..., 0]
    found = numbers(value, (count, HUMAN36M_17.num_joints), f"{where} 'confidence'")
    check_finite(found, f"{where} 'confidence'")
    low, high = float(found.min()), float(found.max())
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        raise DataDamagedError(
            f"{where} 'confidence' goes from {low:.3g} to {high:.3g}, which is not 0 to 1; get the file again."
        )
    return found


def _takes(test: Mapping[str, Any], path: Path) -> dict[tuple[str, str, str], list[_Run]]:
    """The sequences of every take, both in a fixed order: subject, action, take, camera."""
    runs = _runs(test, path)
    takes: dict[tuple[str, str, str], list[_Run]] = {}
    order = list(SPLITS)
    for run in sorted(
        runs,
        key=lambda run: (order.index(run.subject), ACTIONS.index(run.action), run.take, CAMERAS.index(run.camera)),
    ):
        own = takes.setdefault((run.subject, run.action, run.take), [])
        if own and own[-1].camera == run.camera:
            raise DataDamagedError(
                f"{path}: the sequence of {run.subject} {run.action} take {run.take} camera {run.camera} is there twice, "
                f"the second time from frame {run.frames.start}; get the file again."
            )
        if own and own[0].length != run.length:
            raise DataDamagedError(
                f"{path}: {run.subject} {run.action} take {run.take} has {own[0].length} frames of camera "
                f"{own[0].camera} and {run.length} of camera {run.camera}; a take's cameras must have the same frames."
            )
        own.append(run)
    return takes


def _runs(test: Mapping[str, Any], path: Path) -> list[_Run]:
    """The file names every frame's sequence; frames of one name behind each other are one sequence."""
    names = [str(name) for name in test["source"]]
    cameras = [str(camera) for camera in test["camera_name"]]
    if not names or len(cameras) != len(names):
        raise DataDamagedError(
            f"{path}: its split 'test' has {len(names)} names in 'source' and {len(cameras)} in 'camera_name'; "
            "get the file again."
        )
    borders = [0, *(i for i in range(1, len(names)) if names[i] != names[i - 1]), len(names)]
    runs = []
    for start, stop in pairwise(borders):
        match = SOURCE.fullmatch(names[start])
        subject = f"S{int(match['subject'])}" if match else ""
        action = int(match["action"]) - FIRST_ACTION if match else -1
        take = str(int(match["take"])) if match else ""
        if SPLITS.get(subject) != "test" or not 0 <= action < len(ACTIONS) or take not in TAKES:
            raise DataDamagedError(
                f"{path}: frame {start} is of {names[start]!r}, which is no sequence of a test subject of Human3.6M "
                "(s_09_act_02_subact_01_ca_01); get the file again."
            )
        if len(set(cameras[start:stop])) > 1:
            raise DataDamagedError(f"{path}: {names[start]!r} is seen by several cameras; get the file again.")
        if cameras[start] not in CAMERAS:
            raise DataDamagedError(
                f"{path}: {names[start]!r} is seen by the camera {cameras[start]!r}, not one of {', '.join(CAMERAS)}."
            )
        runs.append(_Run(subject, ACTIONS[action], take, cameras[start], slice(start, stop)))
    return runs
