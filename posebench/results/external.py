"""Poses that another program predicted, as a prediction folder: an npz of plain arrays, one a sequence."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.frame_lists import read_frame_list
from posebench.datasets.sequence import SequenceInfo
from posebench.datasets.store import Dataset
from posebench.errors import DataDamagedError, NotFiniteError
from posebench.hashing import hash_file
from posebench.inputs.frames import WantedFrames, wanted_frames
from posebench.npz import read_npz
from posebench.prediction.folder import PredictionFolder, PredictionManifest, SequencePrediction
from posebench.prediction.spec import Space
from posebench.protocols.protocol import Protocol


def import_predictions(
    path: Path, folder: Path, dataset: Dataset, protocol: Protocol, space: Space = "root_relative"
) -> PredictionFolder:
    """Make a prediction folder of the arrays in an npz file.

    An array is named by its sequence: `subject/action/clip/camera`, or any
    end or part of that which no other sequence shares, such as `TS1`. It is
    (frames, joints, 3) or (hypotheses, frames, joints, 3) in mm, in the data
    set's joints, of every frame of the sequence or of exactly those that the
    protocol wants. Raises `DataDamagedError` naming the array or sequence.
    """
    arrays = read_npz(path)
    wanted = wanted_frames(dataset, protocol.inputs)
    names = _names([item.info for item in wanted])
    strangers = [name for name in arrays if name not in names]
    if strangers:
        known = sorted(names, key=len)[0] if names else "none"
        raise DataDamagedError(
            f"The array {strangers[0]!r} in {path} names no sequence of {protocol.id}; name it as {known!r} or {wanted[0].info.id!r}."
        )
    manifest = PredictionManifest(
        lifter=path.stem,
        config={},
        settings={},
        weights_sha256=None,
        code_sha256=hash_file(path),
        space=space,
        skeleton=dataset.skeleton.name,
        lifted_as=dataset.skeleton.name,
        tail="pad",
        granted=(),
        inputs=protocol.inputs,
        dataset_fingerprint=dataset.fingerprint,
        frame_list_sha256=read_frame_list(dataset, protocol.inputs.frame_list).sha256
        if protocol.inputs.frame_list
        else None,
        limit=None,
        seed=0,
        batch_size=0,
        device="none",
    )
    made = PredictionFolder.create(folder, manifest)
    found = {names[name]: values for name, values in arrays.items()}
    for item in wanted:
        if item.info.id not in found:
            raise DataDamagedError(
                f"The file {path} has no array for the sequence {item.info.id}; {protocol.id} scores all {len(wanted)}."
            )
        made.write(item.info.id, _prediction(found[item.info.id], item, dataset.skeleton.num_joints, path))
    return made


def _names(infos: list[SequenceInfo]) -> dict[str, str]:
    """Everything that names one sequence and no other -> its id."""
    spellings = {
        info.id: {info.id, info.clip_id, f"{info.subject}/{info.action}", info.clip, info.subject} for info in infos
    }
    count = Counter(name for names in spellings.values() for name in names)
    return {name: key for key, names in spellings.items() for name in names if count[name] == 1}


def _prediction(values: Any, item: WantedFrames, joints: int, path: Path) -> SequencePrediction:
    where = f"The array of {item.info.id} in {path}"
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim not in (3, 4):
        raise DataDamagedError(f"{where} is not a float array (frames, joints, 3); store poses in mm.")
    poses: npt.NDArray[Any] = values if values.ndim == 4 else values[None]
    rows = poses.shape[1]
    if poses.shape[2:] != (joints, 3) or rows not in (item.info.frames, len(item.frames)):
        raise DataDamagedError(
            f"{where} has shape {values.shape}; it must have {item.info.frames} frames (or the {len(item.frames)} that are "
            f"scored) of {joints} joints."
        )
    if rows == item.info.frames:
        poses = poses[:, item.frames]
    if not np.isfinite(poses).all():
        raise NotFiniteError(f"{where} holds NaN or infinity in a frame that is scored.")
    return SequencePrediction(np.ascontiguousarray(poses, dtype=np.float32), item.frames)
