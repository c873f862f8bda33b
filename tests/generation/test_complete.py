"""`posebench complete`: known joints stay, hidden ones are scored beside baselines, records follow from their evidence."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import refused, run

from posebench.cli.main import run_command
from posebench.errors import CheckFailedError, DataDamagedError
from posebench.generation.baselines import BASELINES, TrainingPoses
from posebench.generation.complete import complete_dataset
from posebench.generation.record import read_completion
from posebench.leaderboard.build import build, check
from posebench.leaderboard.completion import collect_completions


@pytest.fixture
def board(tiny: str, prior: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A leaderboard folder with a completion record of a whole test split."""
    folder = tmp_path / "leaderboards"
    (folder / "records").mkdir(parents=True)
    records = folder / "completion" / "records"
    run(
        capsys, "complete", *prior, "-d", tiny, "--mask", "right-arm", "--hypotheses", "5", "--records", str(records),
        "-o", str(tmp_path / "out"),
    )  # fmt: skip
    build(folder)
    return folder


def record_of(board: Path) -> Path:
    return next(path for path in (board / "completion" / "records").rglob("*.json"))


def test_a_data_set_is_completed_scored_and_recorded(board: Path, tmp_path: Path) -> None:
    record = read_completion(record_of(board))
    assert record.kind == "completion"
    assert record.protocol.id == "tiny/complete-right-arm@1"
    assert [row.name for row in record.rows] == [record.lifter.name, *BASELINES]
    # Every 8th frame of 40, 1, 25 and 34, by two cameras.
    assert record.data.frames == 2 * (5 + 1 + 4 + 5) == sum(clip.frames for clip in record.rows[0].clips)
    assert set(record.rows[0].results["oracle"]) == {"p-best-1", "p-best-5", "median"}
    assert record.lifter.domain == "unknown"
    errors = {row.name: row.results["honest"]["p-agg"]["mpjpe"] for row in record.rows}
    # People who sway and turn: those who are turned first are alike, random weights know nothing.
    assert errors["nearest-turned"] < errors["nearest"] < errors["training-mean"] < 1000
    assert errors["training-mean-turned"] < errors["training-mean"]
    assert errors[record.lifter.name] > errors["nearest-turned"]
    saved = np.load(tmp_path / "out" / "poses.npz")
    assert saved["poses"].shape == (record.data.frames, 17, 3)
    assert saved["hidden"].sum(axis=1).tolist() == [2] * record.data.frames
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["poses.json", "poses.npz", "poses.png"]


def test_the_tables_are_those_of_the_records(board: Path, tiny: str) -> None:
    assert build(board) == []
    assert check(board) == 5
    page = (board / "completion" / "tiny" / "complete-right-arm@1.md").read_text()
    assert "Hidden: RElbow, RWrist" in page
    assert all(name in page for name in BASELINES)
    rows = json.loads((board / "completion" / "tiny" / "complete-right-arm@1.json").read_text())["rows"]
    honest = [row for row in rows if row["column"] == "honest"]
    assert {row["aggregate"] for row in honest} == {"p-agg"}
    assert [row["metrics"]["mpjpe"] for row in honest] == sorted(row["metrics"]["mpjpe"] for row in honest)


@pytest.mark.parametrize("altered", ["results", "clips", "spec"])
def test_an_altered_record_is_found(board: Path, altered: str) -> None:
    path = record_of(board)
    value = json.loads(path.read_text())
    if altered == "results":
        value["rows"][0]["results"]["honest"]["p-agg"]["mpjpe"] -= 50
    elif altered == "clips":
        value["rows"][1]["clips"][0]["statistics"]["p-agg"]["mpjpe"][0] *= 0.5
    else:
        value["protocol"]["spec"]["joints"] = ["RWrist"]
    path.write_text(json.dumps(value))
    with pytest.raises(CheckFailedError, match="completion record"):
        collect_completions(board / "completion" / "records")


def test_a_record_that_is_cut_off_names_itself(board: Path) -> None:
    path = record_of(board)
    path.write_text(path.read_text()[:500])
    with pytest.raises(DataDamagedError, match="is not valid"):
        read_completion(path)


def test_a_limited_run_reaches_no_table(
    tiny: str, prior: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["complete", *prior, "-d", tiny, "--mask", "random-4", "--limit", "6", "--hypotheses", "2"]
    told = json.loads(run(capsys, *command, "--records", str(tmp_path / "r"), "-o", str(tmp_path / "o"), "--json"))
    assert read_completion(Path(told["record"])).kind == "smoke"
    assert collect_completions(tmp_path / "r") == []


@pytest.mark.parametrize("options", ["prior", "motion_prior"])
def test_known_joints_stay_and_2d_is_looked_at(tiny: str, options: str, request: pytest.FixtureRequest) -> None:
    weights = Path(request.getfixturevalue(options)[3])
    runs = {
        source: complete_dataset(
            "heatmap_diffusion",
            tiny,
            "left-leg",
            keypoints=source,
            hypotheses=2,
            steps=3,
            weights=weights,
            limit=12,
            device="cpu",
        )
        for source in (None, "gt")
    }
    for source, found in runs.items():
        assert found.record.protocol.id == f"tiny/complete-left-leg{'' if source is None else '+gt'}@1"
        assert found.record.lifter.granted[-1:] == (() if source is None else ("heatmaps",))
        for part, poses in zip(found.parts, found.poses, strict=True):
            known = np.setdiff1d(np.arange(17), part.hidden[0])
            np.testing.assert_array_equal(
                poses[:, :, known], np.broadcast_to(part.truth[:, known], poses[:, :, known].shape)
            )
            assert np.isfinite(poses).all()
    plain, seen = (np.concatenate([part[0] for part in found.poses]) for found in runs.values())
    assert np.abs(plain - seen).max() > 1


def test_hidden_joints_are_not_looked_at(tiny: str, prior: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hidden may be anything: neither the lifter nor a baseline changes."""
    import posebench.generation.complete as module

    asked = {"hypotheses": 2, "steps": 3, "weights": Path(prior[3]), "limit": 12, "device": "cpu"}
    filled: list[np.ndarray] = []
    real = TrainingPoses.complete
    monkeypatch.setattr(TrainingPoses, "complete", lambda *a: filled.append(real(*a)) or filled[-1])
    first = complete_dataset("heatmap_diffusion", tiny, "right-side", **asked)  # type: ignore[arg-type]
    relative = module.root_relative

    def moved(poses: np.ndarray) -> np.ndarray:
        changed = relative(poses)
        changed[:, [1, 2, 3, 14, 15, 16]] += 777
        return changed

    monkeypatch.setattr(module, "root_relative", moved)
    second = complete_dataset("heatmap_diffusion", tiny, "right-side", **asked)  # type: ignore[arg-type]
    for one, other in zip(first.poses, second.poses, strict=True):
        np.testing.assert_array_equal(one, other)
    for number in range(len(BASELINES)):
        np.testing.assert_allclose(filled[number], filled[number + len(BASELINES)], atol=1e-6)


def test_nearest_poses_come_in_their_order_and_run_out() -> None:
    random = np.random.RandomState(0)
    training = random.standard_normal((4, 17, 3)) * 300
    training -= training[:, :1]
    asked = training[2] + 1e-3 * random.standard_normal((1, 17, 3))
    found = TrainingPoses(training, training).complete("nearest", asked, np.array([[15, 16]]), 6)
    apart = np.linalg.norm((training - asked)[:, :15].reshape(4, -1), axis=-1).argsort()
    np.testing.assert_array_equal(found[:, 0], training[[*apart, apart[-1], apart[-1]]][:, [15, 16]])
    turned = TrainingPoses(training, training).complete(
        "nearest-turned", asked @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]), np.array([[15, 16]]), 1
    )
    np.testing.assert_allclose(
        turned[0, 0] @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]), training[2, [15, 16]], atol=0.1
    )


def test_a_file_is_completed_where_it_stood(
    prior: list[str], pose_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(run(capsys, "complete", str(pose_file), *prior, "-o", str(tmp_path / "out"), "--json"))
    assert told["input"]["missing_joints"] == 13
    given, saved = np.load(pose_file)["poses"], np.load(tmp_path / "out" / "poses.npz")
    assert saved["hypotheses"].shape == (10, 12, 17, 3)
    missing = np.isnan(given).any(-1)
    np.testing.assert_array_equal(saved["hidden"], missing)
    np.testing.assert_allclose(saved["poses"][~missing], given[~missing], atol=1e-3)
    assert np.isfinite(saved["poses"]).all()
    assert (tmp_path / "out" / "poses.png").exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "Say what to complete"),
        (["-d", "tiny"], 2, "Say what to complete"),
        (["-d", "tiny", "--mask", "nose"], 2, "There is no mask 'nose'"),
        (["-d", "tiny", "--mask", "right-arm", "--focal", "1000"], 2, "--focal is for the keypoints of a FILE"),
        (["-d", "tiny", "--mask", "right-arm", "--limit", "0"], 2, "--limit is 0"),
        (["mine.npz", "--mask", "right-arm"], 2, "--mask is for data sets"),
        (["absent.npz"], 3, "There is no file absent.npz"),
        (["poses.csv"], 3, "neither an npz nor a safetensors"),
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
    out = ["-o", str(tmp_path / "out")]
    assert message in refused(capsys, code, "complete", *prior, *options, *out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"poses": np.zeros((3, 17, 3)) + np.eye(3)[0] * np.arange(17)[:, None] * 50}, 2, "lacks no joint"),
        ({"poses": np.full((3, 17, 3), np.nan)}, 3, "lacks the root (Hip) in frame 0"),
        ({"poses": np.full((3, 16, 3), np.nan)}, 3, "16 joints in 'poses'"),
        ({"poses": np.eye(17, 3)[None] * np.array([1, 1, np.nan])}, 3, "lacks the root"),
        ({"pose": np.zeros((3, 17, 3))}, 3, "did you mean 'poses'"),
        ({"poses": np.where(np.arange(17)[:, None] == 3, np.nan, np.ones((2, 17, 3)))}, 3, "as no person has; give mm"),
    ],
)
def test_files_that_cannot_be_completed(
    prior: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, np.ndarray],
    code: int,
    message: str,
) -> None:
    np.savez(tmp_path / "mine.npz", **change)
    assert message in refused(capsys, code, "complete", str(tmp_path / "mine.npz"), *prior, "-o", str(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.npz"]


def test_the_committed_schema_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    committed = Path(__file__).resolve().parents[2] / "docs" / "completion.schema.json"
    assert run_command(["schema", "--completion"]) == 0
    assert json.loads(committed.read_text()) == json.loads(capsys.readouterr().out)
