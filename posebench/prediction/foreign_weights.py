"""What a weights file is that is not safetensors, said without running anything in it."""

import io
import pickle
import re
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from posebench.pickles import kind_of_file, one_line

#: What the state dict of a checkpoint is made of. Any other name is that of a function the file wants called.
_TENSORS = re.compile(
    r"torch\.\w*(Storage|Tensor|Size|device)|torch\.(float|int|uint|bool|bfloat|complex)\w*|torch\._utils\._rebuild_\w+"
    r"|torch\.nn\.parameter\.Parameter|torch\.storage\.\w*Storage|collections\.OrderedDict|_codecs\.encode"
    r"|numpy\.random\._\w+\.\w+|numpy\.(dtype|ndarray)|numpy\._?core\.multiarray\.(_reconstruct|scalar)"
)
#: The pickle of a checkpoint names its tensors and holds none; one that is larger is not read to the end.
_LIMIT_BYTES = 64 << 20


def foreign_kind(path: Path) -> str | None:
    """None for a file that begins as safetensors do, else what it is and what it names, as a part of a sentence.

    Raises `OSError` when the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
            return None
        file.seek(0)
        if zipfile.is_zipfile(path):
            return _describe_archive(path)
        if head[:1] == b"\x80" or head[:1] in (b"(", b"c", b"}", b"]"):
            return f"a pickle, as old PyTorch checkpoints are{_named(names_in_pickles(file))}"
    return kind_of_file(head)


def _describe_archive(path: Path) -> str:
    names: list[str] = []
    damage = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
    with suppress(*damage), zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith(".pkl")]
        if not pickles:
            return kind_of_file(b"PK\x03\x04")
        for name in pickles:
            with archive.open(name) as member:
                names += names_in_pickles(io.BytesIO(member.read(_LIMIT_BYTES)))
    return f"a PyTorch checkpoint, a pickle in a zip archive{_named(names)}"


def _named(names: list[str]) -> str:
    foreign = [name for name in dict.fromkeys(names) if not _TENSORS.fullmatch(name)]
    if not foreign:
        return ""
    return f" that tries to call {', '.join(foreign[:3])}{' and others' if len(foreign) > 3 else ''}"


def names_in_pickles(file: Any) -> list[str]:
    """Every `module.name` that the pickles of a file ask for, in order, as far as they can be followed; none is run."""
    found: list[str] = []
    # An inert object does not do all that a real one does, and tensors may follow the last pickle of a file; what
    # was named until then is what was asked for.
    with suppress(Exception):
        while True:
            reader = _Names(file, found)
            reader.load()
    return found


class _Inert:
    """What stands for every object of a pickle that is only looked at."""

    def __new__(cls, *values: Any, **named: Any) -> "_Inert":
        return super().__new__(cls)

    def __init__(self, *values: Any, **named: Any) -> None: ...

    def __call__(self, *values: Any) -> "_Inert":
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None: ...

    def extend(self, values: Any) -> None: ...

    def add(self, value: Any) -> None: ...


class _Names(pickle.Unpickler):
    """Collects the names a pickle asks for and gives it inert objects for them."""

    def __init__(self, file: Any, found: list[str]) -> None:
        super().__init__(file, encoding="latin1")
        self._found = found

    def find_class(self, module: str, name: str) -> Any:
        self._found.append(one_line(f"{module}.{name}"))
        return _Inert

    def persistent_load(self, key: Any) -> Any:
        return _Inert()
