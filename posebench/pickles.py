"""Pickles of the field's data files, read without running anything that stands in them.

A pickle is a program. Only what numpy's arrays and plain containers need is understood here, and none of it is
numpy's own: arrays and dtypes are put together from checked values, because numpy's `__setstate__` believes the flags
a file gives a dtype, and with them a file can turn bytes into pointers.
"""

import copyreg
import math
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from posebench.errors import DataDamagedError, DataMissingError

#: How a file begins that is often taken for another.
_KINDS = {
    b"PK\x03\x04": "a zip archive",
    b"\x93NUMPY": "an npy file",
    b"\x89HDF\r\n": "an HDF5 file",
    b"\x1f\x8b": "a gzip file",
    b"version https://git-lfs": "a pointer of git-lfs, which `git lfs pull` replaces",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}
UNKNOWN_KIND = "a file of another kind"
#: The dtypes read: numbers, text, Python objects. No file of this field has records or dates.
_DTYPE = re.compile(r"[<>|=]?([?biufcSU]\d*|O\d*)")


def kind_of_file(head: bytes) -> str:
    """What a file is by its first bytes, `a zip archive` for one; `a file of another kind` when unknown."""
    return next((kind for start, kind in _KINDS.items() if head.startswith(start)), UNKNOWN_KIND)


def read_pickle(path: Path, encoding: str = "latin1") -> Any:
    """The value of a pickle of arrays, dicts, lists, tuples, sets, numbers, text and bytes; nothing of it is run.

    `encoding` is that of Python 2's strings. An OrderedDict comes back as a dict. Raises `DataMissingError`, and
    `DataDamagedError` for a file that is cut off, is no pickle, or names anything else: by that name.
    """
    with open_data(path) as file:
        if (kind := kind_of_file(file.read(32))) != UNKNOWN_KIND:
            raise DataDamagedError(f"The file {path} is no pickle but {kind}; give the file its owner made.")
        file.seek(0)
        value = load_pickle(file, str(path), encoding)
        if file.read(1):
            raise DataDamagedError(f"The pickle {path} goes on after its end; get the file again from its owner.")
    return value


def open_data(path: Path) -> BinaryIO:
    """A data file open for reading; raises `DataMissingError`, also for a folder or a file that may not be read."""
    try:
        return path.open("rb")
    except OSError as error:
        why = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise DataMissingError(f"The file {path} {why}; put it there or name another.") from error


def load_pickle(
    file: Any,
    where: str,
    encoding: str = "latin1",
    names: "Mapping[tuple[str, str], Allowed] | None" = None,
    outside: Callable[[Any], Any] | None = None,
) -> Any:
    """The value of the pickle that begins at a file's position; `where` names it in errors. Raises as `read_pickle`.

    `names` are allowed beside those of arrays and containers; `outside` finds what the pickle refers to outside of it
    by its key, and without it such a reference is refused.
    """
    # A global that another library once read through the extension registry would come from a cache, unasked.
    copyreg.clear_extension_cache()
    try:
        value = _Reader(file, encoding, names or {}, outside).load()
        return _finish(value, {})
    except _RefusedError as refused:
        raise DataDamagedError(
            f"The file {where} {refused}; nothing of it was run, and no data of this field needs it: "
            "get the file again from its owner."
        ) from None
    except MemoryError:
        raise DataDamagedError(f"The pickle {where} asks for more memory than there is; get it again.") from None
    except Exception as error:
        # Bytes that are no pickle, or not all of one, can raise nearly anything in the unpickler.
        raise DataDamagedError(
            f"The pickle {where} is cut off or damaged ({type(error).__name__}: {one_line(str(error))}); "
            "get it again from its owner."
        ) from error


class _RefusedError(Exception):
    """Something that a pickle asks for and does not get."""


class Allowed:
    """A callable that a pickle may name. An object without attributes: a pickle can set none on it either."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *values: Any) -> Any:
        """What the pickle asks for, made of the values it gives."""
        return self._call(*values)

    def __setstate__(self, state: object) -> NoReturn:
        raise _RefusedError("tries to change a function")


class _Dtype:
    """A dtype in the making: a pickle names it, then sets its byte order."""

    __slots__ = ("made",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(text, str) or (match := _DTYPE.fullmatch(text)) is None:
            raise ValueError(f"a dtype {code!r}, which is neither of numbers nor of text nor of objects")
        self.made: np.dtype[Any] = np.dtype("O" if match[1][0] == "O" else text)

    def __setstate__(self, state: Any) -> None:
        _, order, base, names, fields = state[:5]
        if base is not None or names is not None or fields is not None:
            raise ValueError("a dtype of records")
        if order in ("<", b"<"):
            self.made = self.made.newbyteorder("<")
        elif order in (">", b">"):
            self.made = self.made.newbyteorder(">")


class _Array:
    """An array in the making: its elements may themselves be in the making, so objects wait for `_finish`."""

    __slots__ = ("elements", "made")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.made: npt.NDArray[Any] | None = None
        self.elements: list[Any] = []

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        self.fill(shape, dtype, "F" if fortran else "C", content)

    def fill(self, shape: Any, dtype: Any, order: str, content: Any) -> None:
        if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
            raise TypeError("an array without dtype or shape")
        if any(type(size) is not int or size < 0 for size in shape):
            raise ValueError(f"an array of shape {shape}")
        count = math.prod(shape)
        if dtype.made.hasobject:
            if type(content) is not list or len(content) != count:
                raise ValueError(f"an array of shape {shape} without {count} objects")
            self.elements = content
            # numpy lists the objects in C order, also those of an array in Fortran's.
            self.made = np.empty(shape, dtype=object)
        else:
            data = _raw(content)
            if len(data) != count * dtype.made.itemsize:
                raise ValueError(f"an array of shape {shape} and {dtype.made} with {len(data)} bytes")
            flat = np.frombuffer(data, dtype.made).copy() if count else np.empty(0, dtype.made)
            self.made = flat.reshape(shape, order="F" if order == "F" else "C")


def _raw(content: Any) -> bytes | bytearray | memoryview:
    # Python 2's strings are bytes; the pickle's encoding has made text of them.
    if isinstance(content, str):
        return content.encode("latin1")
    if isinstance(content, bytes | bytearray):
        return content
    if isinstance(content, pickle.PickleBuffer):
        return content.raw()
    raise TypeError("an array whose content is not bytes")


def _reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
    if kind is not _NDARRAY:
        raise TypeError("an array of another class than ndarray")
    return _Array()


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
    if axes is not None:
        raise ValueError("an array with its axes in another order")
    made = _Array()
    made.fill(shape, dtype, order, content)
    return made


def _scalar(dtype: Any, content: Any) -> Any:
    if not isinstance(dtype, _Dtype) or dtype.made.hasobject:
        raise TypeError("a number without its dtype")
    made = _Array()
    made.fill((1,), dtype, "C", content)
    assert made.made is not None
    return made.made[0]


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in another spelling than pickle's own")
    return text.encode("latin1")


def _bytes(*values: Any) -> bytes:
    if values:
        raise ValueError("bytes that are not spelled out")
    return b""


def _bytearray(*values: Any) -> bytearray:
    content = _encode(*values) if len(values) == 2 else values[0] if values else b""
    if not isinstance(content, bytes):
        raise ValueError("a bytearray that is not spelled out")
    return bytearray(content)


class _OrderedDict(dict[Any, Any]):
    """An OrderedDict in the making. PyTorch hangs attributes on its own; nothing here needs them."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None: ...


def _no_call(*values: Any) -> NoReturn:
    raise TypeError("an ndarray that is made directly")


_NDARRAY = Allowed(_no_call)
_PYTHON: dict[str, Callable[..., Any]] = {
    "bytes": _bytes,
    "bytearray": _bytearray,
    "set": set,
    "frozenset": frozenset,
    "complex": complex,
}


class _Reader(pickle.Unpickler):
    """Python's unpickler, which finds here only the names below, and imports nothing."""

    known: ClassVar[Mapping[tuple[str, str], Allowed]] = {
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): Allowed(_Dtype),
        **{(f"numpy.{core}.multiarray", "_reconstruct"): Allowed(_reconstruct) for core in ("core", "_core")},
        **{(f"numpy.{core}.multiarray", "scalar"): Allowed(_scalar) for core in ("core", "_core")},
        **{(f"numpy.{core}.numeric", "_frombuffer"): Allowed(_from_buffer) for core in ("core", "_core")},
        ("_codecs", "encode"): Allowed(_encode),
        ("collections", "OrderedDict"): Allowed(_OrderedDict),
        **{(module, name): Allowed(call) for module in ("builtins", "__builtin__") for name, call in _PYTHON.items()},
    }

    def __init__(
        self,
        file: Any,
        encoding: str,
        names: Mapping[tuple[str, str], Allowed],
        outside: Callable[[Any], Any] | None,
    ) -> None:
        super().__init__(file, encoding=encoding, errors="strict")
        self._names, self._outside = names, outside

    def find_class(self, module: str, name: str) -> Any:
        found = self.known.get((module, name)) or self._names.get((module, name))
        if found is None:
            raise _RefusedError(f"tries to call {one_line(f'{module}.{name}')}")
        return found

    def persistent_load(self, key: Any) -> Any:
        if self._outside is None:
            raise _RefusedError("refers to objects outside of it")
        return self._outside(key)


def _finish(value: Any, seen: dict[int, tuple[Any, Any]]) -> Any:
    """The value with every array and dtype in the making replaced by itself."""
    kind = type(value)
    if kind not in _CONTAINERS:
        return value.made if kind is _Dtype else value
    if id(value) in seen:
        return seen[id(value)][1]
    # The value itself stands beside its result, so that its id is not given to another meanwhile.
    seen[id(value)] = (value, value)
    if kind is _Array:
        if value.made is None:
            raise ValueError("an array without content")
        seen[id(value)] = (value, value.made)
        if value.made.dtype.hasobject:
            flat = value.made.reshape(-1)
            for index, item in enumerate(value.elements):
                flat[index] = _finish(item, seen)
        return value.made
    if kind is tuple:
        made = tuple(_finish(item, seen) for item in value)
        seen[id(value)] = (value, made)
        return made
    if kind is _OrderedDict:
        plain: dict[Any, Any] = {}
        seen[id(value)] = (value, plain)
        plain.update((key, _finish(item, seen)) for key, item in value.items())
        return plain
    for key, item in value.items() if kind is dict else enumerate(value):
        if type(item) in _CONTAINERS or type(item) is _Dtype:
            value[key] = _finish(item, seen)
    return value


_CONTAINERS = frozenset({list, dict, tuple, _Array, _OrderedDict})


def one_line(text: str) -> str:
    """Text that a file holds, shortened and without control characters, fit for one sentence."""
    return text.encode("unicode_escape").decode("ascii")[:120]
