"""`camera.calibration`: the owner's text file ("Skeletool") with fourteen cameras, seven lines each."""

from pathlib import Path

from posebench.cameras import Camera
from posebench.datasets.mpi3dhp.lenses import training_camera
from posebench.errors import DataDamagedError

_KEYS = ("name", "sensor", "size", "animated", "intrinsic", "extrinsic", "radial")
#: A 4 x 4 matrix row by row: the places of focal lengths, centre, and of what must be 0 in a pinhole's 3 x 3.
_FOCAL, _CENTER, _ZERO = (0, 5), (2, 6), (1, 4, 8, 9)


def read_calibration(path: Path) -> dict[int, Camera]:
    """Number to camera `cam<number>`; the poses are in its own space, so where it stands is not kept.

    Raises `DataDamagedError` naming the line.
    """
    cameras: dict[int, Camera] = {}
    block: dict[str, list[float]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataDamagedError(f"{path} cannot be read ({error}); get it again.") from error
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        where = f"Line {number} of {path}"
        key, *values = line.split()
        wanted = _KEYS[len(block)]
        if key != wanted:
            raise DataDamagedError(f"{where} begins with {key!r} and not {wanted!r}; get the file again.")
        try:
            block[key] = [float(value) for value in values]
        except ValueError as error:
            raise DataDamagedError(
                f"{where} holds something other than numbers ({error}); get the file again."
            ) from error
        if key == _KEYS[-1]:
            _add(cameras, block, where)
            block = {}
    if block:
        raise DataDamagedError(f"{path} ends within a camera, after {list(block)[-1]!r}; get it again.")
    return cameras


def _add(cameras: dict[int, Camera], block: dict[str, list[float]], where: str) -> None:
    name, size, intrinsic = block["name"], block["size"], block["intrinsic"]
    if len(name) != 1 or len(size) != 2 or len(intrinsic) != 16:
        raise DataDamagedError(
            f"{where} ends a camera without one name, two sizes and sixteen intrinsics; get the file again."
        )
    if any(intrinsic[place] for place in _ZERO) or intrinsic[10] != 1 or any(block["radial"]):
        raise DataDamagedError(
            f"{where} ends a camera with skew or distortion, which the owner's training cameras do not have; get the file again."
        )
    if min(*size, *(intrinsic[place] for place in _FOCAL)) <= 0:
        raise DataDamagedError(f"{where} ends a camera without a size or focal length above 0; get the file again.")
    key = int(name[0])
    if key in cameras:
        raise DataDamagedError(f"{where} ends the camera {key}, which is there twice; get the file again.")
    fx, fy = (intrinsic[place] for place in _FOCAL)
    cx, cy = (intrinsic[place] for place in _CENTER)
    cameras[key] = training_camera(f"cam{key}", (int(size[0]), int(size[1])), (fx, fy), (cx, cy))
