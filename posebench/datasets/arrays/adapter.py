"""The adapter of a user's own files: a folder of npz and safetensors files, one a clip, or one such file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.arrays.checks import check_arrays
from posebench.datasets.arrays.reading import UserClip, read_clip
from posebench.datasets.arrays.user_file import find_files, frame_rate, read_user_file
from posebench.datasets.clip import Clip
from posebench.datasets.store import Dataset
from posebench.errors import DataDamagedError, DataMissingError
from posebench.skeletons import HUMAN36M_17

#: What a kind of array is called in the error that one file lacks it, the one that is told first.
KINDS = {
    "world": "poses in the world",
    "camera": "poses in camera space",
    "valid": "'valid'",
    "keypoints": "'keypoints'",
    "confidence": "a confidence in 'keypoints'",
    "heatmaps": "'heatmaps'",
}


class Arrays(Adapter):
    """A user's own poses, kept in Human3.6M's 17 joints whatever joint set they come in."""

    name: ClassVar[str] = "arrays"
    version: ClassVar[str] = "1"
    #: The frame rate is that of the files: see `found`.
    forms: ClassVar[tuple[Form, ...]] = (Form("", HUMAN36M_17, 50.0),)

    def found(self, source: Path | None) -> tuple[Form, ...]:
        """The one form, with the frame rate of the first file; clips of another rate name their own."""
        return (replace(self.forms[0], fps=frame_rate(read_user_file(_files(source)[0]))),)

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Yield a clip for each file, sorted by file name.

        Raises `DataMissingError` without a file, and `DataDamagedError` for one
        that does not fit, or holds other kinds of arrays than the first.
        """
        first: tuple[Path, UserClip] | None = None
        for path in _files(source):
            read = read_clip(path, form.fps)
            first = first or (path, read)
            if odd := sorted(read.kinds ^ first[1].kinds, key=list(KINDS).index):
                own, other = (path, first[0]) if odd[0] in read.kinds else (first[0], path)
                raise DataDamagedError(
                    f"{own.name} has {KINDS[odd[0]]} and {other.name} has not; all files of a data set need the same."
                )
            yield read.clip

    def count(self, source: Path | None, form: Form) -> int:
        """One clip a file."""
        return len(_files(source))

    def verify(self, dataset: Dataset) -> list[Check]:
        """Whether people stand upright in the images, and the user's 2D where his 3D is."""
        return check_arrays(dataset)


def _files(source: Path | None) -> list[Path]:
    if source is None:
        raise DataMissingError("No folder was given for 'arrays'; give your npz or safetensors files with --source.")
    return find_files(source)
