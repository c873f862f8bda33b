"""Reading conformance files: arrays without pickles, JSON, CSV; every damage one sentence."""

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.conformance.comparison import FLOAT32_TOLERANCE, FLOAT64_TOLERANCE
from posebench.errors import DataDamagedError


class StoredArrays:
    """The arrays of one npz file by name."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            with np.load(path, allow_pickle=False) as file:
                self.arrays: dict[str, npt.NDArray[Any]] = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            # numpy raises the middle three for a file that is no archive, is an npy, or holds Python objects.
            raise DataDamagedError(f"{path.name} cannot be read as npz arrays ({error}); get it again.") from error

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in self.arrays:
            raise DataDamagedError(f"{self.name} holds no array {name!r}; it holds {', '.join(sorted(self.arrays))}.")
        return self.arrays[name]

    def poses(self, name: str, joints: int = 17, leading: int = 1) -> Tensor:
        """Poses as float64 with `leading` dimensions before joints and coordinates; raises `DataDamagedError`."""
        return self.points(name, leading, (joints, 3)).double()

    def points(self, name: str, leading: int, last: tuple[int, int]) -> Tensor:
        """Points in the precision they are stored in, `leading` dimensions before the `last`; raises `DataDamagedError`."""
        array = self[name]
        if array.dtype.kind != "f" or array.ndim != leading + 2 or array.shape[-2:] != last:
            wanted = ", ".join([*["any"] * leading, *map(str, last)])
            raise DataDamagedError(f"{name} of {self.name} is {array.dtype} {array.shape}, not floats ({wanted}).")
        return torch.from_numpy(array)

    def tolerance(self, names: Iterable[str]) -> float:
        """1e-4 when any of these inputs is stored with less than float64, else 1e-6."""
        short = any(self[name].dtype.kind == "f" and self[name].dtype.itemsize < 8 for name in names)
        return FLOAT32_TOLERANCE if short else FLOAT64_TOLERANCE

    def unknown(self, inputs: Iterable[str], expected: Iterable[str]) -> list[str]:
        """Names in the file that are neither inputs nor expected values of the format."""
        return sorted(set(self.arrays) - set(inputs) - set(expected))


def read_json(path: Path) -> Any:
    """The value of a JSON file; raises `DataDamagedError`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataDamagedError(f"{path.name} cannot be read as JSON ({error}); get it again.") from error
