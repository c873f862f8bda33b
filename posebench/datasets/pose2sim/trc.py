"""TRC, the marker file of OpenSim: tab separated, five header lines, a row a frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from posebench.errors import DataDamagedError, DataMissingError

HEADER_LINES = 5
MILLIMETRES = {"m": 1000.0, "mm": 1.0}


@dataclass(frozen=True)
class Markers:
    """Marker positions in mm, (frames, markers, 3) in the file's own axes, NaN where a marker is missing."""

    names: tuple[str, ...]
    positions: npt.NDArray[np.float64]
    fps: float


def read_trc(path: Path) -> Markers:
    """Read a TRC file. Raises `DataMissingError`, and `DataDamagedError` naming the line that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DataMissingError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataDamagedError(f"{path} cannot be read as text ({type(error).__name__}); get it again.") from error
    if len(lines) <= HEADER_LINES or not lines[0].startswith("PathFileType"):
        raise DataDamagedError(f"{path} does not begin with the five header lines of a TRC file; get it again.")
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    try:
        fps, frames, markers = float(header["DataRate"]), int(header["NumFrames"]), int(header["NumMarkers"])
        factor = MILLIMETRES[header["Units"].strip()]
    except (KeyError, ValueError) as error:
        raise DataDamagedError(
            f"{path} is damaged at line 3: DataRate, NumFrames, NumMarkers and Units (m or mm) are wanted ({error})."
        ) from error
    names = tuple(name.strip() for name in lines[3].split("\t")[2:] if name.strip())
    if len(names) != markers or len(set(names)) != markers:
        raise DataDamagedError(
            f"{path} is damaged at line 4: {len(set(names))} different markers where line 3 says {markers}."
        )
    rows, last = [], None
    for number, line in enumerate(lines[HEADER_LINES:], start=HEADER_LINES + 1):
        if not line.strip():
            continue
        frame, row = _row(line, markers, f"{path} is damaged at line {number}")
        if last is not None and frame != last + 1:
            raise DataDamagedError(f"{path} is damaged at line {number}: frame {frame} follows frame {last}.")
        last = frame
        rows.append(row)
    if len(rows) != frames:
        raise DataDamagedError(f"{path} has {len(rows)} frames where line 3 says {frames}; it may be cut short.")
    return Markers(names, np.array(rows).reshape(frames, markers, 3) * factor, fps)


def _row(line: str, markers: int, where: str) -> tuple[int, list[float]]:
    """Frame number and coordinates of a line; an empty cell is NaN."""
    cells = line.split("\t")
    # Some writers end a line with a tab, others do not.
    coordinates = cells[2:] if len(cells) == 2 + 3 * markers else cells[2:-1] if cells[-1] == "" else cells[2:]
    if len(coordinates) != 3 * markers:
        raise DataDamagedError(f"{where}: {len(coordinates)} coordinates, not {3 * markers}.")
    try:
        frame, row = int(cells[0]), [float(cell) if cell.strip() else float("nan") for cell in coordinates]
    except ValueError as error:
        raise DataDamagedError(f"{where}: {error}.") from error
    if np.isinf(row).any():
        raise DataDamagedError(f"{where}: a coordinate is infinite.")
    return frame, row
