"""What the committed boards must show: every promise about the first tables is read off the tables themselves."""

import json
from pathlib import Path

import pytest

from posebench.cli.main import run_command
from posebench.leaderboard.build import check
from posebench.leaderboard.reproduce import find_record

BOARDS = Path(__file__).resolve().parents[2] / "leaderboards"
TABLES = [f"{data}/standard+{source}@1" for data in ("procedural", "hdm05") for source in ("gt", "simulated")]


def mpjpe(table: str) -> dict[str, float]:
    """MPJPE of every lifter of a table by architecture, oracle rows left out."""
    rows = json.loads((BOARDS / f"{table}.json").read_text())["rows"]
    return {row["lifter"].split(".")[0]: row["metrics"]["mpjpe"] for row in rows if row["column"] != "oracle"}


def test_tables_agree_with_records() -> None:
    assert check(BOARDS) >= 1 + 3 * len(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_both_baselines_are_at_most_six_tenths_of_the_better_trivial_predictor(table: str) -> None:
    errors = mpjpe(table)
    trivial = min(errors["mean-pose"], errors["zero-depth"])
    assert errors["simple_baseline"] <= 0.6 * trivial
    assert errors["videopose3d"] <= 0.6 * trivial


def test_on_simulated_keypoints_of_real_motion_time_helps() -> None:
    errors = mpjpe("hdm05/standard+simulated@1")
    assert errors["videopose3d"] < errors["simple_baseline"]


def test_the_row_that_ci_runs_again_is_there_and_comes_out_again(capsys: pytest.CaptureFixture[str]) -> None:
    name = (BOARDS / "reproduced-in-ci.txt").read_text().strip()
    assert "procedural" in find_record(name, BOARDS).as_posix()
    assert run_command(["reproduce", name, "--dir", str(BOARDS)]) == 0, capsys.readouterr().err
