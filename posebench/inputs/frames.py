"""Which frames of which sequences an inputs spec asks for: predicting and scoring ask the same question here."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from posebench.datasets.frame_lists import read_frame_list
from posebench.datasets.sequence import SequenceInfo
from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.inputs.spec import InputsSpec


@dataclass(frozen=True)
class WantedFrames:
    """A sequence and the frames of it that are to be predicted and scored, ascending."""

    info: SequenceInfo
    frames: npt.NDArray[np.int64]


def wanted_frames(dataset: Dataset, inputs: InputsSpec, limit: int | None = None) -> list[WantedFrames]:
    """The frames of every sequence of the split, sorted by sequence id; only those that the data set calls valid.

    `limit` keeps the first so many camera frames in that order. Raises
    `UsageError` when the data set is not the one the inputs were made for, and
    what `read_frame_list` raises.
    """
    wanted_store = (inputs.dataset, inputs.dataset_version, inputs.form)
    if (dataset.name, dataset.version, dataset.form) != wanted_store:
        raise UsageError(
            f"These inputs are for {inputs.dataset} version {inputs.dataset_version}{_named(inputs.form)}, "
            f"but {dataset.name} version {dataset.version}{_named(dataset.form)} is on this machine."
        )
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}; give 1 frame or more.")
    listed = read_frame_list(dataset, inputs.frame_list).frames if inputs.frame_list else None
    wanted: list[WantedFrames] = []
    left = limit
    for info in dataset.sequences(inputs.split):
        frames = np.arange(0, info.frames, inputs.keep_every)
        if (valid := dataset.valid(info)) is not None:
            frames = frames[valid[frames]]
        if listed is not None:
            frames = np.intersect1d(frames, listed.get(info.id, []))
        if left is not None:
            frames = frames[:left]
            left -= len(frames)
        if len(frames):
            wanted.append(WantedFrames(info, frames))
        if left == 0:
            break
    return wanted


def _named(form: str) -> str:
    return f" in the form {form!r}" if form else ""
