"""3DPW as its owner distributes it: `sequenceFiles/{train,validation,test}/*.pkl`.

Source: T. von Marcard, R. Henschel, M. J. Black, B. Rosenhahn, G. Pons-Moll, Recovering Accurate 3D Human Pose in The
Wild Using IMUs and a Moving Camera, ECCV 2018.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, View
from posebench.datasets.store import Dataset
from posebench.datasets.threedpw.checks import (
    check_cameras,
    check_detections,
    check_sequences,
    check_valid_frames,
    check_view,
)
from posebench.datasets.threedpw.recording import Recording, read_recording
from posebench.datasets.threedpw.regressed import (
    MESHES,
    REGRESSED,
    REGRESSOR,
    read_regressor,
    regressed_files,
    regressed_joints,
)
from posebench.errors import DataDamagedError, DataMissingError
from posebench.skeletons import HUMAN36M_17, SMPL_24

FPS = 30.0
SPLITS = ("train", "validation", "test")
FILE_NAME = re.compile(r"(?P<action>[A-Za-z0-9_-]+)_\d+")

OWN = Form("", SMPL_24, FPS)
REGRESSED_17 = Form(
    "regressed17",
    HUMAN36M_17,
    FPS,
    needs=f"{REGRESSOR} and {MESHES}/SEQUENCE.npz, or {REGRESSED}/SEQUENCE.npz, of the test sequences",
)


class ThreeDPW(Adapter):
    """A clip for each person of a sequence, in the space of the camera, which moves.

    The form without a name has SMPL's 24 joints and the frames of the official
    challenge; `regressed17` the joints regressed from the mesh and every frame
    whose camera is valid, as SPIN evaluates (protocols.md, W1 and W2).
    """

    name = "3dpw"
    version = "1"
    forms = (OWN, REGRESSED_17)

    def found(self, source: Path | None) -> tuple[Form, ...]:
        """The own form; the regressed one too where the user has laid its files beside `sequenceFiles`."""
        folder, files = _files(source)
        return self.forms if regressed_files(folder.parent, _names(files)) else (OWN,)

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Every person of every sequence, by split and name; all files are found before the first is read."""
        folder, files = _files(source)
        if form == OWN:
            for split, paths in files.items():
                for path in paths:
                    yield from _own_clips(read_recording(path), split)
            return
        root = folder.parent
        extra = regressed_files(root, _names(files))
        if not extra:
            raise DataMissingError(
                f"The folder {root} has no regressed joints of 3DPW; put {REGRESSED_17.needs} in it."
            )
        regressor = read_regressor(root) if next(iter(extra.values())).parent.name == MESHES else None
        for split, paths in files.items():
            for path in paths:
                if path.stem in extra:
                    recording = read_recording(path)
                    joints = regressed_joints(extra[path.stem], regressor, recording)
                    for number, (person, world) in enumerate(zip(recording.people, joints, strict=True)):
                        view = View(recording.camera, poses=recording.seen(world, person), valid=person.aligned)
                        yield _clip(recording, split, number, view)

    def verify(self, dataset: Dataset) -> list[Check]:
        """All sequences and people, valid frames whole, people in the image, lenses, and detections where joints are seen."""
        return [
            check_sequences(dataset),
            check_valid_frames(dataset),
            check_view(dataset),
            check_cameras(dataset),
            check_detections(dataset),
        ]


def _own_clips(recording: Recording, split: str) -> Iterator[Clip]:
    for number, person in enumerate(recording.people):
        # The challenge's `check_valid_inds`.
        valid = person.aligned & person.detected
        yield _clip(
            recording, split, number, View(recording.camera, poses=recording.seen(person.joints, person), valid=valid)
        )


def _clip(recording: Recording, split: str, number: int, view: View) -> Clip:
    person = recording.people[number]
    metadata = {"gender": person.gender, "people": str(len(recording.people))}
    if (error := recording.detection_error(person)) is not None:
        metadata["detections_px"] = f"{error:.1f}"
    name = recording.path.stem
    return Clip(name, name.rpartition("_")[0], f"person{number}", split, (view,), metadata=metadata)


def _files(source: Path | None) -> tuple[Path, dict[str, list[Path]]]:
    """The folder `sequenceFiles`, and its files by split; raises before anything is read."""
    if source is None or not source.is_dir():
        where = "no folder was given" if source is None else f"{source} is not a folder"
        raise DataMissingError(f"3DPW needs its files and {where}; name the folder that holds sequenceFiles.")
    folder = source.resolve() if source.resolve().name == "sequenceFiles" else source / "sequenceFiles"
    # macOS archives carry a `._` twin of every file.
    files = {
        split: sorted(path for path in (folder / split).glob("*.pkl") if not path.name.startswith("."))
        for split in SPLITS
    }
    paths = [path for split in files.values() for path in split]
    if not paths:
        raise DataMissingError(
            f"No file of 3DPW is in {folder}/train, validation or test; name the folder that holds sequenceFiles."
        )
    first: dict[str, Path] = {}
    for path in paths:
        if not FILE_NAME.fullmatch(path.stem):
            raise DataDamagedError(
                f"The file {path} is not named <place>_<action>_<nn>.pkl; move it out of the folder."
            )
        if path.stem in first:
            raise DataDamagedError(
                f"The sequence {path.stem} is there twice, as {first[path.stem]} and {path}; keep one."
            )
        first[path.stem] = path
    return folder, files


def _names(files: dict[str, list[Path]]) -> dict[str, list[str]]:
    return {split: [path.stem for path in paths] for split, paths in files.items()}
