"""A user's npz or safetensors file: named arrays, numbers and texts, each handed out in the shape that is asked for.

In an npz texts are 0-d arrays, as `numpy.savez(file, joint_set="coco-17")` writes them. In a safetensors file, which
has no texts, they are metadata; a number may be there too. `docs/add-a-dataset.md` lists the keys.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.errors import DataDamagedError, DataMissingError
from posebench.npz import read_npz
from posebench.skeletons import SKELETONS, Skeleton

Array = npt.NDArray[np.floating[Any]]

ENDINGS = (".npz", ".safetensors")


@dataclass(frozen=True)
class UserFile:
    """What a file holds, by key; `where` names it in errors."""

    path: Path
    values: dict[str, Any]

    @property
    def where(self) -> str:
        """The file's name, which begins the sentence of an error."""
        return self.path.name

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def refuse_other_keys(self, known: Iterable[str]) -> None:
        """Raise `DataDamagedError` for a key that nothing reads, with the nearest that is read: a misspelt key is no default."""
        known = sorted(known)
        for key in self.values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
                raise DataDamagedError(f"{self.where} has the unknown key {key!r}; {hint}")

    def array(self, key: str, why: str) -> Array:
        """An array of numbers in float64; raises `DataDamagedError` when it is not there, saying `why` it is needed."""
        if key not in self.values:
            raise DataDamagedError(f"{self.where} has no {key!r}: {why}")
        value = self.values[key]
        found = (
            value if isinstance(value, np.ndarray) else np.asarray(_number(value) if isinstance(value, str) else None)
        )
        if found.dtype.kind not in "fiub" or not found.size:
            what = f"type {found.dtype}" if found.size else f"the empty shape {found.shape}"
            raise DataDamagedError(f"{self.where} has {key!r} of {what}, not numbers.")
        return found.astype(np.float64)

    def finite(self, key: str, shapes: Iterable[tuple[int, ...]], why: str) -> Array:
        """An array of finite numbers in one of some shapes; raises as `array`."""
        found = self.array(key, why)
        if found.shape not in (shapes := tuple(shapes)):
            wanted = " or ".join(str(shape) for shape in shapes)
            raise DataDamagedError(f"{self.where} has {key!r} of shape {found.shape}, not {wanted}: {why}")
        if not np.isfinite(found).all():
            raise DataDamagedError(f"{self.where} has {key!r} with NaN or infinity: {why}")
        return found

    def positive(self, key: str, why: str) -> float:
        """One number above 0; raises as `array`."""
        number = float(self.finite(key, ((), (1,)), why).reshape(()))
        if number <= 0:
            raise DataDamagedError(f"{self.where} has {key!r} of {number:g}; it must be above 0.")
        return number

    def text(self, key: str, default: str | None, why: str = "") -> str:
        """A text; raises `DataDamagedError` when it is none, or is not there and has no default."""
        if key not in self.values:
            if default is None:
                raise DataDamagedError(f"{self.where} has no {key!r}: {why}")
            return default
        value = self.values[key]
        if isinstance(value, np.ndarray):
            value = value.reshape(()).item() if value.size == 1 else None
        if not isinstance(value, str):
            raise DataDamagedError(f"{self.where} has a {key!r} that is no text.")
        return value

    def joint_set(self, key: str, default: str | None = None) -> Skeleton:
        """The joint set that a key names; raises as `text`, and with the nearest names for one that is unknown."""
        name = self.text(key, default, f"say whose joints these are, one of {', '.join(SKELETONS)}.")
        return find_joint_set(name, f"{self.where} names")

    def sizes(self, views: int = 1) -> list[tuple[int, int]]:
        """`image_size`, (width, height) in pixels, of each view; raises `DataDamagedError`."""
        shapes = ((2,), (views, 2))
        found = self.finite("image_size", shapes, "give the image's width and height in pixels.")
        if (found < 1).any() or (found != np.round(found)).any():
            raise DataDamagedError(f"{self.where} has an 'image_size' of {found.tolist()}; give whole pixels above 0.")
        return [(int(width), int(height)) for width, height in np.broadcast_to(found, (views, 2))]


def find_joint_set(name: str, where: str) -> Skeleton:
    """A joint set by name; raises `DataDamagedError` with the nearest names. `where` begins the sentence."""
    if name in SKELETONS:
        return SKELETONS[name]
    spellings = {"".join(c for c in known if c.isalnum()): known for known in SKELETONS}
    plain = "".join(c for c in name.lower() if c.isalnum()).replace("h36m", "human36m")
    near = [spellings[found] for found in difflib.get_close_matches(plain, spellings, n=2, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(SKELETONS)}."
    raise DataDamagedError(f"{where} the unknown joint set {name!r}; {hint}")


def find_files(source: Path) -> list[Path]:
    """The npz and safetensors files that a folder holds, or the one that is given, by name; raises `DataMissingError`."""
    if source.is_file():
        if source.suffix not in ENDINGS:
            raise DataMissingError(f"{source} is neither an npz nor a safetensors file.")
        return [source]
    if not source.is_dir():
        raise DataMissingError(f"There is no {source}; give an npz or safetensors file, or a folder of them.")
    # macOS archives carry a `._` twin of every file.
    files = sorted(path for path in source.iterdir() if path.suffix in ENDINGS and not path.name.startswith("."))
    if not files:
        raise DataMissingError(f"No npz or safetensors file is in {source}; put one there for each clip.")
    return files


def read_user_file(path: Path) -> UserFile:
    """Read a file whole. Raises `DataMissingError`, and `DataDamagedError` when it is damaged or holds what it must not."""
    if not path.is_file():
        raise DataMissingError(f"There is no file {path}.")
    return UserFile(path, read_npz(path) if path.suffix == ".npz" else _read_safetensors(path))


def frame_rate(file: UserFile) -> float:
    """`fps` of a file; raises `DataDamagedError`."""
    return file.positive("fps", "give the frames per second of the poses.")


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            values: dict[str, Any] = dict(file.metadata() or {})
            for key in file.keys():  # noqa: SIM118 (no mapping)
                values[key] = file.get_tensor(key)
    except (SafetensorError, TypeError, AttributeError, ValueError, OSError) as error:
        raise DataDamagedError(
            f"{path} cannot be read as a safetensors file ({str(error).splitlines()[0]}); write it again."
        ) from error
    return values


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
