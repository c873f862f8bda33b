"""Tables are a pure function of records; every way in which they can disagree is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import posebench
from posebench.cli.main import run_command
from posebench.errors import CheckFailedError, DataMissingError
from posebench.leaderboard.build import build, check, render
from posebench.leaderboard.collect import collect
from posebench.registry.decorators import register_lifter
from posebench.results.record import Record, record_json, write_record


@pytest.fixture
def board(tiny: str, tmp_path: Path) -> Path:
    """A leaderboard folder with records of an honest, an assisted and a several-hypotheses lifter."""

    @register_lifter("guess", spec=posebench.LifterSpec())
    class Guess(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            return 200 * inputs.noise(3, 1, 17, 3)

    for name in ("mean-pose", "zero-depth", "guess"):
        record = posebench.evaluate(name, dataset="tiny")
        write_record(record, tmp_path / "records" / record.location)
    smoke = posebench.evaluate("mean-pose", dataset="tiny", keypoints="simulated", limit=5)
    write_record(smoke, tmp_path / "records" / smoke.location)
    build(tmp_path)
    return tmp_path


def edit(folder: Path, lifter: str, change: Callable[[dict[str, object]], None]) -> Path:
    path = next((folder / "records").rglob(f"{lifter}*/*.json"))
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    return path


def test_building_twice_changes_nothing_and_check_agrees(board: Path) -> None:
    assert build(board) == []
    assert check(board) == 4
    assert {path.name for path in board.rglob("*.md")} == {"README.md", "standard+gt@1.md"}


def test_honest_assisted_and_oracle_never_share_a_table(board: Path) -> None:
    page = (board / "tiny" / "standard+gt@1.md").read_text()
    honest, assisted, oracle = (
        page.split(f"## {name}")[1].split("\n## ")[0] for name in ("Honest", "Assisted", "Oracle")
    )
    assert "mean-pose" in honest
    assert "zero-depth" not in honest
    assert "zero-depth" in assisted
    # Chosen with the true root: assisted, while the mean of the same hypotheses is honest.
    assert "guess.default (H=3), j-agg" in assisted
    assert "j-agg" not in honest
    assert "p-best" in oracle
    assert "p-best" not in honest
    rows = json.loads((board / "tiny" / "standard+gt@1.json").read_text())["rows"]
    ranks = [(row["column"], row["aggregate"], row["rank"]) for row in rows]
    assert [column for column, _, _ in ranks] == ["honest"] * 2 + ["assisted"] * 2 + ["oracle"] * 2
    assert [rank for _, _, rank in ranks] == [1, 2] * 3
    assert {aggregate for column, aggregate, _ in ranks if column == "oracle"} == {"p-best", "j-best"}


def test_a_smoke_record_reaches_no_table(board: Path) -> None:
    assert not (board / "tiny" / "standard+simulated@1.md").exists()


def test_the_newest_record_of_a_lifter_stands(board: Path) -> None:
    before = next(iter(collect(board / "records"))).rows["honest"]
    record = before[0].record.model_copy(update={"id": "20990101T000000Z-aaaaaaaa", "created": "2099-01-01T00:00:00Z"})
    write_record(record, board / "records" / record.location)
    after = next(iter(collect(board / "records"))).rows["honest"]
    assert len(after) == len(before)
    assert record.id in {row.record.id for row in after}


def test_a_contaminated_row_is_shown_and_not_ranked(board: Path) -> None:
    def contaminate(value: dict[str, object]) -> None:
        value["lifter"]["domain"] = "contaminated"  # type: ignore[index]

    edit(board, "mean-pose", contaminate)
    rows = json.loads(render(board)["tiny/standard+gt@1.json"])["rows"]
    honest = [(row["lifter"].split(".")[0], row["rank"]) for row in rows if row["column"] == "honest"]
    assert honest == [("guess", 1), ("mean-pose", None)]


def failure(board: Path) -> str:
    with pytest.raises(CheckFailedError) as caught:
        check(board)
    assert caught.value.exit_code == 1
    return str(caught.value)


def test_a_changed_table_names_the_row(board: Path) -> None:
    path = board / "tiny" / "standard+gt@1.json"
    value = json.loads(path.read_text())
    value["rows"][2]["metrics"]["mpjpe"] -= 10
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
    assert "row 3, zero-depth.train_split (assisted)" in failure(board)


def test_a_changed_markdown_page_names_the_line(board: Path) -> None:
    path = board / "tiny" / "standard+gt@1.md"
    path.write_text(path.read_text().replace("mean-pose", "mean_pose"))
    assert "standard+gt@1.md, line" in failure(board)


def test_a_missing_and_a_surplus_table_are_named(board: Path) -> None:
    (board / "tiny" / "standard+gt@1.csv").rename(board / "tiny" / "other@1.csv")
    assert "is not committed" in failure(board) or "No record stands behind" in failure(board)
    assert build(board) == ["tiny/other@1.csv", "tiny/standard+gt@1.csv"]
    check(board)


def test_results_that_do_not_follow_from_the_sequences_are_found(board: Path) -> None:
    def flatter(value: dict[str, object]) -> None:
        value["results"]["honest"]["p-agg"]["mpjpe"] *= 0.9  # type: ignore[index]

    edit(board, "mean-pose", flatter)
    assert "do not follow from its sequences" in failure(board)


def test_an_altered_protocol_value_is_found(board: Path) -> None:
    def relabel(value: dict[str, object]) -> None:
        value["protocol"]["scoring"]["root"] = "subtracted"  # type: ignore[index]

    edit(board, "mean-pose", relabel)
    assert "not the hash of what it holds" in failure(board)


def test_records_of_another_state_of_the_data_do_not_share_a_table(board: Path) -> None:
    def other_data(value: dict[str, object]) -> None:
        value["data"]["fingerprint"] = "0" * 64  # type: ignore[index]

    edit(board, "zero-depth", other_data)
    assert "differ in its value or in the data set's fingerprint" in failure(board)


def test_a_record_in_the_wrong_place_is_named(board: Path) -> None:
    path = next((board / "records").rglob("mean-pose*/*.json"))
    path.rename(path.with_name("renamed.json"))
    assert "belongs at" in failure(board)


def test_the_command_line_builds_and_checks(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["leaderboard", "check", "--dir", str(board)]) == 0
    (board / "README.md").write_text("")
    assert run_command(["leaderboard", "check", "--dir", str(board)]) == 1
    assert "README.md" in capsys.readouterr().err
    assert run_command(["leaderboard", "build", "--dir", str(board)]) == 0
    assert run_command(["leaderboard", "check", "--dir", str(board)]) == 0
    with pytest.raises(DataMissingError):
        check(board / "absent")


def test_a_row_is_reproduced_and_a_moved_one_is_refused(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next((board / "records").rglob("zero-depth*/*.json"))
    assert run_command(["reproduce", path.stem, "--dir", str(board)]) == 0
    assert "+0.000000" in capsys.readouterr().out
    record = Record.model_validate_json(path.read_text())
    results = {
        "assisted": {
            "p-agg": {**record.results["assisted"]["p-agg"], "mpjpe": record.results["assisted"]["p-agg"]["mpjpe"] + 1}
        }
    }
    path.write_text(record_json(record.model_copy(update={"results": results})))
    assert run_command(["reproduce", str(path), "--json"]) == 1
    assert "moved by -1.000000 mm" in capsys.readouterr().err
    assert run_command(["reproduce", "absent", "--dir", str(board)]) == 3
