"""HDM05: motion capture of five actors, ASF/AMC, 120 Hz, seen by four virtual cameras at 60 Hz.

Source: M. Mueller, T. Roeder, M. Clausen, B. Eberhardt, B. Krueger, A. Weber, Documentation Mocap Database
HDM05, technical report CG-2007-2, Universitaet Bonn, 2007. The cut clips of the owner's home page are read.
"""

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
from posebench.datasets.virtual_rig import RIG, RIGS, virtual_cameras
from posebench.errors import DataDamagedError, DataMissingError
from posebench.skeletons import HUMAN36M_17

#: Recorded at 120 Hz: every second frame is kept, from the first.
STEP = 2
FPS = 60.0
SPLITS = {"bd": "train", "bk": "train", "dg": "validation", "mm": "test", "tr": "test"}
CLIP_NAME = re.compile(r"HDM_(?P<actor>[a-z]+)_(?P<action>[A-Za-z0-9]+)_(?P<name>\d+)_120\.amc", re.IGNORECASE)

#: Clips of each action, and kept frames of each split: eleven actions of the owner's cut clips make the benchmark.
ACTIONS = {
    "depositFloorR": 32,
    "elbowToKnee1RepsLelbowStart": 27,
    "grabHighR": 29,
    "hopBothLegs1hops": 36,
    "jogLeftCircle4StepsRstart": 17,
    "kickLFront1Reps": 29,
    "lieDownFloor": 20,
    "rotateArmsBothBackward1Reps": 16,
    "sneak2StepsLStart": 16,
    "squat1Reps": 52,
    "throwBasketball": 14,
}
FRAMES = {"train": 15790, "validation": 6780, "test": 13155}
#: Standard deviation in mm that a distance may have within a clip, by its lower joint. The other distances are
#: rigid. The joint about which the whole trunk bends lies between Hip and Spine: bending to the floor shortens
#: their distance by up to 120 mm. The upper back lies between Spine and Thorax.
DEVIATION_MM = {"Spine": 50.0, "Thorax": 3.0}
RIGID_MM = 0.1
HEIGHT_MM = (1250.0, 1750.0)
SPEED_LIMIT = 15.0
KNOWN_GLITCHES = {"dg/lieDownFloor/014": "a glitch of two frames in the owner's file"}


@dataclass(frozen=True)
class _File:
    """A clip's motion and skeleton file, and what the motion's name says."""

    motion: Path
    skeleton: Path
    actor: str
    action: str
    name: str


class Hdm05(Adapter):
    """HDM05 as its owner distributes it: clips in one folder per action or flat, skeletons beside or above them."""

    name = "hdm05"
    version = "1"
    #: Its own rig, then the same clips seen by each of the other rigs.
    forms = (Form("", HUMAN36M_17, FPS), *(Form(rig, HUMAN36M_17, FPS, when_wanted=True) for rig in RIGS))

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Every clip, by actor, action and number; all files are found before the first is read."""
        skeletons: dict[Path, AsfSkeleton] = {}
        for file in _files(source):
            if file.skeleton not in skeletons:
                skeletons[file.skeleton] = read_asf(file.skeleton)
            skeleton = skeletons[file.skeleton]
            world = human36m_joints(skeleton, read_amc(file.motion, skeleton), STEP)
            yield Clip(
                subject=file.actor,
                action=file.action,
                name=file.name,
                split=SPLITS[file.actor],
                views=seen_by(virtual_cameras(world, RIGS.get(form.name, RIG))),
                world=world,
                metadata={"file": file.motion.name},
            )

    def count(self, source: Path | None, form: Form) -> int | None:
        """Number of motion files."""
        return len(_files(source))

    def verify(self, dataset: Dataset) -> list[Check]:
        """Rigid bones, upright height, speeds, everybody in view, and the benchmark's own clips and frames."""
        return [
            check_complete(dataset),
            check_bones(dataset, DEVIATION_MM, RIGID_MM, BONE_RANGES_MM),
            check_heights(dataset, *HEIGHT_MM),
            check_speeds(dataset, SPEED_LIMIT, KNOWN_GLITCHES),
            check_inside_image(dataset, 0.999),
            _check_actions(dataset),
            check_frame_counts(dataset, FRAMES),
        ]


def _files(source: Path | None) -> list[_File]:
    """The motion files under a folder, each with its skeleton; raises before anything is read."""
    if source is None or not source.is_dir():
        where = "no folder was given" if source is None else f"{source} is not a folder"
        raise DataMissingError(f"HDM05 needs its files and {where}; name the folder that holds its ASF and AMC files.")
    # macOS archives carry a `._` twin of every file.
    paths = sorted(path for path in source.rglob("*") if not path.name.startswith("."))
    asf = {(path.parent, path.name.lower()): path for path in paths if path.suffix.lower() == ".asf"}
    motions = [path for path in paths if path.suffix.lower() == ".amc"]
    if not motions:
        raise DataMissingError(f"No AMC file of HDM05 is under {source}; name the folder that holds the clips.")
    files = [_describe(path, source, asf) for path in motions]
    return sorted(files, key=lambda file: (file.actor, file.action, file.name))


def _describe(path: Path, source: Path, asf: dict[tuple[Path, str], Path]) -> _File:
    match = CLIP_NAME.fullmatch(path.name)
    if match is None or match["actor"].lower() not in SPLITS:
        raise DataDamagedError(
            f"The file {path} is not named HDM_<actor>_<action>_<nnn>_120.amc with an actor of {', '.join(SPLITS)}; "
            "move it out of the folder."
        )
    actor = match["actor"].lower()
    for folder in path.parents:
        if (skeleton := asf.get((folder, f"hdm_{actor}.asf"))) is not None:
            return _File(path, skeleton, actor, match["action"], match["name"])
        if folder == source:
            break
    raise DataMissingError(
        f"The skeleton HDM_{actor}.asf of {path.name} is neither beside it nor in a folder above it up to {source}; "
        "copy it there."
    )


def _check_actions(dataset: Dataset) -> Check:
    """The store holds exactly the clips of the benchmark: a missing or added one is told by its action."""
    found: dict[str, set[str]] = {}
    for split in dataset.splits:
        for info in dataset.sequences(split):
            found.setdefault(info.action, set()).add(f"{info.subject}/{info.clip}")
    faults = [
        f"{action} has {len(found.get(action, ()))} clips, not {count}"
        for action, count in ACTIONS.items()
        if len(found.get(action, ())) != count
    ]
    faults += [f"{action} is not one of the benchmark's actions" for action in sorted(set(found) - set(ACTIONS))]
    return Check("actions", not faults, "; ".join(faults) or f"{sum(ACTIONS.values())} clips of {len(ACTIONS)} actions")
