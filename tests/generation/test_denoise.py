"""`posebench denoise`: noise of a known strength taken out of poses, beside doing nothing and beside PCA."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import refused, run
from PIL import Image

from posebench.generation.pca import TrainingSpace


def test_pca_is_the_best_guess_of_a_normal_distribution() -> None:
    random = np.random.RandomState(0)
    mixing = random.standard_normal((48, 5)) * 100
    clean = np.concatenate(
        [np.zeros((6000, 1, 3)), (random.standard_normal((6000, 5)) @ mixing.T).reshape(-1, 16, 3)], axis=1
    )
    noisy = clean + 50 * random.standard_normal(clean.shape) * (np.arange(17) > 0)[:, None]
    space = TrainingSpace(clean[:5000])
    restored = space.denoise(noisy[5000:], 50.0)
    # All noise beside the five directions goes: 5 of 48 shares of its variance are left.
    left = np.square(restored - clean[5000:])[:, 1:].mean() ** 0.5
    assert left == pytest.approx(50 * np.sqrt(5 / 48), rel=0.1)
    np.testing.assert_allclose(space.denoise(noisy[:3], 1e-6), clean[:3] + (noisy - clean)[:3], atol=200)
    assert not restored[:, 0].any()


def test_a_data_set_is_restored_beside_baselines(
    tiny: str, prior: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["denoise", *prior, "-d", tiny, "--noise", "60", "--hypotheses", "3", "-o", str(tmp_path / "out")]
    told = json.loads(run(capsys, *command, "--json"))
    measures = told["measures"]
    assert list(measures) == ["as it is", "PCA", told["lifter"]["name"]]
    # sqrt(8 / pi) deviations for each of 16 joints of 17.
    assert measures["as it is"]["mpjpe"] == pytest.approx(60 * np.sqrt(8 / np.pi) * 16 / 17, rel=0.05)
    assert measures["PCA"]["mpjpe"] < 0.8 * measures["as it is"]["mpjpe"]
    saved = np.load(tmp_path / "out" / "poses.npz")
    assert saved["poses"].shape == saved["truth"].shape == saved["noisy"].shape == (30, 17, 3)
    assert np.isfinite(saved["poses"]).all()
    assert (tmp_path / "out" / "poses.png").exists()
    assert "PCA" in run(capsys, *command, "--limit", "7")
    np.testing.assert_allclose(np.load(tmp_path / "out" / "poses.npz")["poses"], saved["poses"][:7], atol=0.01)


@pytest.mark.parametrize("options", ["prior", "motion_prior"])
def test_a_file_is_restored_frame_by_frame(
    options: str, pose_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    given = np.load(pose_file)["poses"]
    given[np.isnan(given)] = 5100.0
    given[:, 16] = given[:, 15] + 100
    given[3, 6] = given[2, 6]
    np.savez(tmp_path / "whole.npz", poses=given)
    command = [
        "denoise",
        str(tmp_path / "whole.npz"),
        *request.getfixturevalue(options),
        "--noise",
        "1",
        "--steps",
        "40",
    ]
    told = json.loads(run(capsys, *command, "-o", str(tmp_path / "o"), "--gif", "--json"))
    assert set(told["measures"]["as it is"]) == {"asymmetry_mm"}
    with Image.open(tmp_path / "o" / "poses.gif") as picture:
        assert picture.n_frames == 12
    restored = np.load(tmp_path / "o" / "poses.npz")["poses"]
    np.testing.assert_allclose(restored[:, 0], given[:, 0], atol=1e-3)
    # A millimetre of noise leaves the pose where it was, whatever the prior: about the same in all frames.
    assert np.abs(restored - given).mean() < 20


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["-d", "tiny", "--noise", "0"], 2, "--noise is 0 mm; give 0.1 to 1000"),
        (["-d", "tiny", "--noise", "nan"], 2, "--noise is nan mm"),
        (["--noise", "10"], 2, "either a FILE of poses, or --dataset D"),
        (["-d", "tiny", "--noise", "10", "--gif"], 2, "--gif is for a FILE"),
        (["mine.npz", "--noise", "10", "--limit", "3"], 2, "--limit is for data sets"),
        (["-d", "tiny", "--noise", "10", "-m", "mean-pose"], 2, "is no prior of poses"),
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
    assert message in refused(capsys, code, "denoise", *prior, *options, "-o", str(tmp_path / "out"))
    assert not list(tmp_path.iterdir())


def test_a_file_with_missing_joints_is_completed_first(
    prior: list[str], pose_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, 2, "denoise", str(pose_file), *prior, "--noise", "10", "-o", str(tmp_path / "out"))
    assert "lacks joints; complete it first" in said
