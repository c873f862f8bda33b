"""C3D through ezc3d, in a process of its own: on one in ten files with damaged parameters ezc3d crashes or hangs."""

import io
import struct
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from posebench.errors import DataDamagedError, DataMissingError

BLOCK = 512
#: The second byte of every C3D file.
KEY = 0x50
#: A file of the data set is read in a fifth of a second.
PATIENCE_SECONDS = 30.0

#: What the other process runs: the file to read is its argument, the arrays go to its standard output.
READ = """
import io, sys
import ezc3d, numpy
file = ezc3d.c3d(sys.argv[1])
point = file["parameters"].get("POINT", {})
out = io.BytesIO()
numpy.savez(
    out,
    places=file["data"]["points"][:3].transpose(2, 1, 0),
    **{name.lower(): numpy.array(point.get(name, {}).get("value", [])) for name in ("LABELS", "UNITS", "RATE")},
)
sys.stdout.buffer.write(out.getvalue())
"""


@dataclass(frozen=True)
class C3d:
    """Markers of one recording: places (frames, markers, 3) in `units`, NaN where the file says that one is missing."""

    labels: tuple[str, ...]
    places: npt.NDArray[np.float64]
    rate: float
    units: str


def read_c3d(path: Path) -> C3d:
    """Read a file; analog channels are passed over.

    Raises `DataMissingError`, and `DataDamagedError` for a file that is cut off or that ezc3d cannot read.
    """
    _check_length(path)
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, changed: int, size: int) -> C3d:
    """Read once for all forms of the data set; another state of the file is another call."""
    command = [sys.executable, "-I", "-c", READ, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataDamagedError(f"{path} is damaged: ezc3d comes to no end with it; get it again.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said and done.returncode > 0 else f"it crashes with code {done.returncode}"
        raise DataDamagedError(f"{path} is damaged: ezc3d cannot read it ({why}); get it again.")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as read:
        labels, units, rate, places = (read[name] for name in ("labels", "units", "rate", "places"))
    if units.size != 1 or rate.size != 1 or labels.size < places.shape[1] or units.dtype.kind != "U":
        raise DataDamagedError(f"{path} is damaged: it does not tell its markers' labels, unit and rate; get it again.")
    # Some programs write a marker that is missing to the origin.
    places = np.where((places == 0).all(axis=-1, keepdims=True), np.nan, places)
    return C3d(tuple(labels.ravel()[: places.shape[1]].tolist()), places, float(rate.item()), str(units.item()))


def _check_length(path: Path) -> None:
    """Raise unless the file is as long as its header says: ezc3d reads a cut one as if nothing were missing."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataMissingError(f"There is no file {path}.") from error
    except OSError as error:
        raise DataDamagedError(f"{path} cannot be read ({error.strerror}).") from error
    if len(content) < BLOCK or content[1] != KEY:
        raise DataDamagedError(f"{path} is not a C3D file; get it again.")
    points, analog, first, last, _, scale, start = struct.unpack_from("<5HfH", content, 2)
    frames = last - first + 1
    if not points or frames < 1 or not scale < 0 or start < 2:
        raise DataDamagedError(f"{path} is damaged: its header tells of no frames of floats; get it again.")
    needed = (start - 1) * BLOCK + 4 * frames * (4 * points + analog)
    # Some programs fill the last block up.
    if not needed <= len(content) < needed + BLOCK:
        raise DataDamagedError(
            f"{path} is damaged: it has {len(content)} bytes where its header asks for {needed}; get it again."
        )
