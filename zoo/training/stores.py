"""The only door from the recipe to the data: split `train` to learn from, split `validation` to select with."""

from collections.abc import Collection, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from posebench.datasets.library import load_dataset
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.datasets.store import Dataset
from posebench.errors import DataDamagedError, UsageError
from zoo.training.config import DataConfig
from zoo.vocabulary import label_of


class TrainingStore:
    """A data set with its test split out of reach: no method names a split.

    Clips with a label of `leave_out` are as if they were not there: in no list, count or sequence of either split.
    """

    def __init__(self, config: DataConfig, leave_out: Collection[str] = ()) -> None:
        self._dataset = load_dataset(config.name) if config.store is None else Dataset(config.store)
        self.config, self.leave_out = config, frozenset(leave_out)

    @property
    def name(self) -> str:
        """Name of the data set, as the configuration has it."""
        return self.config.name

    @property
    def version(self) -> str:
        """Version of the adapter that prepared the store."""
        return self._dataset.version

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the store."""
        return self._dataset.fingerprint

    @property
    def fps(self) -> float:
        """Frame rate."""
        return self._dataset.fps

    def subjects(self, *, training: bool) -> list[str]:
        """Sorted subjects that are trained on, or that select."""
        return sorted({info.subject for info in self._kept("train" if training else "validation")})

    def left_out(self) -> set[str]:
        """The labels of `leave_out` that training clips of the data set have."""
        return (
            {self._label(info) for info in self._dataset.sequences("train")} & self.leave_out
            if self.leave_out
            else set()
        )

    def rates(self) -> list[float]:
        """Frame rates of the training clips, sorted."""
        return sorted({info.fps for info in self._kept("train")})

    def training_frames(self) -> int:
        """World frames of the training clips; cameras of the data set do not count."""
        clips = {info.clip_id: info.frames for info in self._kept("train")}
        return sum(clips.values())

    def training_ids(self) -> list[str]:
        """Ids of every training clip, sorted."""
        return list(dict.fromkeys(info.clip_id for info in self._kept("train")))

    def training_labels(self) -> list[str]:
        """The label of every training clip's action, in the order of `training_ids`."""
        return list({info.clip_id: self._label(info) for info in self._kept("train")}.values())

    def training_clips(self) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        """`(id, world mm (frames, joints, 3))` of every training clip, sorted by id.

        Raises `DataDamagedError` for a clip with missing joints: it cannot be rendered.
        """
        for clip_id in self.training_ids():
            world = self._dataset.world(clip_id)
            if world is None:
                raise UsageError(
                    f"{self.name!r} has no world coordinates to render new views from; leave it out of the mixture."
                )
            if not np.isfinite(world).all():
                raise DataDamagedError(
                    f"Clip {clip_id} of {self.name!r} has missing joints; leave the data set out of the mixture."
                )
            yield clip_id, world

    def validation_sequences(self) -> Iterator[Sequence]:
        """Every validation sequence, seen by the data set's own cameras, sorted by id."""
        for info in self._kept("validation"):
            yield self._dataset.read(info)

    def _kept(self, split: Literal["train", "validation"]) -> list[SequenceInfo]:
        found = self._dataset.sequences(split)
        return [info for info in found if not self.leave_out or self._label(info) not in self.leave_out]

    def _label(self, info: SequenceInfo) -> str:
        return label_of(self.name, info.action)
