"""`posebench generate`: what it writes, what it says of it, and what it refuses."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import refused, run
from PIL import Image

from posebench.generation.draw import compare
from posebench.results.output_folder import OutputKind

MEASURED = {"generated", "real, held out", "normal distribution"}


def test_arrays_numbers_and_a_picture(
    tiny: str, prior: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["generate", *prior, "-d", tiny, "--seed", "3", "-o", str(out)]
    told = json.loads(run(capsys, *command, "--count", "20", "--json"))
    assert sorted(path.name for path in out.iterdir()) == ["poses.json", "poses.npz", "poses.png"]
    assert told.keys() - {"files"} == json.loads((out / "poses.json").read_text()).keys()
    assert told["measures"].keys() == MEASURED
    assert told["settings"] == {"device": "cpu", "seed": 3, "hypotheses": 10, "steps": 3}
    # Of the tiny data set's people, and not of random weights.
    assert told["measures"]["real, held out"]["lengths_percent"] >= 90
    assert told["measures"]["generated"]["valid_percent"] < 10
    assert told["measures"]["generated"]["frechet_mm"] > told["measures"]["real, held out"]["frechet_mm"]
    poses = np.load(out / "poses.npz")["poses"]
    assert poses.shape == (20, 1, 17, 3)
    assert not poses[:, :, 0].any()
    with Image.open(out / "poses.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 5
    # A shorter count gives the first of them, another seed others; the folder is replaced, the table is printed.
    assert "Fréchet" in run(capsys, *command, "--count", "5")
    np.testing.assert_array_equal(np.load(out / "poses.npz")["poses"], poses[:5])
    run(capsys, *command, "--count", "5", "--seed", "4")
    assert np.abs(np.load(out / "poses.npz")["poses"] - poses[:5]).max() > 10


def test_a_prior_of_motions_gives_an_animation(
    tiny: str, motion_prior: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    told = json.loads(run(capsys, "generate", *motion_prior, "-d", tiny, "-n", "2", "-o", str(out), "--json"))
    assert told["measures"]["generated"]["bone_jitter_mm"] > 0
    assert np.load(out / "poses.npz")["poses"].shape == (2, 9, 17, 3)
    with Image.open(out / "poses.gif") as picture:
        assert picture.n_frames == 9


def test_one_pose_has_no_distribution(
    tiny: str, prior: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(run(capsys, "generate", *prior, "-d", tiny, "-n", "1", "-o", str(tmp_path / "o"), "--json"))
    assert "frechet_mm" not in told["measures"]["generated"]
    assert "valid_percent" in told["measures"]["generated"]


def test_a_normal_distribution_has_the_right_covariance_and_no_anatomy() -> None:
    random = np.random.RandomState(0)
    reference = random.standard_normal((3000, 17, 3)) * 100
    reference[:, 8] += [0, -1500, 0]
    reference[:, 4] += [900, 0, 0]
    reference -= reference[:, :1]
    measures = compare(reference[:1500, None], reference, reference[1500:], 0)
    assert measures["normal distribution"]["frechet_mm"] < 30
    assert measures["generated"]["to_nearest_real_mm"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--count", "0"], 2, "--count is 0; give 1 or more"),
        (["-m", "videopose3d"], 2, "is no prior of poses, so it cannot generate"),
        (["--weights", "absent.safetensors"], 3, "There is no weights file"),
        (["-d", "nothing"], 2, "no data set 'nothing'"),
        (["--steps", "0"], 2, "--steps is 0"),
    ],
)
def test_refusals_write_nothing(
    tiny: str,
    prior: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    message: str,
) -> None:
    data = [] if "-d" in options else ["-d", tiny]
    assert message in refused(capsys, code, "generate", *prior, *data, "-o", str(tmp_path / "out"), *options)
    assert not list(tmp_path.iterdir())


def test_weights_of_one_s_own_do_not_say_what_they_were_trained_on(
    prior: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, 2, "generate", *prior, "-o", str(tmp_path / "out"))
    assert "say which real poses to compare with: --dataset D" in said


def test_a_folder_of_the_user_s_is_left_alone(
    prior: list[str], tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    said = refused(capsys, 2, "generate", *prior, "-d", tiny, "-o", str(tmp_path))
    assert "holds other files than those of `posebench generate`" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


KILLED = """
import os, signal, sys
from pathlib import Path
from posebench.results.output_folder import OutputKind
with OutputKind("generate", ("poses.npz", "poses.json"), "poses.json", "mark").written(Path(sys.argv[1])) as made:
    (made / "poses.npz").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_while_it_writes_it_leaves_the_older_folder(tmp_path: Path) -> None:
    kind, folder = OutputKind("generate", ("poses.npz", "poses.json"), "poses.json", "mark"), tmp_path / "out"
    for older in (False, True):
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, cwd=Path(__file__).parents[2])
        assert done.returncode == -signal.SIGKILL
        assert folder.exists() == older
        with kind.written(folder) as made:
            (made / "poses.npz").write_bytes(b"whole")
            (made / "poses.json").write_text("mark")
        assert (folder / "poses.npz").read_bytes() == b"whole"
    assert os.access(folder, os.X_OK)
