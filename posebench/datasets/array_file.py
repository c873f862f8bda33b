"""Arrays in one safetensors file: written as they grow, clip by clip, and read through the page cache.

safetensors' own writer wants every array whole in memory; a store of the size of Human3.6M is several gigabytes.
The file is the ordinary format, which any safetensors library reads.
"""

import hashlib
import json
import shutil
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from posebench.errors import DataDamagedError
from posebench.files import replace_whole

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_CODES = {dtype: code for code, dtype in DTYPES.items()}
_CHUNK = 1 << 22


class ArrayFileWriter:
    """Collects rows of named arrays in temporary files beside `path`; nothing is at `path` before `finish`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder: Path | None = None
        self._files: dict[str, BinaryIO] = {}
        self._dtypes: dict[str, np.dtype[Any]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._hashes: dict[str, Any] = {}

    def __enter__(self) -> "ArrayFileWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Add rows (first dimension) to an array; its other dimensions and its dtype are those of its first rows."""
        rows = np.ascontiguousarray(rows)
        if self._folder is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=f".{self._path.stem}-", dir=self._path.parent))
        if name not in self._files:
            self._files[name] = (self._folder / str(len(self._files))).open("w+b")
            self._dtypes[name], self._shapes[name] = rows.dtype, (0, *rows.shape[1:])
            self._hashes[name] = hashlib.sha256()
        if rows.dtype != self._dtypes[name] or rows.shape[1:] != self._shapes[name][1:]:
            raise DataDamagedError(
                f"The array {name!r} has rows of shape {rows.shape[1:]} after rows of {self._shapes[name][1:]}; "
                "all clips of a data set need the same."
            )
        data = rows.data.cast("B") if rows.size else b""
        self._files[name].write(data)
        self._hashes[name].update(data)
        self._shapes[name] = (self._shapes[name][0] + len(rows), *self._shapes[name][1:])

    def hashes(self) -> dict[str, str]:
        """SHA-256 (hex) of every array's bytes so far."""
        return {name: digest.hexdigest() for name, digest in self._hashes.items()}

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Write the file, whole or not at all."""
        # Wide elements first, so that every array starts at a multiple of its element's size.
        names = sorted(self._files, key=lambda name: (-self._dtypes[name].itemsize, name))
        header: dict[str, Any] = {"__metadata__": dict(metadata)}
        start = 0
        for name in names:
            size = self._files[name].tell()
            header[name] = {
                "dtype": _CODES[self._dtypes[name]],
                "shape": list(self._shapes[name]),
                "data_offsets": [start, start + size],
            }
            start += size
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)

        def write(part: Path) -> None:
            with part.open("wb") as out:
                out.write(struct.pack("<Q", len(text)) + text)
                for name in names:
                    self._files[name].seek(0)
                    shutil.copyfileobj(self._files[name], out, _CHUNK)

        replace_whole(self._path, write, durable=True)


def open_arrays(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """The arrays of a file, memory-mapped and read-only, and its metadata.

    Raises `DataDamagedError` when it is no whole safetensors file or holds another type than a store does.
    """
    try:
        with safe_open(path, framework="numpy") as file:  # checks that the offsets fit each other and the file
            metadata = dict(file.metadata() or {})
        with path.open("rb") as raw:
            (length,) = struct.unpack("<Q", raw.read(8))
            header = json.loads(raw.read(length))
        header.pop("__metadata__", None)
        arrays: dict[str, npt.NDArray[Any]] = {}
        for name, entry in header.items():
            dtype, shape = DTYPES[entry["dtype"]], tuple(entry["shape"])
            if 0 in shape:
                arrays[name] = np.empty(shape, dtype)
            else:
                arrays[name] = np.memmap(path, dtype, "r", 8 + length + entry["data_offsets"][0], shape)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise DataDamagedError(
            f"The store {path.name} in {path.parent} cannot be read ({error}); delete it and prepare it again."
        ) from error
    return arrays, metadata


def hash_array(array: npt.NDArray[Any]) -> str:
    """SHA-256 (hex) of an array's bytes, a few megabytes at a time."""
    digest = hashlib.sha256()
    step = max(1, _CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        digest.update(np.ascontiguousarray(array[start : start + step]).data.cast("B"))
    return digest.hexdigest()
