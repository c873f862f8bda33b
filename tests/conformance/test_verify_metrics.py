"""`posebench verify metrics`: agrees with the public evaluators, and says so when something does not."""

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plain_definitions as plain
import pytest

from posebench.cli.main import run_command
from posebench.conformance import single
from posebench.conformance.comparison import Comparison, compare, compare_each, compare_worst
from posebench.conformance.folder import CHECKS, verify_metrics
from posebench.errors import DataMissingError
from posebench.metrics.position import mpjpe

FILES = sorted({name for files in CHECKS for name in files})


@pytest.fixture
def folder(shared: Path, tmp_path: Path) -> Path:
    """A copy of the conformance files that a test may damage."""
    copy = tmp_path / "metrics"
    copy.mkdir()
    for path in (shared / "conformance" / "metrics").iterdir():
        shutil.copyfile(path, copy / path.name)
    return copy


def failures(folder: Path) -> list[Comparison]:
    return [one for one in verify_metrics(folder) if not one.passed]


def alter(path: Path, **changes: Callable[[Any], Any]) -> None:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **{name: changes.get(name, lambda value: value)(value) for name, value in arrays.items()})


def test_every_public_evaluator_agrees(shared: Path) -> None:
    results = verify_metrics(shared / "conformance" / "metrics")
    assert [one for one in results if not one.passed] == []
    assert {one.case.split("/")[0] for one in results} >= {Path(name).stem for name in FILES} - {"mpi3dhp"}
    for one in results:
        short = one.case.startswith(("h36m_protocol", "hypotheses"))
        rounded = one.case.startswith("mpi3dhp_averages")
        assert one.tolerance == 1e-4 if short else one.tolerance < 2e-6 if rounded else one.tolerance == 1e-6, one


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_fails_by_name_and_the_others_are_still_checked(folder: Path, name: str) -> None:
    (folder / name).unlink()
    results = verify_metrics(folder)
    assert [(one.case, one.finding) for one in results if not one.passed] == [(name, "file is missing")]
    assert len(results) > 50


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_fails_in_one_line(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    results = verify_metrics(folder)
    failed = [one for one in results if not one.passed]
    assert failed
    assert len(results) > 50
    assert all("\n" not in one.finding and one.finding for one in failed), failed


def test_unknown_files_and_arrays_fail_by_name(folder: Path) -> None:
    (folder / "multi_person.npz").write_bytes(b"")
    (folder / ".hidden").mkdir()
    with np.load(folder / "single.npz") as file:
        np.savez(folder / "single.npz", **dict(file), new_metric=1.0)
    assert {one.case for one in failures(folder)} == {"multi_person.npz", ".hidden", "single/new_metric"}


def test_python_objects_are_never_unpickled(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (folder / "sprung",))

    np.savez(folder / "rules.npz", gt=np.array([Trap()], dtype=object))
    (failed,) = failures(folder)
    assert failed.case == "rules.npz"
    assert "cannot be read" in failed.finding
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize(
    ("file", "name", "factor"),
    [
        ("single.npz", "n_mpjpe", 1 + 3e-6),
        ("rules.npz", "auc31_strict_17", 1 - 3e-6),
        ("best_of_m.npz", "cps", 1 + 3e-6),
        ("calibration.npz", "ece", 1 + 3e-6),
        ("threedpw_challenge.npz", "auc_by_quadrature", 1 + 3e-6),
        ("hypotheses.npz", "p_j_agg", 1 + 3e-4),
    ],
)
def test_a_value_beyond_the_tolerance_fails(folder: Path, file: str, name: str, factor: float) -> None:
    alter(folder / file, **{name: lambda value: value * factor})
    failed = failures(folder)
    assert failed
    assert all(one.case.startswith(f"{Path(file).stem}/{name}") for one in failed)
    assert all(one.relative_difference == pytest.approx(abs(1 - factor), rel=0.2) for one in failed)


def test_a_reprojection_that_is_not_that_of_the_camera_fails(folder: Path) -> None:
    alter(folder / "hypotheses.npz", root=lambda value: value * np.float32(1.01))
    assert [one.case for one in failures(folder)] == ["hypotheses/reprojected_2d greatest difference"]


def test_one_element_of_an_array_is_enough(folder: Path) -> None:
    def nudge(values: Any) -> Any:
        values = values.copy()
        values[17] *= 1.001
        return values

    alter(folder / "single.npz", p_mpjpe_per_frame=nudge)
    (failed,) = failures(folder)
    assert failed.case == "single/p_mpjpe_per_frame[17] worst of 243"


def test_tables_and_json_are_compared_too(folder: Path) -> None:
    path = folder / "mpi3dhp_sequencewise.csv"
    rows = list(csv.reader(path.read_text().splitlines()))
    rows[2][4] = str(float(rows[2][4]) * 1.001)
    rows[-1][9] = str(float(rows[-1][9]) + 1)
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    about = json.loads((folder / "h36m_protocol.json").read_text())
    about["expected"]["action_average"][3] += 0.1
    (folder / "h36m_protocol.json").write_text(json.dumps(about))
    averages = json.loads((folder / "mpi3dhp_averages.json").read_text())
    averages["expected"]["pooled_valid_frames"][0] += 0.0002
    (folder / "mpi3dhp_averages.json").write_text(json.dumps(averages))
    assert [one.case for one in failures(folder)] == [
        "h36m_protocol/mean over actions/mpjve",
        "mpi3dhp_sequencewise/MPJPE/TestSeq2/parts[3] worst of 17",
        "mpi3dhp_sequencewise/AUC/TestSeq6/Total",
        "mpi3dhp_averages/pooled_valid_frames/mpjpe",
    ]


@pytest.mark.parametrize(
    ("file", "change", "finding"),
    [
        ("single.npz", {"pred": lambda x: x[:-1]}, "differ in shape"),
        ("single.npz", {"pred": lambda x: x * np.nan}, ""),
        ("rules.npz", {"threshold_pred": lambda x: x * np.nan}, "NaN or infinity"),
        ("best_of_m.npz", {"pred": lambda x: x[..., :2]}, "not floats"),
        ("hypotheses.npz", {"camera": lambda x: x[:4]}, ""),
        ("mpi3dhp.npz", {"TS3_activity": lambda x: x + 9}, "is not 1 to 7"),
        ("mpi3dhp.npz", {"TS3_valid_frame": lambda x: x[:5]}, "differ in their number of frames"),
        ("h36m_protocol.npz", {"5_gt": lambda x: x[:9], "5_pred": lambda x: x[:9]}, "its JSON says"),
    ],
)
def test_contents_that_do_not_fit_fail(folder: Path, file: str, change: dict[str, Any], finding: str) -> None:
    alter(folder / file, **change)
    failed = failures(folder)
    assert failed
    assert all(finding in one.finding and "\n" not in one.finding for one in failed)


def test_other_sizes_are_read_as_well(folder: Path) -> None:
    """Fewer frames, sequences, hypotheses: expected values made by numpy's plain means."""
    generator = np.random.RandomState(0)
    truth, predicted = (generator.normal(size=(5, 17, 3)) * 200 for _ in range(2))
    errors = np.linalg.norm(predicted - truth, axis=-1)
    about = {
        "sequences": [
            {"subject": "S1", "action": "Eating 1", "camera": 0, "frames": 3},
            {"subject": "S1", "action": "Eating", "camera": 0, "frames": 2},
        ],
        "expected": {
            "columns": ["mpjpe"],
            "per_action": {"Eating": [errors.mean()]},
            "action_average": [errors.mean()],
            "frame_average": [errors.mean()],
        },
    }
    (folder / "h36m_protocol.json").write_text(json.dumps(about))
    parts = {"0_gt": truth[:3], "0_pred": predicted[:3], "1_gt": truth[3:], "1_pred": predicted[3:]}
    # The truth of a sequence is root-relative in these files.
    errors = np.concatenate(
        [np.linalg.norm(parts[f"{k}_pred"] - (parts[f"{k}_gt"] - parts[f"{k}_gt"][:, :1]), axis=-1) for k in (0, 1)]
    )
    about["expected"] |= {
        "per_action": {"Eating": [errors.mean()]},
        "action_average": [errors.mean()],
        "frame_average": [errors.mean()],
    }  # type: ignore[operator]
    (folder / "h36m_protocol.json").write_text(json.dumps(about))
    np.savez(folder / "h36m_protocol.npz", **parts)

    with np.load(folder / "mpi3dhp.npz") as file:
        arrays = {name: file[name] for name in file.files if name.startswith(("TS1", "TS4"))}
    np.savez(folder / "mpi3dhp.npz", **arrays)
    path = folder / "mpi3dhp_sequencewise.csv"
    kept = [
        line
        for line in path.read_text().splitlines()
        if not line.startswith(("TestSeq2", "TestSeq3", "TestSeq5", "TestSeq6"))
    ]
    path.write_text("\n".join(kept) + "\n")
    (folder / "mpi3dhp_activitywise.csv").unlink()
    assert [one.case for one in failures(folder)] == ["mpi3dhp_activitywise.csv"]
    assert {one.tolerance for one in verify_metrics(folder) if one.case.startswith("h36m")} == {1e-6}


def test_files_made_from_the_plain_definitions_agree(tmp_path: Path) -> None:
    """Without the shared folder: the same layout, filled by `plain_definitions`."""
    truth, poses, _, _ = plain.inputs()
    one, several = plain.single(truth, poses[0]), plain.several(*plain.inputs())
    every = [plain.pose_error(plain.aligned(p, t), t) for p, t in zip(poses[0], truth, strict=True)]
    names = {"mpjpe": "mpjpe", "p_mpjpe": "p_mpjpe", "n_mpjpe": "n_mpjpe", "mpjve": "mpjve", "accel_error": "accel"}
    expected = {name: one[key] for name, key in names.items()}
    np.savez(tmp_path / "single.npz", gt=truth, pred=poses[0], p_mpjpe_per_frame=every, **expected)
    errors = np.linalg.norm(poses - truth, axis=-1)
    used = [j for j in range(17) if j not in (0, 7, 9)]
    expected = {
        "best_mpjpe": several["p_best"],
        "mean_mpjpe": errors.mean(),
        "first_mpjpe": one["mpjpe"],
        "best_p_mpjpe": several["p_p_best"],
        "best_pck150": (errors[..., used] < 150).mean(-1).max(0).mean(),
        "cps": several["cps"],
    }
    np.savez(tmp_path / "best_of_m.npz", gt=truth, pred=poses, **expected)
    observed, ece = plain.calibration(truth, poses)
    np.savez(
        tmp_path / "calibration.npz",
        gt=truth, samples=poses, quantiles=plain.QUANTILES, observed_per_joint=observed, ece=ece,
    )  # fmt: skip
    results = [one for one in verify_metrics(tmp_path) if one.finding != "file is missing"]
    assert len(results) == 6 + 6 + 2
    assert all(one.passed for one in results), results


def test_numbers_are_compared_by_value_and_nan_agrees_with_nan_alone() -> None:
    assert compare("a", 100.0, 100.00009, 1e-6).passed
    assert not compare("a", 100.0, 100.00011, 1e-6).passed
    assert compare("a", 0.0, 1e-12, 1e-6).passed
    assert not compare("a", 0.0, 1e-6, 1e-6).passed
    assert compare("a", 29.2, 29.20003, 1e-6, rounding=5e-5).passed
    nan, inf = float("nan"), float("inf")
    assert compare("a", nan, nan, 1e-6).passed
    assert not any(
        compare("a", x, y, 1e-6).passed for x, y in ((nan, 1.0), (1.0, nan), (inf, 1.0), (1.0, inf), (inf, -inf))
    )
    assert not compare_worst("a", [1.0, 2.0], [1.0, nan], 1e-6).passed
    assert not compare_worst("a", [1.0, 2.0], [1.0], 1e-6).passed
    assert not compare_worst("a", [], [], 1e-6).passed
    assert [one.case for one in compare_each("a", [[1.0, 2.0]], [[1.0, 2.0]], 1e-6)] == ["a[0,0]", "a[0,1]"]


def test_a_metric_that_is_wrong_is_caught(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(single.SINGLE, "mpjpe", lambda p, t: mpjpe(1.001 * p, t))
    assert [one.case for one in failures(shared / "conformance" / "metrics")] == ["single/mpjpe"]


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["verify", "metrics", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "relative difference" in shown
    assert "single/p_mpjpe" in shown
    assert run_command(["verify", "metrics", str(folder), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["passed"] and math.isfinite(row["relative_difference"]) for row in rows)
    alter(folder / "single.npz", mpjpe=lambda value: value * np.nan)
    (folder / "stray.txt").write_text("")
    assert run_command(["verify", "metrics", str(folder), "--json"]) == 1
    printed = capsys.readouterr()
    failed = {row["case"]: row for row in json.loads(printed.out) if not row["passed"]}
    assert set(failed) == {"single/mpjpe", "stray.txt"}
    assert failed["single/mpjpe"]["expected"] is None
    assert "2 of" in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert run_command(["verify", "metrics", str(folder)]) == 1


def test_no_folder_and_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataMissingError, match="no folder"):
        verify_metrics(tmp_path / "absent")
    assert run_command(["verify", "metrics", str(tmp_path / "absent")]) == 3
    assert {one.case for one in verify_metrics(tmp_path)} == set(FILES)
    assert run_command(["verify", "metrics", str(tmp_path)]) == 1
    assert "file is missing" in capsys.readouterr().err
