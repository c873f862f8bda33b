"""Preparing, verifying, running and scoring MPI-INF-3DHP through the command line."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import stores
from mpi3dhp_files import (
    SCALES,
    sequence_arrays,
    write_npz_test,
    write_sequences,
    write_training,
)

from posebench.cli.main import run_command
from posebench.datasets.library import data_root

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CONFORMANCE = SHARED / "conformance" / "end_to_end" / "mpi3dhp"
NAMES = tuple(SCALES)


pytestmark = pytest.mark.usefixtures("own_data_folder")


def prepare(source: Path) -> int:
    return run_command(["data", "prepare", "mpi3dhp", "--source", str(source)])


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert run_command([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def score(poses: dict[str, Any], rule: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Root-relative poses of every frame under a rule, by their group; `all` is the headline."""
    path = folder / "predictions.npz"
    np.savez(path, **poses)
    found = printed(["score", str(path), "--protocol", f"mpi3dhp/{rule}"], capsys)
    groups = {name: columns["honest"]["p-agg"] for name, columns in found["by_group"].items()}
    return {**groups, "all": found["results"]["honest"]["p-agg"]}


def about(joint: int) -> dict[str, Any]:
    """The true poses relative to a joint."""
    return {name: (own := sequence_arrays(name)["annot3"]) - own[:, joint : joint + 1] for name in NAMES}


def test_prepare_verify_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "mpi_inf_3dhp"
    write_sequences(source / "mpi_inf_3dhp_test_set")
    for subject in ("S1", "S2"):
        write_training(source, subject)
    assert prepare(source) == 0
    said = capsys.readouterr().out
    assert "stored 2D: annot2" in said
    assert "ground truth: annot3, univ_annot3; joints: mpi-inf-3dhp-17" in said
    checks = {check["name"]: check["detail"] for check in printed(["data", "verify", "mpi3dhp"], capsys)}
    assert "annot3 = 1.04672 x univ_annot3" in checks["TS5"]
    assert run_command(["run", "-m", "mean-pose", "-d", "mpi3dhp"]) == 0
    said = capsys.readouterr().out
    # Neither ground truth is shown alone.
    assert "mpi3dhp/official-annot3+annot2@1" in said
    assert "mpi3dhp/official-univ+annot2@1" in said
    record = printed(["run", "-m", "mean-pose", "-d", "mpi3dhp"], capsys)
    assert record["data"]["frames"] == 6 * 35
    assert set(record["by_group"]) == set(NAMES)
    assert {action for row in record["sequences"] for action in row["statistics"]} == {
        "Standing/Walking", "Exercising", "Sitting", "Reaching/Crouching", "On The Floor", "Sports", "Miscellaneous",
    }  # fmt: skip


def test_a_lifter_of_human36m_s_joints_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(write_sequences(tmp_path / "test_set")) == 0
    record = printed(["run", "-m", "videopose3d", "-d", "mpi3dhp", "--limit", "200"], capsys)
    assert record["kind"] == "smoke"
    assert record["data"]["frames"] == 200
    # The conversion between the joint sets is right: a standing person is found, in millimetres.
    assert record["results"]["honest"]["p-agg"]["mpjpe"] < 250


def test_root_and_image_size_are_told_by_the_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(write_sequences(tmp_path / "test_set")) == 0
    right = score(about(14), "official-annot3", tmp_path, capsys)
    assert max(numbers["mpjpe"] for numbers in right.values()) < 1e-3
    assert right["all"]["pck150"] == 100
    assert right["all"]["auc"] == pytest.approx(100 * 30 / 31)
    # The root is joint 14: poses about the top of the head are wrong by the length of the trunk (protocols.md, M10).
    assert score(about(0), "official-annot3", tmp_path, capsys)["all"]["mpjpe"] > 600
    # Outdoors the image is 1920 wide: scaled back with 2048 the poses are 6.25 % too small (protocols.md, M8).
    small = about(14)
    for name in ("TS5", "TS6"):
        small[name] = small[name] * (1920 / 2048)
    wrong = score(small, "official-annot3", tmp_path, capsys)
    assert [name for name in NAMES if wrong[name]["mpjpe"] > 10] == ["TS5", "TS6"]


def test_the_two_ground_truths_differ_as_in_the_owner_s_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(write_sequences(tmp_path / "test_set")) == 0
    found = score(about(14), "official-univ", tmp_path, capsys)
    assert found["TS1"]["mpjpe"] < 1e-3
    for name in ("TS2", "TS5", "TS6"):
        arrays = sequence_arrays(name)
        ours, theirs = (own - own[:, 14:15] for own in (arrays["annot3"], arrays["univ_annot3"]))
        assert found[name]["mpjpe"] == pytest.approx(np.linalg.norm(ours - theirs, axis=-1)[:35].mean(), abs=1e-3)


def test_p_stmo_s_file_is_scored_against_its_own_truth_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(write_npz_test(tmp_path / "source" / "data_test_3dhp.npz")) == 0
    assert "ground truth: univ_annot3; joints" in capsys.readouterr().out
    poses = {name: (own := sequence_arrays(name)["univ_annot3"]) - own[:, 14:15] for name in NAMES}
    for rule in ("official-univ", "pstmo2929", "pooled-univ"):
        assert score(poses, rule, tmp_path, capsys)["all"]["mpjpe"] < 1e-3
    for rule, why in (("official-annot3", "'annot3'"), ("activities-univ", "do not label them")):
        assert run_command(["score", str(tmp_path / "predictions.npz"), "--protocol", f"mpi3dhp/{rule}"]) == 2
        said = capsys.readouterr().err
        assert why in said
        assert said.strip().count("\n") == 0


def test_a_damaged_file_leaves_no_store_and_an_older_store_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_sequences(tmp_path / "test_set")
    path = source / "TS6" / "annot_data.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert prepare(source) == 3
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert "TS6" in said
    assert stores() == []
    path.write_bytes(whole)
    assert prepare(source) == 0
    before = (data_root() / "stores" / stores()[0]).read_bytes()
    path.write_bytes(whole[:-2000])
    assert prepare(source) == 3
    assert (data_root() / "stores" / stores()[0]).read_bytes() == before


BLOCKS = {"": "mpjpe", "PCK": "pck150", "AUC": "auc"}


def official_table(path: Path) -> dict[tuple[str, str, str], float]:
    """(row, metric, column) to value of a table that the official MATLAB evaluation wrote."""
    found: dict[tuple[str, str, str], float] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for name, *cells in filter(None, csv.reader(file)):
            if name in BLOCKS:
                metric, header = BLOCKS[name], [cell for cell in cells if cell]
            else:
                found.update({(name, metric, column): float(cell) for column, cell in zip(header, cells, strict=False)})
    return found


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="conformance/end_to_end/mpi3dhp is not in ../shared")
@pytest.mark.parametrize("truth", ["annot3", "univ"])
def test_the_official_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str], truth: str) -> None:
    assert prepare(CONFORMANCE) == 0
    assert run_command(["data", "verify", "mpi3dhp"]) == 0
    poses = dict(np.load(CONFORMANCE / "predictions.npz"))
    file = "univ_annot3" if truth == "univ" else truth
    by_sequence = score(poses, f"official-{truth}", tmp_path, capsys)
    by_activity = score(poses, f"activities-{truth}", tmp_path, capsys)
    pooled = score(poses, f"pooled-{truth}", tmp_path, capsys)
    compared = 0
    for table in ("sequencewise", "activitywise"):
        for (row, metric, column), theirs in official_table(CONFORMANCE / f"expected_{file}_{table}.csv").items():
            if metric == "mpjpe" and column != "Average":
                continue
            key = metric if column in ("Average", "Total") else f"{metric}_{column.lower()}"
            if row == "All":
                ours = pooled["all"][key]
            elif table == "sequencewise":
                ours = by_sequence[row.replace("TestSeq", "TS")][key]
            else:
                ours = by_activity[row][key]
            assert ours == pytest.approx(theirs, rel=1e-6), (table, row, metric, column)
            compared += 1
    assert compared == (6 + 7 + 1) * (1 + 9 + 9)
