"""Both containers of `torch.save`: the zip archive of today and the file of pickles and raw storages of before 1.6."""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from posebench.conversion.torch_pickle import TensorRef, read_torch_pickle
from posebench.errors import DataMissingError, WeightsError
from posebench.pickles import kind_of_file, one_line, open_data

#: The first pickle of a legacy file is this number (`torch.serialization.MAGIC_NUMBER`).
MAGIC = 0x1950A86A20F9469CFC6C
#: What an altered zip archive can raise in its reader.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, OverflowError, RuntimeError)
ZIP, LEGACY = "PyTorch zip archive", "PyTorch file of before 1.6"


@dataclass(frozen=True)
class TorchFile:
    """An open checkpoint: its value with tensors not yet read, and how one is read."""

    container: str
    value: Any
    read: Callable[[TensorRef], Tensor]


@contextmanager
def open_torch(path: Path) -> Iterator[TorchFile]:
    """Open a file of `torch.save`; nothing in it is run.

    Raises `WeightsError` when it is missing, cut off, of another kind, or when its pickle names anything that is no
    part of a state dict: by that name.
    """
    try:
        file = open_data(path)
    except DataMissingError as error:
        raise WeightsError(str(error)) from error
    with file:
        yield _open_zip(file, path) if file.read(4) == b"PK\x03\x04" else _open_legacy(file, path)


def _open_zip(file: BinaryIO, path: Path) -> TorchFile:
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGE as error:
        raise WeightsError(f"The checkpoint {path} is cut off or damaged: its table of contents is missing.") from error
    names = archive.namelist()
    roots = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(roots) != 1 or len(set(names)) != len(names):
        raise WeightsError(f"The zip archive {path} is no PyTorch checkpoint; give the file its author made.")
    (root,) = roots
    if f"{root}constants.pkl" in names:
        raise WeightsError(f"The file {path} is a TorchScript program, not a checkpoint; give the author's checkpoint.")

    @lru_cache(maxsize=1)  # tensors of one storage come one after the other
    def member(name: str) -> bytes:
        try:
            info = archive.getinfo(root + name)
            # PyTorch packs nothing, so that a member is no larger than it looks.
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise WeightsError(f"The checkpoint {path} was packed again; give the file its author made.")
            return archive.read(info)
        except WeightsError:
            raise
        except _DAMAGE as error:
            raise WeightsError(
                f"The checkpoint {path} is cut off or damaged: {one_line(name)} cannot be read; get it again."
            ) from error

    order = member("byteorder").decode("latin1") if f"{root}byteorder" in names else "little"
    value = _read_value(io.BytesIO(member("data.pkl")), path)

    def read(tensor: TensorRef) -> Tensor:
        return _tensor(tensor, member(f"data/{tensor.storage.key}"), order, path)

    return TorchFile(ZIP, value, read)


def _open_legacy(file: BinaryIO, path: Path) -> TorchFile:
    file.seek(0)
    head = file.read(32)
    file.seek(0)
    if head[:1] != b"\x80" and head[:1] not in (b"(", b"c", b"}", b"]"):
        raise WeightsError(f"The file {path} is no checkpoint but {kind_of_file(head)}; give the file its author made.")
    magic = _read_value(file, path)
    if magic != MAGIC:
        raise WeightsError(f"The file {path} is a pickle, but none of PyTorch's; give the file its author made.")
    _read_value(file, path)
    system = _read_value(file, path)
    order = "little" if not isinstance(system, dict) or system.get("little_endian", True) else "big"
    value = _read_value(file, path)
    keys = _read_value(file, path)
    if not isinstance(keys, list) or any(not isinstance(key, str) for key in keys):
        raise WeightsError(f"The checkpoint {path} does not list its storages; the file is damaged: get it again.")
    widths = _widths(value, {})
    places: dict[str, tuple[int, int]] = {}
    end = path.stat().st_size
    for key in keys:
        head = file.read(8)
        count = int.from_bytes(head, order, signed=True)  # type: ignore[arg-type]
        size = count * widths.get(key, 1)
        if len(head) < 8 or count < 0 or file.tell() + size > end:
            raise WeightsError(f"The checkpoint {path} ends within its storages; get it again.")
        places[key] = (file.tell(), size)
        file.seek(size, 1)

    def read(tensor: TensorRef) -> Tensor:
        if tensor.storage.key not in places:
            raise WeightsError(f"The checkpoint {path} lacks a storage; the file is damaged: get it again.")
        begin, size = places[tensor.storage.key]
        file.seek(begin)
        return _tensor(tensor, file.read(size), order, path)

    return TorchFile(LEGACY, value, read)


def _read_value(file: Any, path: Path) -> Any:
    try:
        return read_torch_pickle(file, str(path))
    except OSError as error:
        raise WeightsError(str(error)) from error


def _widths(value: Any, found: dict[str, int]) -> dict[str, int]:
    """Bytes an element of every storage that a value's tensors refer to: a legacy file gives counts only."""
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, TensorRef):
            found[item.storage.key] = item.storage.dtype.itemsize
        elif isinstance(item, dict | list | tuple) and id(item) not in seen:
            seen.add(id(item))
            waiting += item.values() if isinstance(item, dict) else item
    return found


def _tensor(tensor: TensorRef, content: bytes, order: str, path: Path) -> Tensor:
    """The tensor from its storage's bytes."""
    storage = tensor.storage
    width = storage.dtype.itemsize
    if len(content) < (storage.first + storage.size) * width or len(content) % width:
        raise WeightsError(f"The checkpoint {path} has a storage that is cut off; get it again.")
    data = np.frombuffer(content, np.dtype(f"{'>' if order == 'big' else '<'}u{width}"))
    if not len(data):
        return torch.empty(tensor.shape, dtype=storage.dtype)
    whole = torch.frombuffer(bytearray(data.astype(f"=u{width}").tobytes()), dtype=storage.dtype)
    return tensor.view(whole, str(path))
