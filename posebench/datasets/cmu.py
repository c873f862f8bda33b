"""The CMU Graphics Lab Motion Capture Database: ASF/AMC, seen by four virtual cameras at 60 Hz.

The tree is the owner's, `<subject>/<subject>.asf` and `<subject>/<subject>_<nn>.amc`, beside an `index.csv`
with the columns subject, file, fps and description that says which clips belong to the benchmark. `posebench data
download cmu` makes this tree; the index is `downloads/cmu-index.csv`.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.asf_joints import BONE_RANGES_MM, human36m_joints
from posebench.datasets.asfamc import AsfSkeleton, read_amc, read_asf
from posebench.datasets.clip import Clip, seen_by
from posebench.datasets.store import Dataset
from posebench.datasets.verification import (
    check_bones,
    check_complete,
    check_frame_counts,
    check_heights,
    check_inside_image,
    check_speeds,
)
from posebench.datasets.virtual_rig import virtual_cameras
from posebench.errors import DataDamagedError, DataMissingError
from posebench.skeletons import HUMAN36M_17

COLUMNS = ("subject", "file", "fps", "description")
VALIDATION = frozenset({"16"})
#: The benchmark's test subjects. They are not part of the 60 clips of the documented index: a user adds them.
TEST = frozenset({"38", "39", "43", "49", "55"})
#: Kept frames of the documented index; test subjects are a user's to bring and are only counted.
FRAMES = {"train": 14216, "validation": 1540}
#: See `hdm05`: the joint about which the trunk bends lies between Hip and Spine.
DEVIATION_MM = {"Spine": 50.0, "Thorax": 3.0}
RIGID_MM = 0.1
FPS = 60.0
HEIGHT_MM = (1200.0, 1750.0)
SPEED_LIMIT = 15.0


@dataclass(frozen=True)
class _Row:
    """A row of the index: the files, how many of their frames make one of ours, and the description."""

    subject: str
    name: str
    motion: Path
    skeleton: Path
    step: int
    description: str


class Cmu(Adapter):
    """The clips of the CMU data base that an index names."""

    name = "cmu"
    version = "1"
    forms = (Form("", HUMAN36M_17, FPS),)

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Every clip of the index, by subject and number; the whole index is checked before a motion is read."""
        skeletons: dict[Path, AsfSkeleton] = {}
        for row in _rows(source):
            if row.skeleton not in skeletons:
                skeletons[row.skeleton] = read_asf(row.skeleton)
            skeleton = skeletons[row.skeleton]
            world = human36m_joints(skeleton, read_amc(row.motion, skeleton), row.step)
            yield Clip(
                subject=row.subject,
                action=slug(row.description),
                name=row.name,
                split=split_of(row.subject),
                views=seen_by(virtual_cameras(world)),
                world=world,
                metadata={"file": row.motion.name, "description": row.description},
            )

    def count(self, source: Path | None, form: Form) -> int | None:
        """Number of rows of the index."""
        return len(_rows(source))

    def verify(self, dataset: Dataset) -> list[Check]:
        """Rigid bones, upright height, speeds, everybody in view, and the documented numbers of frames."""
        return [
            check_complete(dataset),
            check_bones(dataset, DEVIATION_MM, RIGID_MM, BONE_RANGES_MM),
            check_heights(dataset, *HEIGHT_MM),
            check_speeds(dataset, SPEED_LIMIT, {}),
            check_inside_image(dataset, 0.999),
            check_frame_counts(dataset, FRAMES),
        ]


def slug(description: str) -> str:
    """A description as a name: `bend over, scoop up` becomes `bend-over-scoop-up`."""
    return re.sub(r"[^a-z0-9]+", "-", description.lower()).strip("-")


def split_of(subject: str) -> str:
    """`train`, `validation` or `test`: a subject is in one split with all its clips."""
    if subject in TEST:
        return "test"
    return "validation" if subject in VALIDATION else "train"


def _rows(source: Path | None) -> list[_Row]:
    """The rows of the index, each with its files there; raises before any motion is read."""
    if source is None or not source.is_dir():
        where = "no folder was given" if source is None else f"{source} is not a folder"
        raise DataMissingError(
            f"CMU needs its files and {where}; name the folder that holds index.csv and the subjects."
        )
    index = source / "index.csv"
    if not index.is_file():
        raise DataMissingError(f"The file {index} is not there; write one with the columns {', '.join(COLUMNS)}.")
    rows: list[_Row] = []
    with index.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise DataDamagedError(f"The file {index} lacks a column of {', '.join(COLUMNS)}; correct its first line.")
        for values in reader:
            rows.append(_read_row(source, f"{index}, line {reader.line_num}", values))
    if not rows:
        raise DataDamagedError(f"The file {index} names no clip; give it a row for each.")
    return sorted(rows, key=lambda row: (row.subject, row.name))


def _read_row(source: Path, where: str, values: dict[str, str | None]) -> _Row:
    subject, file, fps, description = ((values[column] or "").strip() for column in COLUMNS)
    match = re.fullmatch(rf"{re.escape(subject)}_(\d+)\.amc", file, re.IGNORECASE)
    if not re.fullmatch(r"\d+", subject) or match is None:
        raise DataDamagedError(
            f"The row in {where}, names subject {subject!r} and file {file!r}, which are not <subject> and "
            "<subject>_<nn>.amc; correct it."
        )
    if not slug(description):
        raise DataDamagedError(f"The row in {where}, has no description; write what {file} shows.")
    step = int(fps) // int(FPS) if re.fullmatch(r"\d+", fps) else 0
    if step == 0 or step * FPS != int(fps):
        raise DataDamagedError(
            f"The row in {where}, says {fps!r} frames per second, and only whole multiples of {FPS:.0f} can be "
            "thinned to it; correct the row or leave the clip out."
        )
    motion, skeleton = source / subject / file, source / subject / f"{subject}.asf"
    for path, kind in ((skeleton, "skeleton"), (motion, "motion")):
        if not path.is_file():
            raise DataMissingError(
                f"The {kind} {path} that {where}, needs is not there; get it from the CMU home page or remove the row."
            )
    return _Row(subject, match[1], motion, skeleton, step, description)
