"""Acclaim motion capture: the skeleton file (ASF), the motion file (AMC), and where the bones' ends are.

The dialect is that of VICON BodyBuilder, which both HDM05 and the CMU data base
use: angles in degrees, rotation orders XYZ, a root of six channels. Whatever
departs from it is refused with the file and the line, never guessed.

A bone's rotation is `C Rz Ry Rx C^-1` with C from its `axis` line; its end lies
`length` along `direction` from its parent's end. Lengths and the root's
translation are inches times the file's own unit: metres = value / 0.45 x 0.0254
where the file says `length 0.45`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from posebench.errors import DataDamagedError, DataMissingError

Array = npt.NDArray[np.floating[Any]]

ROOT = "root"
ROOT_CHANNELS = ("tx", "ty", "tz", "rx", "ry", "rz")
INCH_MM = 25.4
FRAME_NUMBER = re.compile(r"^[ \t]*\d+[ \t\r]*$", re.MULTILINE)
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
#: Python reads `1_0` as ten; in a motion file it is a damaged `1.0`.
UNDERSCORED_NUMBER = re.compile(r"\s[-+.\d]+_")
#: y up to z up: (x, y, z) -> (x, -z, y), a quarter turn about x. Its determinant is +1: left stays left.
Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Bone:
    """A bone at rest. `offset` is (3,) mm from its parent's end to its own; `axis` is (3, 3), the C of its rotation."""

    name: str
    parent: str
    offset: Array
    axis: Array
    channels: tuple[str, ...]


@dataclass(frozen=True)
class AsfSkeleton:
    """An ASF file: bones by name, each after its parent, and the length of the file's unit in mm."""

    path: Path
    bones: dict[str, Bone]
    unit_mm: float

    @property
    def channels(self) -> dict[str, int]:
        """How many numbers a frame of a motion gives for the root and every bone that moves."""
        moving = {bone.name: len(bone.channels) for bone in self.bones.values() if bone.channels}
        return {ROOT: len(ROOT_CHANNELS), **moving}


@dataclass(frozen=True)
class Motion:
    """An AMC file: for the root and every moving bone (frames, channels), in the file's units and degrees."""

    path: Path
    frames: int
    values: dict[str, Array]


def read_asf(path: Path) -> AsfSkeleton:
    """Read a skeleton; raises `DataMissingError` and, with file and line, `DataDamagedError`."""
    reader = _AsfReader(path)
    for line, words in reader.lines:
        reader.read(line, words)
    return reader.finish()


class _AsfReader:
    """Collects the sections of an ASF file line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.section = ""
        self.unit = 0.0
        self.bone: dict[str, Any] | None = None
        self.rest: dict[str, dict[str, Any]] = {}
        self.parents: dict[str, str] = {}
        lines = enumerate(_read_text(path).splitlines(), start=1)
        self.lines = [(line, words) for line, text in lines if (words := text.split("#")[0].split())]
        self.last = self.lines[-1][0] if self.lines else 1
        if not self.lines:
            _damaged(path, 1, "it holds nothing")

    def read(self, line: int, words: list[str]) -> None:
        if words[0].startswith(":"):
            if self.bone is not None:
                _damaged(self.path, line, "the section begins inside a bone without 'end'")
            self.section = words[0].lower()
        elif self.section == ":units":
            self._units(line, words)
        elif self.section == ":root":
            self._root(line, words)
        elif self.section == ":bonedata":
            self._bone(line, words)
        elif self.section == ":hierarchy" and words[0] not in ("begin", "end"):
            self._hierarchy(line, words)

    def _units(self, line: int, words: list[str]) -> None:
        if words[0] == "length":
            self.unit = self._numbers(line, words, 1)[0]
            if self.unit <= 0:
                _damaged(self.path, line, f"the unit of length is {words[1]}")
        elif words[0] == "angle" and words[1:] != ["deg"]:
            _damaged(self.path, line, f"angles are in {' '.join(words[1:])!r}, and only 'deg' is read")

    def _root(self, line: int, words: list[str]) -> None:
        expected = {"order": list(ROOT_CHANNELS), "axis": ["xyz"]}
        if words[0] in expected and [word.lower() for word in words[1:]] != expected[words[0]]:
            _damaged(
                self.path, line, f"the root's {words[0]} is {' '.join(words[1:])!r}, and only the order XYZ is read"
            )
        if words[0] in ("position", "orientation") and any(self._numbers(line, words, 3)):
            _damaged(self.path, line, f"the root's {words[0]} is not 0 0 0, which is not read")

    def _bone(self, line: int, words: list[str]) -> None:
        if words[0] == "begin":
            self.bone = {"line": line, "channels": ()}
        elif self.bone is None:
            _damaged(self.path, line, f"{words[0]!r} stands outside of 'begin' and 'end'")
        elif words[0] == "end":
            missing = [key for key in ("name", "direction", "length", "axis") if key not in self.bone]
            if missing:
                _damaged(self.path, line, f"bone {self.bone.get('name', '?')!r} has no {' and no '.join(missing)}")
            if self.bone["name"] in self.rest or self.bone["name"] == ROOT:
                _damaged(self.path, line, f"bone {self.bone['name']!r} is there twice")
            self.rest[self.bone["name"]] = self.bone
            self.bone = None
        elif words[0] == "name" and len(words) == 2:
            self.bone["name"] = words[1]
        elif words[0] == "direction":
            self.bone["direction"] = np.array(self._numbers(line, words, 3))
        elif words[0] == "length":
            self.bone["length"] = self._numbers(line, words, 1)[0]
        elif words[0] == "axis":
            if len(words) != 5 or words[4].upper() != "XYZ":
                _damaged(self.path, line, "an axis needs three angles and the order XYZ")
            self.bone["axis"] = _euler_xyz(self._numbers(line, words[:4], 3))
        elif words[0] == "dof":
            channels = tuple(word.lower() for word in words[1:])
            if len(set(channels)) != len(channels) or not set(channels) <= {"rx", "ry", "rz"}:
                _damaged(self.path, line, f"the degrees of freedom {' '.join(channels)!r} are not some of rx ry rz")
            self.bone["channels"] = channels

    def _hierarchy(self, line: int, words: list[str]) -> None:
        for name in words:
            if name != ROOT and name not in self.rest:
                _damaged(self.path, line, f"the hierarchy names a bone {name!r} that has no data")
        for child in words[1:]:
            if child in self.parents or child == ROOT:
                _damaged(self.path, line, f"bone {child!r} has two parents")
            self.parents[child] = words[0]

    def _numbers(self, line: int, words: list[str], count: int) -> list[float]:
        if len(words) != count + 1 or not all(NUMBER.fullmatch(word) for word in words[1:]):
            _damaged(
                self.path, line, f"{words[0]!r} needs {count} number{'s' * (count > 1)}, not {' '.join(words[1:])!r}"
            )
        return [float(word) for word in words[1:]]

    def finish(self) -> AsfSkeleton:
        if not self.unit:
            _damaged(self.path, self.last, "the file ends without a unit of length")
        if self.bone is not None or not self.rest or not self.parents:
            _damaged(self.path, self.last, "the file ends before its bones and their hierarchy do")
        unit_mm = INCH_MM / self.unit
        bones: dict[str, Bone] = {}
        waiting = [child for child, parent in self.parents.items() if parent == ROOT]
        while waiting:
            name = waiting.pop()
            rest = self.rest[name]
            offset = rest["direction"] * rest["length"] * unit_mm
            bones[name] = Bone(name, self.parents[name], offset, rest["axis"], rest["channels"])
            waiting += [child for child, parent in self.parents.items() if parent == name]
        for name, rest in self.rest.items():
            if name not in bones:
                _damaged(self.path, rest["line"], f"bone {name!r} does not hang on the root")
        return AsfSkeleton(self.path, bones, unit_mm)


def read_amc(path: Path, skeleton: AsfSkeleton) -> Motion:
    """Read a motion of a skeleton; raises `DataMissingError` and, with file and line, `DataDamagedError`.

    Every frame must give the same bones in the same order, each with its
    number of finite values, and frame numbers must count up by one (cuts keep
    the numbers of the recording they come from, so the first need not be 1).
    """
    text = _read_text(path)
    start = FRAME_NUMBER.search(text)
    if start is None:
        _damaged(path, 1, "it holds no frame" if text.strip() else "it holds nothing")
    if ":DEGREES" not in text[: start.start()].upper():
        _damaged(path, 1, "its head does not say :DEGREES, and no other unit of angles is read")
    values = _read_columns(text[start.start() :], skeleton.channels)
    if values is None:
        _find_fault(path, text, skeleton)
    return Motion(path, len(values[ROOT]), values)


def _read_columns(body: str, channels: dict[str, int]) -> dict[str, Array] | None:
    """All numbers in one pass, as every frame repeats the first one's layout; None if anything at all is off."""
    tokens = body.split()
    order: list[str] = []
    width = 1
    while width < len(tokens) and tokens[width] in channels and tokens[width] not in order:
        order.append(tokens[width])
        width += 1 + channels[tokens[width]]
    if set(order) != set(channels) or len(tokens) % width or UNDERSCORED_NUMBER.search(body):
        return None
    values: dict[str, Array] = {}
    try:
        numbers = np.array(tokens[0::width], dtype=np.int64)
        at = 1
        for name in order:
            if set(tokens[at::width]) != {name}:
                return None
            columns = [tokens[at + 1 + i :: width] for i in range(channels[name])]
            values[name] = np.array(columns, dtype=np.float64).T
            at += 1 + channels[name]
    except ValueError:
        return None
    whole = (np.diff(numbers) == 1).all() and all(np.isfinite(column).all() for column in values.values())
    return values if whole else None


def _find_fault(path: Path, text: str, skeleton: AsfSkeleton) -> NoReturn:
    """Walk a motion that `_read_columns` refused line by line, and name the first line that is wrong."""
    channels = skeleton.channels
    order: list[str] = []
    seen: list[str] = []
    frame: int | None = None
    frames = 0
    line = 0
    for line, raw in enumerate(text.splitlines(), start=1):
        words = raw.split()
        if not words or (frame is None and not FRAME_NUMBER.fullmatch(raw)):
            continue
        if len(words) == 1 and words[0].isdigit():
            if frame is not None:
                _expect_whole(path, line, frame, seen, order or list(channels))
                order = order or seen
                if int(words[0]) != frame + 1:
                    _damaged(path, line, f"frame {words[0]} follows frame {frame}")
            frame, seen, frames = int(words[0]), [], frames + 1
            continue
        name = words[0]
        if name not in channels:
            _damaged(path, line, f"bone {name!r} of frame {frame} does not move in the skeleton {skeleton.path.name}")
        if name in seen:
            _damaged(path, line, f"bone {name!r} is there twice in frame {frame}")
        if order and name != order[len(seen)]:
            _damaged(path, line, f"bone {name!r} of frame {frame} stands where {order[len(seen)]!r} is expected")
        if len(words) - 1 != channels[name]:
            _damaged(path, line, f"bone {name!r} of frame {frame} has {len(words) - 1} values, not {channels[name]}")
        for word in words[1:]:
            if not NUMBER.fullmatch(word) or not np.isfinite(float(word)):
                _damaged(path, line, f"bone {name!r} of frame {frame} has {word!r} for a number")
        seen.append(name)
    _expect_whole(path, line, frame, seen, order or list(channels))
    _damaged(path, line, "its frames do not follow one layout")


def _expect_whole(path: Path, line: int, frame: int | None, seen: list[str], bones: list[str]) -> None:
    missing = [name for name in bones if name not in seen]
    if missing:
        _damaged(path, line, f"frame {frame} stops before {missing[0]!r}")


def bone_ends(skeleton: AsfSkeleton, motion: Motion, names: tuple[str, ...], step: int = 1) -> Array:
    """World positions of bones' ends, (kept frames, names, 3), mm, z up; every `step`-th frame from the first.

    Forward kinematics over all kept frames at once, along the chains that lead to `names`.
    """
    needed: dict[str, None] = {}
    for name in names:
        if name not in skeleton.bones:
            _damaged(skeleton.path, 1, f"its skeleton has no bone {name!r}")
        while name != ROOT:
            needed[name] = None
            name = skeleton.bones[name].parent
    root = motion.values[ROOT][::step]
    position = {ROOT: root[:, :3] * skeleton.unit_mm}
    turn = {ROOT: _euler_xyz(root[:, 3:])}
    for bone in skeleton.bones.values():
        if bone.name not in needed:
            continue
        turn[bone.name] = turn[bone.parent]
        if bone.channels:
            angles = np.zeros((len(root), 3))
            angles[:, ["rxryrz".index(channel) // 2 for channel in bone.channels]] = motion.values[bone.name][::step]
            # Lower-case "xyz" turns about fixed axes, x first: the product Rz Ry Rx.
            own = _euler_xyz(angles)
            turn[bone.name] = turn[bone.parent] @ (bone.axis @ own @ bone.axis.T)
        position[bone.name] = position[bone.parent] + turn[bone.name] @ bone.offset
    ends: Array = np.stack([position[name] for name in names], axis=1) @ Y_UP_TO_Z_UP.T
    return ends


def _read_text(path: Path) -> str:
    try:
        # Heads carry the recording machine's own paths in its own encoding; all that is read is ASCII.
        return path.read_bytes().decode("ascii", errors="replace")
    except FileNotFoundError as error:
        raise DataMissingError(f"The file {path} is not there; get it from its owner.") from error


def _damaged(path: Path, line: int, what: str) -> NoReturn:
    raise DataDamagedError(f"The file {path} is damaged at line {line}: {what}; get it from its owner again.")


def _euler_xyz(degrees: Any) -> Any:
    """Rotation matrices (..., 3, 3) about x, then y, then z of the fixed axes."""
    from scipy.spatial.transform import Rotation  # takes longer to import than `posebench data list` to answer

    return Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
