"""`posebench lift` as a user meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
from array_files import seen, walking
from detection_files import write_coco_annotations
from tiny import tiny_cameras

from posebench.cli.main import run_command

EAST = tiny_cameras()[0]


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    path = tmp_path / "walk.npz"
    np.savez(path, keypoints=seen(walking(30), EAST), image_size=EAST.image_size, fps=60.0, joint_set="human36m-17")
    return path


def test_lift_writes_a_folder(
    keypoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["lift", str(keypoints), "--model", "videopose3d", "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert (
        "videopose3d.open lifted walk.npz: 30 frames at 60 a second; human36m-17 to human36m-17; 0 joints missing"
        in said.out
    )
    assert said.err == ""
    assert sorted(path.name for path in (tmp_path / "walk-lifted").iterdir()) == [
        "poses.json",
        "poses.npz",
        "poses.png",
        "poses.trc",
    ]
    # Once more, into the folder of the first time.
    assert run_command(["lift", str(keypoints), "-m", "videopose3d", "--device", "cpu", "--gif", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["lifter"]["training_fps"] == 60.0
    assert told["settings"]["flip"] is True
    assert told["settings"]["seed"] == 0
    assert told["output"]["frames"] == 30
    assert any(file.endswith("poses.gif") for file in told["files"])
    poses = np.load(tmp_path / "walk-lifted" / "poses.npz")["poses"]
    assert poses.shape == (30, 17, 3)
    # A person of the size of one.
    assert 1000 < np.linalg.norm(poses[:, 10] - poses[:, 3], axis=-1).mean() < 2000


def test_options_reach_the_lifter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = seen(walking(30), EAST)[:, [9, 9, 9, 10, 10, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]]
    people = np.concatenate([pixels, np.full((30, 17, 1), 0.9)], axis=-1)[:, None]
    path = write_coco_annotations(tmp_path / "coco.json", people, EAST.image_size)
    command = ["lift", str(path), "-m", "videopose3d", "--fps", "30", "--person", "0", "--device", "cpu", "--json"]
    command += ["--batch-size", "2", "--seed", "5", "--no-flip", "--output", str(tmp_path / "deep" / "out")]
    assert run_command(command) == 0
    said = capsys.readouterr()
    assert "trained at 60 frames a second and is shown 30: movement looks 2 times as fast" in said.err
    told = json.loads(said.out)
    assert told["settings"] == {
        "flip": False, "resampled_to_fps": None, "focal": None, "device": "cpu", "batch_size": 2, "seed": 5,
        "hypotheses": None, "steps": None, "precision": "fp32",
    }  # fmt: skip
    assert told["input"]["person"] == 0
    assert told["input"]["image_size"] == [1000, 1000]
    assert run_command([*command, "--resample"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert json.loads(said.out)["settings"]["resampled_to_fps"] == 60.0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--image-size", "1920"], 2, "--image-size '1920' is not WIDTHxHEIGHT"),
        (["--batch-size", "many"], 2, "--batch-size 'many' is neither"),
        (["--fps", "25"], 2, "says 60, --fps 25"),
        (["--weights", "absent.safetensors"], 3, "There is no weights file"),
        (["-m", "videopose4d"], 2, "did you mean 'videopose3d'"),
        (["-m", "mean-pose"], 2, "fitted on a data set's training split"),
    ],
)
def test_refusals_write_nothing(
    keypoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, message: str
) -> None:
    command = ["lift", str(keypoints), "--output", str(tmp_path / "out"), "--device", "cpu"]
    assert run_command([*command, *([] if "-m" in options else ["-m", "videopose3d"]), *options]) == code
    said = capsys.readouterr().err.strip()
    assert message in said
    assert "\n" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["walk.npz"]


def test_a_folder_of_the_user_s_is_left_alone(
    keypoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["lift", str(keypoints), "-m", "videopose3d", "--output", str(tmp_path)]) == 2
    assert "holds other files than those of `posebench lift`" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["walk.npz"]
