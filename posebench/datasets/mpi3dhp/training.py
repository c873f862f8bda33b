"""The official training set: `S1/Seq1` to `S8/Seq2`, each `annot.mat` (MATLAB v5) and `camera.calibration`."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from posebench.cameras import Camera
from posebench.datasets.clip import Clip, StoredKeypoints, View
from posebench.datasets.mpi3dhp.annotation import Array, annotated, check_space, numbers, shaped
from posebench.datasets.mpi3dhp.calibration import read_calibration
from posebench.datasets.mpi3dhp.facts import (
    ANNOT2,
    ANNOT3,
    SELECTED,
    TRAIN_CAMERAS,
    TRAIN_FRAMES,
    UNIVERSAL,
    own_rate,
)
from posebench.datasets.mpi3dhp.files import CALIBRATION
from posebench.datasets.sequence import UNLABELLED
from posebench.errors import DataDamagedError
from posebench.skeletons import MPI_INF_3DHP_28

#: Coordinates of a joint in each kind of annotation; a row of a file is joint behind joint.
DIMENSIONS = {ANNOT2: 2, ANNOT3: 3, UNIVERSAL: 3}


def training_clip(subject: str, sequence: str, path: Path) -> Clip:
    """A training sequence seen by its eight cameras, cut to the frames that have images.

    Raises `DataDamagedError` naming the file, the key, the camera and the frame that is wrong.
    """
    calibration = path.parent / CALIBRATION
    cameras = read_calibration(calibration)
    for number in TRAIN_CAMERAS:
        if number not in cameras:
            raise DataDamagedError(f"{calibration} has no camera {number}; get it again.")
    mat = _read(path)
    cells = [int(number) for number in numbers(mat["cameras"], f"cameras of {path}").ravel()]
    for number in TRAIN_CAMERAS:
        if number not in cells:
            raise DataDamagedError(f"{path} has no annotations of camera {number}; get it again.")
    frames, fps = TRAIN_FRAMES[subject, sequence]
    listed = numbers(mat["frames"], f"frames of {path}").ravel()
    if len(listed) == 0 or (np.diff(listed) != 1).any():
        raise DataDamagedError(f"frames of {path} does not count frame by frame; get the file again.")
    views = tuple(_view(mat, cells.index(number), cameras[number], listed, frames, path) for number in TRAIN_CAMERAS)
    cut = max(0, len(listed) - frames)
    metadata = {"file": f"{subject}/{sequence}/{path.name}", "annotations_cut": str(cut)}
    return labelled_train_clip(subject, sequence, views, fps, metadata)


def labelled_train_clip(
    subject: str, sequence: str, views: tuple[View, ...], fps: float, metadata: dict[str, str]
) -> Clip:
    """A training clip under its names, whatever file it comes from."""
    return Clip(subject, sequence, sequence, "train", views, metadata=metadata, fps=own_rate(fps))


def training_view(camera: Camera, poses: Array, pixels: Array, truths: dict[str, Array]) -> View:
    """A view in which every frame is valid and none is labelled: test clips carry both, and a store has one kind."""
    frames = len(poses)
    return View(
        camera,
        poses=poses,
        truths=truths,
        keypoints={ANNOT2: StoredKeypoints(pixels)},
        valid=np.ones(frames, bool),
        activity=(UNLABELLED,) * frames,
    )


def _view(mat: dict[str, Any], cell: int, camera: Camera, listed: Array, frames: int, path: Path) -> View:
    found: dict[str, Array] = {}
    for key, dimensions in DIMENSIONS.items():
        where = f"{key} of camera {camera.name.removeprefix('cam')} in {path}"
        rows = shaped(_cell(mat[key], cell, where), (None, MPI_INF_3DHP_28.num_joints * dimensions), where)
        if len(rows) != len(listed):
            raise DataDamagedError(f"{where} has {len(rows)} frames, and the file lists {len(listed)}; get it again.")
        kept = rows[:frames].reshape(-1, MPI_INF_3DHP_28.num_joints, dimensions)[:, list(SELECTED)]
        found[key] = annotated(kept, np.ones(len(kept), bool), where)
        if dimensions == 3:
            check_space(found[key], where)
    return training_view(camera, found[ANNOT3], found[ANNOT2], {UNIVERSAL: found[UNIVERSAL]})


def _cell(value: object, cell: int, where: str) -> object:
    if not isinstance(value, np.ndarray) or value.dtype != object or value.size <= cell:
        raise DataDamagedError(f"{where} is not a cell of the owner's fourteen; get the file again.")
    return value.ravel()[cell]


def _read(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    keys = (*DIMENSIONS, "cameras", "frames")
    try:
        mat: dict[str, Any] = loadmat(path, variable_names=keys)
    except (
        MatReadError, OSError, EOFError, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError,
        NotImplementedError, zlib.error, struct.error,
    ) as error:  # fmt: skip
        # Whatever of the reader stumbles over a damaged file first.
        raise DataDamagedError(f"{path} cannot be read as a MATLAB file ({error}); get it again.") from error
    for key in keys:
        if key not in mat:
            raise DataDamagedError(f"{path} has no {key}; get the owner's file again.")
    return mat
