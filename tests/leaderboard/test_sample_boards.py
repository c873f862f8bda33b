"""Boards of many hypotheses: the curve, the samples, the picture, and that none of it can be altered unseen."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import posebench
from posebench.errors import CheckFailedError
from posebench.leaderboard.build import build, check
from posebench.leaderboard.reproduce import reproduce
from posebench.metrics.calibration import QUANTILES
from posebench.prediction.lifter import Lifted, LifterInputs
from posebench.protocols.open_sets import open_best_of_m
from posebench.registry.decorators import register_lifter, register_protocol
from posebench.results.record import read_record, record_json, write_record

NAME = "tiny/best-of-m+gt@1"


@pytest.fixture
def board(tiny: str, tmp_path: Path) -> Path:
    """A folder with a lifter that places its ten hypotheses, one that is granted the lens, and one of a single pose."""

    class Guess(nn.Module):
        def lift(self, inputs: LifterInputs) -> Lifted:
            poses = 200 * inputs.noise(10, 1, 17, 3)
            root = torch.tensor([0.0, 0.0, 5000.0]).expand(len(poses), 10, 1, 3)
            return Lifted(poses, root, lens=torch.tensor([1145.0, 1145, 500, 500, 0, 0, 0, 0, 0]))

    register_lifter("guess", spec=posebench.LifterSpec())(Guess)
    register_lifter("helped", spec=posebench.LifterSpec(privileges=("intrinsics",)))(Guess)
    register_protocol("tiny/best-of-m")(lambda: open_best_of_m("tiny", "gt"))
    for name in ("mean-pose", "guess", "helped"):
        record = posebench.evaluate(name, protocol="tiny/best-of-m")
        write_record(record, tmp_path / "records" / record.location)
    build(tmp_path)
    return tmp_path


def part(page: str, heading: str) -> str:
    """The text under a heading, up to the next one of any level."""
    return page.split(f"# {heading}\n")[1].split("\n#")[0]


def test_the_page_has_the_curve_and_the_samples_in_columns_of_their_own(board: Path) -> None:
    page = (board / f"{NAME}.md").read_text()
    curve = part(page, "Best of m")
    assert "oracle" in curve
    lines = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in curve.splitlines() if line.startswith("| ")}
    assert [cell.strip() for cell in lines["mean-pose.train_split"][1:]] == ["–"] * 4
    found = [cell.strip() for cell in lines["guess.default (H=10)"]]
    assert found[3:] == ["–", "–"]
    assert float(found[0]) > float(found[1]) > float(found[2])
    honest, assisted = part(page, "Samples, honest"), part(page, "Samples, assisted")
    assert "| guess.default (H=10)  |" in honest
    assert "helped" not in honest
    assert "true root" not in honest
    assert "guess.default (H=10), true root and lens" in assisted
    assert sum("helped.default (H=10)" in line for line in assisted.splitlines()) == 2
    # Rows of poses stand where they stood, and say nothing of samples.
    assert "energy" not in part(page, "Honest")
    assert "samples" not in part(page, "Honest")


def test_json_and_csv_hold_the_unrounded_numbers(board: Path) -> None:
    value = json.loads((board / f"{NAME}.json").read_text())
    rows = {(row["lifter"], row["aggregate"]): row for row in value["samples"]}
    guess = rows["guess.default (H=10)", "samples"]
    assert len(guess["calibration"]) == len(QUANTILES)
    assert guess["calibration"] == sorted(guess["calibration"])
    ece = sum(abs(seen - q) for seen, q in zip(guess["calibration"], QUANTILES, strict=True)) / len(QUANTILES)
    assert guess["metrics"]["ece"] == pytest.approx(ece, abs=1e-12)
    assert "within_3_sigma" in guess["metrics"]
    assert set(rows["mean-pose.train_split", "samples-placed"]["metrics"]) == {"within_3_sigma"}
    table = [line.split(",") for line in (board / f"{NAME}.csv").read_text().splitlines()]
    assert "energy [mm]" in table[0]
    energy = next(line[table[0].index("energy [mm]")] for line in table if "samples" in line and line[0] == "honest")
    assert float(energy) in {row["metrics"].get("energy") for row in value["samples"]}
    assert {len(line) for line in table} == {len(table[0])}


def test_the_picture_is_drawn_once_looked_for_and_removed_with_its_rows(board: Path) -> None:
    picture = board / f"{NAME}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"]({picture.name})" in (board / f"{NAME}.md").read_text()
    before = picture.stat().st_mtime_ns
    assert build(board) == []
    assert picture.stat().st_mtime_ns == before
    assert check(board) == 4
    picture.unlink()
    with pytest.raises(CheckFailedError, match=r"The picture tiny/best-of-m\+gt@1.png is not committed"):
        check(board)
    build(board)
    for path in (board / "records").rglob("*.json"):
        if "mean-pose" not in str(path):
            path.unlink()
    with pytest.raises(CheckFailedError):
        check(board)
    build(board)
    assert not picture.exists()
    assert "Best of m" in (board / f"{NAME}.md").read_text()
    assert check(board) == 4


def counts(value: dict[str, Any]) -> None:
    counted = value["sequences"][0]["observed"][value["sequences"][0]["action"]]["counts"]
    counted[10] = [count + 1 for count in counted[10]]


def energy(value: dict[str, Any]) -> None:
    value["results"]["honest"]["samples"]["energy"] -= 1


@pytest.mark.parametrize("alter", [counts, energy])
def test_altered_evidence_is_found(board: Path, alter: Callable[[dict[str, Any]], None]) -> None:
    path = next((board / "records").rglob("guess*/*.json"))
    value = json.loads(path.read_text())
    alter(value)
    path.write_text(json.dumps(value))
    with pytest.raises(CheckFailedError, match="do not follow from its sequences"):
        check(board)


def test_a_record_reads_as_it_was_written_and_its_row_comes_out_again(board: Path) -> None:
    path = next((board / "records").rglob("guess*/*.json"))
    record = read_record(path)
    assert record_json(record) == path.read_text()
    assert "observed" in path.read_text()
    again = reproduce(path)
    again.require()
    assert again.after.results == record.results
    single = next((board / "records").rglob("mean-pose*/*.json"))
    plain = posebench.evaluate("mean-pose", dataset="tiny")
    assert '"observed"' not in record_json(plain)
    assert set(read_record(single).results["honest"]["samples"]) == {"energy"}
    assert '"observed"' not in single.read_text()
