"""Lists of frames that a benchmark's owner or a paper published, such as Human3.6M's ambiguous subset H36MA.

A list is the user's to bring: `POSEBENCH_DATA/frame_lists/<data set>/<name>.csv` with the columns `sequence`
(subject/action/clip/camera) and `frame`. Its hash stands in every record made with it.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from posebench.datasets.library import data_root
from posebench.datasets.store import Dataset
from posebench.errors import DataDamagedError, DataMissingError
from posebench.hashing import hash_file


@dataclass(frozen=True)
class FrameList:
    """A list on this machine: sequence id to its frames, ascending."""

    sha256: str
    frames: dict[str, npt.NDArray[np.int64]]


def frame_list_path(dataset: str, name: str) -> Path:
    """Where the list belongs."""
    return data_root() / "frame_lists" / dataset / f"{name}.csv"


def read_frame_list(dataset: Dataset, name: str) -> FrameList:
    """Read a list and check that every frame of it exists.

    Raises `DataMissingError` saying where the file belongs, `DataDamagedError` naming the first wrong line.
    """
    path = frame_list_path(dataset.name, name)
    if not path.is_file():
        raise DataMissingError(
            f"The frame list {name!r} of {dataset.name} is not here; put it at {path} with the columns sequence,frame."
        )
    lengths = {info.id: info.frames for info in dataset.sequences("all")}
    found: dict[str, set[int]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            sequence, frame = row.get("sequence") or "", row.get("frame") or ""
            if sequence not in lengths or not frame.isdigit() or int(frame) >= lengths[sequence]:
                raise DataDamagedError(
                    f"The frame list {path.name}, line {number}: {dataset.name} has no frame {frame!r} of {sequence!r}."
                )
            found.setdefault(sequence, set()).add(int(frame))
    if not found:
        raise DataDamagedError(f"The frame list {path.name} of {dataset.name} names no frame.")
    return FrameList(hash_file(path), {sequence: np.array(sorted(frames)) for sequence, frames in found.items()})
