"""The contract of a data set adapter: from its owner's files to clips in one convention."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera
from posebench.errors import UsageError
from posebench.skeletons import Skeleton

if TYPE_CHECKING:
    from posebench.datasets.store import Dataset

NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Clip:
    """One recorded motion. `world` is (frames, joints, 3) in world millimetres, z up; NaN marks a missing joint.

    `subject`, `action` and `name` together are unique in the data set; each
    camera in `cameras` makes one sequence of the clip.
    """

    subject: str
    action: str
    name: str
    split: str
    world: npt.NDArray[np.floating[Any]]
    cameras: tuple[Camera, ...]
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in (self.subject, self.action, self.name, *(camera.name for camera in self.cameras)):
            if not NAME.fullmatch(part):
                raise UsageError(
                    f"{part!r} cannot name a subject, action, clip or camera: use letters, digits, '_' and '-'."
                )

    @property
    def id(self) -> str:
        """`subject/action/name`."""
        return f"{self.subject}/{self.action}/{self.name}"


@dataclass(frozen=True)
class Check:
    """One finding of `posebench data verify`: what was looked at, whether it holds, the numbers and where."""

    name: str
    passed: bool
    detail: str


class Adapter(ABC):
    """Reads one data set as its owner distributes it.

    `version` names this reading of the files: raise it when any stored number
    or clip would change, and every prepared store is rebuilt.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    skeleton: ClassVar[Skeleton]
    fps: ClassVar[float]
    #: The clips are computed, not read: the store is made on first use, without a source folder.
    generated: ClassVar[bool] = False

    @abstractmethod
    def clips(self, source: Path | None) -> Iterator[Clip]:
        """Yield every clip of every split, in a fixed order.

        `source` is the folder the user downloaded, None for a generated data
        set. Raises `DataMissingError` when the folder is not this data set and
        `DataDamagedError` naming the first file that cannot be read.
        """

    def count(self, source: Path | None) -> int | None:
        """How many clips `clips` will yield, for the progress bar; None when unknown."""
        return None

    @abstractmethod
    def verify(self, dataset: "Dataset") -> list[Check]:
        """Check what is particular to this data set in its prepared store."""
