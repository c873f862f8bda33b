"""Poses of another program, from an npz of arrays."""

from pathlib import Path

import numpy as np
import pytest

import posebench
from posebench.cli.main import run_command
from posebench.errors import DataDamagedError, NotFiniteError
from posebench.prediction.folder import PredictionFolder
from posebench.protocols.resolve import resolve_protocol
from posebench.results.external import import_predictions


@pytest.fixture
def arrays(tiny: str, tmp_path: Path) -> dict[str, np.ndarray]:
    """What videopose3d predicts of every test sequence, by sequence id."""
    posebench.predict("videopose3d", tmp_path / "poses", dataset="tiny")
    folder = PredictionFolder.open(tmp_path / "poses")
    return {info.id: folder.read(info.id).poses[0] for info in posebench.load_dataset("tiny").sequences("test")}


def imported(arrays: dict[str, np.ndarray], tmp_path: Path) -> PredictionFolder:
    np.savez(tmp_path / "theirs.npz", **arrays)
    protocol = resolve_protocol("tiny/standard+gt")
    return import_predictions(tmp_path / "theirs.npz", tmp_path / "made", posebench.load_dataset("tiny"), protocol)


def test_the_same_poses_have_the_same_numbers(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    ours = posebench.score(tmp_path / "poses").headline
    assert posebench.score(imported(arrays, tmp_path).path).headline == ours


def test_hypotheses_and_doubles_are_taken(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    several = {name: np.stack([poses, poses + 1.0]).astype(np.float64) for name, poses in arrays.items()}
    assert posebench.score(imported(several, tmp_path).path).hypotheses == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: a | {"S9/x": a["S3/turn/0/east"]}, "The array 'S9/x' in .* names no sequence of tiny/standard"),
        (
            lambda a: {k: v for k, v in a.items() if k != "S3/turn/0/east"},
            "has no array for the sequence S3/turn/0/east",
        ),
        (
            lambda a: a | {"S3/turn/0/east": a["S3/turn/0/east"][:-1]},
            r"has shape \(33, 17, 3\); it must have 34 frames",
        ),
        (lambda a: a | {"S3/turn/0/east": a["S3/turn/0/east"][:, :16]}, "of 17 joints"),
        (lambda a: a | {"S3/turn/0/east": a["S3/turn/0/east"].astype(int)}, "is not a float array"),
    ],
)
def test_what_does_not_fit_is_named(
    arrays: dict[str, np.ndarray], change: object, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(DataDamagedError, match=sentence):
        imported(change(arrays), tmp_path)


def test_nan_is_not_scored(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    arrays["S3/turn/0/east"][3, 2] = np.nan
    with pytest.raises(NotFiniteError, match="The array of S3/turn/0/east"):
        imported(arrays, tmp_path)


def test_the_command(arrays: dict[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "theirs.npz")
    np.savez(file, **arrays)
    assert run_command(["score", file]) == 2
    assert "--protocol dataset/rule" in capsys.readouterr().err
    assert run_command(["score", file, "-p", "tiny/standard", "--space", "world"]) == 2
    assert "'world' is not one of 'root_relative', 'camera'" in capsys.readouterr().err
    assert run_command(["score", file, "-p", "tiny/standard"]) == 0
    assert "theirs on tiny/standard+gt@1" in capsys.readouterr().out
