"""Pose2Sim's demo: one walking adult, four calibrated cameras, OpenPose BODY_25B at 60 Hz, 100 frames.

Source: D. Pagnon, M. Domalain, L. Reveret, Pose2Sim: An open-source Python package for multiview markerless
kinematics, JOSS 2022, and the demo in its repository. The 3D is triangulated from the detections: pseudo ground truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, StoredKeypoints, View
from posebench.datasets.detections import choose_person, read_openpose
from posebench.datasets.pose2sim.calibration import read_calibration
from posebench.datasets.pose2sim.checks import check_missing, check_person, check_reprojection
from posebench.datasets.pose2sim.trc import read_trc
from posebench.datasets.store import Dataset
from posebench.datasets.verification import check_complete, check_frame_counts, check_speeds
from posebench.errors import DataDamagedError, DataMissingError
from posebench.joint_maps import approximate, convert_confidence, convert_joints
from posebench.skeletons import BODY_25B, HUMAN36M_17

FPS = 60.0
CAMERAS = ("cam_01", "cam_02", "cam_03", "cam_04")
CALIBRATION = "Calib_qualisys.toml"
#: The triangulation before any filter.
TRUTH = "S00_P00_T01_BalancingTrial_0-100.trc"
#: Folder of the trial, and how its one person is chosen, by the 2D source that it becomes.
SOURCES = {"openpose": ("pose-associated", "first"), "openpose-raw": ("pose", "confident")}
FRAMES = {"test": 100}
SPEED_LIMIT = 15.0


@dataclass(frozen=True)
class _Files:
    calibration: Path
    truth: Path
    #: Folder of each 2D source and camera.
    detections: dict[str, dict[str, Path]]


class Pose2Sim(Adapter):
    """The balancing trial of Pose2Sim's demo session."""

    name = "pose2sim"
    version = "1"
    forms = (Form("", HUMAN36M_17, FPS),)
    pseudo_truth = True

    def found(self, source: Path | None) -> tuple[Form, ...]:
        """The one form; raises when a file is missing."""
        _find(source)
        return self.forms

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """The one clip; all files are found before the first is read."""
        files = _find(source)
        cameras = read_calibration(files.calibration, CAMERAS)
        world = triangulated_joints(files.truth)
        views = tuple(
            View(
                camera,
                keypoints={
                    name: _keypoints(folders[camera.name], SOURCES[name][1], len(world))
                    for name, folders in files.detections.items()
                },
            )
            for camera in cameras
        )
        metadata = {
            "file": files.truth.name,
            "joint_set": BODY_25B.name,
            "approximate_joints": ", ".join(approximate(BODY_25B, form.skeleton)),
        }
        yield Clip("S00", "balancing", "T01", "test", views, world, metadata)

    def count(self, source: Path | None, form: Form) -> int | None:
        """One clip."""
        return 1

    def verify(self, dataset: Dataset) -> list[Check]:
        """The truth goes through the calibration to the detections; what is missing, and whom the raw ones show."""
        return [
            check_complete(dataset),
            check_frame_counts(dataset, FRAMES),
            check_speeds(dataset, SPEED_LIMIT, {}),
            check_reprojection(dataset, "openpose"),
            *(check_missing(dataset, name) for name in SOURCES),
            check_person(dataset, "openpose-raw", "openpose"),
        ]


def _find(source: Path | None) -> _Files:
    """The files under a folder, wherever in it the session lies; raises before anything is read."""
    if source is None or not source.is_dir():
        where = "no folder was given" if source is None else f"{source} is not a folder"
        raise DataMissingError(f"Pose2Sim's demo needs its files and {where}; name the folder of its demo session.")
    calibration, truth = (_only(source, name) for name in (CALIBRATION, TRUTH))
    trial = truth.parent.parent
    detections = {
        name: {camera: trial / folder / f"{camera.replace('_', '')}_json" for camera in CAMERAS}
        for name, (folder, _) in SOURCES.items()
    }
    for folders in detections.values():
        for folder in folders.values():
            if not folder.is_dir():
                raise DataMissingError(
                    f"{folder} is missing: the trial of {truth.name} needs the detections 'pose' and 'pose-associated' "
                    "of every camera; take a release of Pose2Sim whose demo has them."
                )
    return _Files(calibration, truth, detections)


def _only(source: Path, name: str) -> Path:
    found = sorted(path for path in source.rglob(name) if path.is_file())
    if not found:
        raise DataMissingError(f"No {name} is under {source}; name the folder of Pose2Sim's demo session.")
    if len(found) > 1:
        raise DataMissingError(f"{source} holds {found[0]} and {found[1]}; name the folder of one demo session.")
    return found[0]


def triangulated_joints(path: Path) -> npt.NDArray[np.floating]:
    """World mm (frames, 17, 3), z up; eyes and ears, which nothing here needs, are not triangulated."""
    markers = read_trc(path)
    if markers.fps != FPS:
        raise DataDamagedError(f"{path} has {markers.fps:g} frames a second, not {FPS:g}.")
    points = np.full((len(markers.positions), BODY_25B.num_joints, 3), np.nan)
    for column, name in enumerate(markers.names):
        if name not in BODY_25B.joints:
            raise DataDamagedError(f"{path} has the marker {name!r}, which is no keypoint of BODY_25B.")
        # The file's y is up; the calibration's z is.
        points[:, BODY_25B.joints.index(name)] = markers.positions[:, column, [2, 0, 1]]
    world = convert_joints(points, BODY_25B, HUMAN36M_17)
    lost = np.isnan(world).all(axis=(0, 2))
    if lost.any():
        joint = HUMAN36M_17.joints[int(lost.argmax())]
        raise DataDamagedError(f"{path} lacks a marker that {joint!r} is made from; it is not that of the demo.")
    return world


def _keypoints(folder: Path, rule: str, frames: int) -> StoredKeypoints:
    detections = read_openpose(folder, BODY_25B)
    if len(detections.frames) != frames:
        raise DataDamagedError(f"{folder} has {len(detections.frames)} frames, the triangulated motion {frames}.")
    person = choose_person(detections, rule)
    return StoredKeypoints(
        convert_joints(person[..., :2], BODY_25B, HUMAN36M_17),
        convert_confidence(person[..., 2], BODY_25B, HUMAN36M_17),
    )
