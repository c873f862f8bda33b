"""Pickles that run a function when an ordinary reader opens them: each would make the file `marker`."""

import builtins
import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class Calls:
    """An object whose pickle calls `function(*values)`."""

    def __init__(self, function: Callable[..., Any], *values: Any) -> None:
        self.what = (function, values)

    def __reduce__(self) -> Any:
        return self.what


def named(module: str, name: str, *values: str) -> bytes:
    """A protocol 0 pickle that calls a function by name, whether or not it exists here."""
    arguments = b"".join(b"V" + value.encode() + b"\n" for value in values)
    return b"c" + f"{module}\n{name}\n".encode() + b"(" + arguments + b"tR."


def evil_pickles(marker: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles by what is tried: (bytes, the name that the refusal must say)."""
    code = f"open({str(marker)!r}, 'w')"
    shell = f"touch {marker}"
    system = f"{os.system.__module__}.system"
    array = np.empty(2, dtype=object)
    array[:] = [{"pose": np.zeros(3)}, Calls(os.system, shell)]
    chain = Calls(getattr, Calls(__import__, "os"), "system")
    return {
        "system": (pickle.dumps(Calls(os.system, shell)), system),
        "deep": (pickle.dumps({"S9": [np.zeros(2), {"a": (1, Calls(os.system, shell))}]}, 2), system),
        "array": (pickle.dumps(array), system),
        "eval": (pickle.dumps(Calls(eval, code)), "builtins.eval"),
        "exec": (pickle.dumps(Calls(exec, code), 0), "__builtin__.exec"),
        "python 2": (named("__builtin__", "execfile", str(marker)), "__builtin__.execfile"),
        "getattr": (pickle.dumps(chain), "builtins.getattr"),
        "dotted": (b"\x80\x04\x8c\x05numpy\x8c\x12ndarray.__init__.x\x93.", "numpy.ndarray.__init__.x"),
        "runstring": (
            named("numpy.testing._private.utils", "runstring", code, ""),
            "numpy.testing._private.utils.runstring",
        ),
        "f2py": (named("numpy.f2py.crackfortran", "myeval", code), "numpy.f2py.crackfortran.myeval"),
        "load": (named("numpy", "load", str(marker)), "numpy.load"),
        "open": (pickle.dumps(Calls(builtins.open, str(marker), "w")), "io.open"),
        "object": (b"(i" + f"{system.replace('.', chr(10))}\n".encode() + b".", system),
        "terminal": (named("os\x1b[2J", "system", "true"), r"os\x1b[2J.system"),
    }


def zip_of(members: dict[str, bytes]) -> bytes:
    """A zip archive with stored members."""
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy_of_objects(content: bytes, shape: tuple[int, ...] = ()) -> bytes:
    """An npy file of objects whose pickle is `content`."""
    header = f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content
