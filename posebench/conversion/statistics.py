"""Mean and deviation that a codebase keeps in files beside its checkpoints: `--stats`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posebench.conversion.rules import Conversion
from posebench.conversion.torch_file import open_torch
from posebench.conversion.torch_pickle import TensorRef
from posebench.errors import DataDamagedError, DataMissingError, UsageError, WeightsError
from posebench.hashing import hash_file
from posebench.npz import read_npz


@dataclass(frozen=True)
class Statistics:
    """Buffers of ours by key, and the files they came from: names and sha256."""

    buffers: dict[str, Tensor]
    files: tuple[tuple[str, str], ...]


def read_statistics(conversion: Conversion, paths: Sequence[Path]) -> Statistics:
    """The buffers that a conversion wants from files of `torch.save` or npz, each filled by one of them.

    Raises `UsageError` for files that the architecture has no use for or that are lacking, `WeightsError` for one that
    is damaged or of another kind.
    """
    buffers: dict[str, Tensor] = {}
    if paths and conversion.fill is None:
        raise UsageError(f"A checkpoint of {conversion.architecture} is whole by itself; leave --stats away.")
    for path in paths:
        assert conversion.fill is not None
        values = _read(path)
        try:
            filled = conversion.fill(values)
        except WeightsError as error:
            raise WeightsError(f"The file {path} of --stats: {error}") from error
        if twice := next((name for name in filled if name in buffers), None):
            raise UsageError(f"Two files of --stats give {twice}, the second is {path}; give one of them.")
        buffers.update({name: torch.as_tensor(value, dtype=torch.float32) for name, value in filled.items()})
    lacking = [name for name in conversion.statistics if name not in buffers]
    if lacking:
        raise UsageError(
            f"A checkpoint of {conversion.architecture} is not whole without {', '.join(lacking)}; give the author's files "
            "with --stats FILE, once for each."
        )
    return Statistics(buffers, tuple((path.name, hash_file(path)) for path in paths))


def _read(path: Path) -> Mapping[str, Any]:
    """The arrays of a file by name."""
    if path.suffix == ".npz":
        try:
            return read_npz(path)
        except (DataMissingError, DataDamagedError) as error:
            raise WeightsError(str(error)) from error
    with open_torch(path) as file:
        if not isinstance(file.value, dict):
            raise WeightsError(f"The file {path} of --stats holds no arrays by name; give the author's file.")
        return {
            str(name): file.read(value).numpy() if isinstance(value, TensorRef) else value
            for name, value in file.value.items()
        }
