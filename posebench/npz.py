"""npz archives of the field, read member by member: no pickle in them runs, no archive fills the memory by surprise.

An npz file is a zip archive with an npy file for each array. Members are held in memory only, so their names lead
nowhere; what they declare about their size is checked before a byte of them is unpacked.
"""

import math
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from posebench.errors import DataDamagedError
from posebench.pickles import kind_of_file, load_pickle, one_line, open_data

#: The largest archives of the field unpack to a few gigabytes.
LIMIT_BYTES = 32 << 30
#: Deflate packs zeros 1000 to 1; poses do not come near. Small members may: a mask of ones.
LIMIT_RATIO = 1000
SMALL_BYTES = 64 << 20
_BLOCK = 1 << 24


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, Any]:
    """The arrays of an npz file, all of them or those named; an array of one object comes back as that object.

    Objects are read as `read_pickle` reads them. Raises `DataMissingError`, and `DataDamagedError` for a file that is
    no npz archive, is cut off or altered, declares impossible sizes, lacks a name, or whose objects name a function.
    """
    with open_data(path) as file:
        head = file.read(32)
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OverflowError) as error:
            if head.startswith(b"PK"):
                raise DataDamagedError(
                    f"The archive {path} is cut off or damaged: its table of contents, which stands at its end, is "
                    "missing; get it again."
                ) from error
            raise DataDamagedError(
                f"The file {path} is no npz archive but {kind_of_file(head)}; give the file its owner made."
            ) from error
        with archive:
            members = _members(archive, path)
            wanted = list(members) if names is None else list(names)
            for name in wanted:
                if name not in members:
                    raise DataDamagedError(
                        f"The archive {path} has no array {name!r} but {', '.join(map(repr, members)) or 'none'}; "
                        "give the file its owner made."
                    )
            _check_sizes(path, [members[name] for name in wanted])
            return {name: _read_member(archive, members[name], path) for name in wanted}


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The members by the names of their arrays; raises `DataDamagedError` for what numpy does not write."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = one_line(info.filename)
        if not info.filename.endswith(".npy") or info.flag_bits & 1:
            why = "is encrypted" if info.flag_bits & 1 else "is no npy file"
            raise DataDamagedError(
                f"The archive {path} is no npz file: its member {name!r} {why}; give the file its owner made."
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataDamagedError(
                f"The archive {path} packs its member {name!r} in a way that numpy does not; save it again with numpy."
            )
        if info.filename.startswith("/") or "\\" in info.filename or ".." in info.filename.split("/"):
            raise DataDamagedError(
                f"The archive {path} has a member {name!r}, whose name leads out of it; get it from its owner again."
            )
        key = info.filename.removesuffix(".npy")
        if key in found:
            raise DataDamagedError(f"The archive {path} holds {key!r} twice; get it from its owner again.")
        found[key] = info
    return found


def _check_sizes(path: Path, members: list[zipfile.ZipInfo]) -> None:
    for info in members:
        if info.file_size > max(SMALL_BYTES, LIMIT_RATIO * info.compress_size):
            raise DataDamagedError(
                f"The member {info.filename!r} of {path} claims to unpack from {info.compress_size:,} to "
                f"{info.file_size:,} bytes, as no poses do; nothing was unpacked: get the file from its owner again."
            )
    total, packed = sum(info.file_size for info in members), sum(info.compress_size for info in members)
    if total > LIMIT_BYTES or packed > path.stat().st_size:
        raise DataDamagedError(
            f"The archive {path} claims to unpack {packed:,} bytes of it to {total:,}, more than fits it; nothing was "
            "unpacked: get the file from its owner again."
        )


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Any:
    where = f"{path}, array {info.filename.removesuffix('.npy')!r}"
    try:
        with archive.open(info) as member:
            return _read_npy(member, info.file_size, where)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        if isinstance(error, DataDamagedError):
            raise
        raise DataDamagedError(
            f"The data of {where}, are cut off or altered ({one_line(str(error))}); get the file again."
        ) from error


def _read_npy(member: IO[bytes], size: int, where: str) -> Any:
    """One npy file of `size` bytes. Raises `DataDamagedError`."""
    shape, fortran, dtype = _read_header(member, where)
    if dtype.hasobject:
        value = load_pickle(member, where)
        if not isinstance(value, np.ndarray) or value.shape != shape:
            raise DataDamagedError(f"The objects of {where}, are not the array of shape {shape} that its header says.")
        # Reading to the end lets the archive compare its checksum.
        if member.read(1):
            raise DataDamagedError(f"The pickle of {where}, goes on after its end; get the file again.")
        return value.item() if shape == () else value
    expected = math.prod(shape) * dtype.itemsize
    if size - member.tell() != expected:
        raise DataDamagedError(
            f"The data of {where}, are {size - member.tell():,} bytes, and shape {shape} of {dtype} needs {expected:,}; "
            "get the file again."
        )
    content = bytearray(expected)
    view, filled = memoryview(content), 0
    while block := member.read(min(_BLOCK, expected - filled) or 1):
        if filled + len(block) > expected:
            break
        view[filled : filled + len(block)] = block
        filled += len(block)
    if filled != expected:
        raise DataDamagedError(f"The data of {where}, end after {filled:,} of {expected:,} bytes; get the file again.")
    flat = np.frombuffer(content, dtype) if expected else np.empty(math.prod(shape), dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _read_header(member: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, "np.dtype[Any]"]:
    """Shape, order and dtype; numpy reads the header as a literal, never as code."""
    try:
        version = np.lib.format.read_magic(member)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(member)
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise DataDamagedError(
            f"The header of {where}, is not that of an npy file ({one_line(str(error))}); get the file again."
        ) from error
    if dtype.fields is not None or dtype.subdtype is not None or any(size < 0 for size in shape):
        raise DataDamagedError(
            f"The array of {where}, is of {one_line(str(dtype))} and shape {shape}, and only plain arrays are read."
        )
    return shape, fortran, dtype
