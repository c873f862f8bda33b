"""Which files of MPI-INF-3DHP a folder has, told by their names, before anything is read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posebench.datasets.mpi3dhp.facts import TEST_FRAMES, TRAIN_FRAMES
from posebench.errors import DataDamagedError, DataMissingError

TEST_FILE, TRAIN_FILE, CALIBRATION = "annot_data.mat", "annot.mat", "camera.calibration"
NPZ = re.compile(r"data_(?P<split>train|test)_3dhp(?P<original>_ori)?\.npz")

#: The owner's scripts leave the test set in `mpi_inf_3dhp_test_set`, which may stand in a folder of the data set.
_DEPTHS = ("", "*/", "*/*/")


@dataclass(frozen=True)
class Files:
    """What was found: the owner's annotations, or npz files, never both."""

    test: Mapping[str, Path] = field(default_factory=dict)
    """TS1 to TS6 to its `annot_data.mat`."""
    train: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    """Subject and sequence to its `annot.mat`."""
    npz: Mapping[str, Path] = field(default_factory=dict)
    """Split to its npz file."""


def find_files(source: Path | None) -> Files:
    """The files in a folder, or what one file stands for; in the order of the owner's names.

    Raises `DataMissingError` when there are none, or a training sequence has no camera.calibration, and
    `DataDamagedError` for a sequence that is there twice or under a name of no sequence, and for npz files beside
    the owner's.
    """
    if source is None or not source.exists():
        where = "no folder was given" if source is None else f"there is no {source}"
        raise DataMissingError(f"MPI-INF-3DHP needs its files and {where}; name their folder.")
    test: dict[str, Path] = {}
    train: dict[tuple[str, str], Path] = {}
    npz: dict[str, Path] = {}
    for path in _candidates(source):
        if path.name == TEST_FILE:
            _put(test, path.parent.name, path, TEST_FRAMES)
        elif path.name == TRAIN_FILE:
            _put(train, (path.parent.parent.name, path.parent.name), path, TRAIN_FRAMES)
        elif match := NPZ.fullmatch(path.name):
            _put(npz, match["split"], path, ("train", "test"))
    if npz and (test or train):
        theirs = next(iter((*test.values(), *train.values())))
        raise DataDamagedError(
            f"Both {next(iter(npz.values()))} and {theirs} are there; name the one to read as --source."
        )
    if not (npz or test or train):
        raise DataMissingError(
            f"{source} is not MPI-INF-3DHP: give a folder with TS1 to TS6 ({TEST_FILE}), with S1 to S8 "
            f"(Seq1/{TRAIN_FILE}), or with data_test_3dhp.npz (P-STMO)."
        )
    for path in train.values():
        if not (path.parent / CALIBRATION).is_file():
            raise DataMissingError(f"{path} has no {CALIBRATION} beside it; get it from the owner again.")
    return Files(dict(sorted(test.items())), dict(sorted(train.items())), dict(sorted(npz.items())))


def _candidates(source: Path) -> list[Path]:
    # Its own name may be what says which sequence it is.
    source = source.absolute()
    if source.is_file():
        return [source]
    patterns = [TEST_FILE, TRAIN_FILE, f"Seq*/{TRAIN_FILE}"]
    for depth in _DEPTHS:
        patterns += [f"{depth}TS*/{TEST_FILE}", f"{depth}S*/Seq*/{TRAIN_FILE}", f"{depth}data_*_3dhp*.npz"]
    return sorted({path for pattern in patterns for path in source.glob(pattern) if path.is_file()})


def _put(found: dict[Any, Path], key: object, path: Path, known: Iterable[object]) -> None:
    """Note a file under its sequence or split, once."""
    if key not in known:
        raise DataDamagedError(
            f"The folder of {path} is not named after a sequence of MPI-INF-3DHP (TS1 to TS6, S1/Seq1 to S8/Seq2); "
            "rename it or move it away."
        )
    if key in found:
        raise DataDamagedError(f"Both {found[key]} and {path} are there; name the one to read as --source.")
    found[key] = path
