"""The contract of a data set adapter: from its owner's files to clips in one convention."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posebench.datasets.clip import Clip
from posebench.skeletons import Skeleton

if TYPE_CHECKING:
    from posebench.datasets.store import Dataset


@dataclass(frozen=True)
class Check:
    """One finding of `posebench data verify`: what was looked at, whether it holds, the numbers and where."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Form:
    """One way in which a data set can be had: a joint set, a frame rate, a first ground truth. Each form is a store.

    `name`
        Empty for the data set's own form, which protocols mean unless they name another.
    `truth`
        The name of the ground truth that the poses are: `poses` for camera space in mm of
        a data set with one truth, `annot3`, `image25d` (pixels scaled to mm, not camera space).
    `needs`
        What the source must hold for this form beyond what the data set's own form needs, for the error
        that says that the form is not here.
    `when_wanted`
        Left out by `data prepare`, and made of the same files by whoever first opens it: one of many views of what
        the data set's own form has.
    """

    name: str
    skeleton: Skeleton
    fps: float
    truth: str = "poses"
    needs: str = ""
    when_wanted: bool = False


class Adapter(ABC):
    """Reads one data set as its owner distributes it.

    `version` names this reading of the files: raise it when any stored number
    or clip would change, and every prepared store is rebuilt. `forms` are all
    that the data set can be had in, its own first.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    forms: ClassVar[tuple[Form, ...]]
    #: The clips are computed, not read: the store is made on first use, without a source folder.
    generated: ClassVar[bool] = False
    #: The ground truth is made from the very detections that are lifted: errors against it are a lower bound.
    pseudo_truth: ClassVar[bool] = False

    def found(self, source: Path | None) -> tuple[Form, ...]:
        """The forms that the files in `source` have; by default all. Raises as `clips` does when there is none."""
        return self.forms

    @abstractmethod
    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Yield every clip of every split of a form, in a fixed order.

        `source` is what the user downloaded (a folder, or one of its files),
        None for a generated data set. Raises `DataMissingError` when it is not
        this data set and `DataDamagedError` naming the first file that cannot
        be read.
        """

    def count(self, source: Path | None, form: Form) -> int | None:
        """How many clips `clips` will yield, for the progress bar; None when unknown."""
        return None

    @abstractmethod
    def verify(self, dataset: "Dataset") -> list[Check]:
        """Check what is particular to this data set in its prepared store."""
