"""A study from trained weights to its pages: what is missing is said, and what disagrees is found."""

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_study import STUDY, command

from posebench.errors import DataMissingError
from posebench.leaderboard.collect import verify_record
from posebench.results.api import Prepared
from posebench.results.record import read_records
from zoo.studies import evaluate
from zoo.studies.evidence import read_evidence, records_of
from zoo.studies.study import STUDIES, load_study
from zoo.studies.tables import PAGE, build, check

RESULTS = Path(__file__).resolve().parents[2] / "leaderboards" / "studies"


def section(page: str, title: str) -> list[list[str]]:
    """The cells of a table below a title, without its head."""
    lines = page.split(f"{title}\n", 1)[1].split("\n#", 1)[0].splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")][2:]


def test_a_study_from_its_weights_to_its_pages(
    trained: Path, evaluated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One test for a whole run, which takes seconds: records, what is missing, tables, curves, and going on."""
    study = load_study("parts")
    records = {path: record for tag in study.tags for path, record in read_records(evaluated / "records" / tag)}
    # Four configurations on two sources, and three more pairs of hypotheses and steps.
    assert len(records) == 4 * 2 + 3
    assert check(study, evaluated) == len(records)
    assert {record.lifter.weights_origin for record in records.values()} == {"file"}
    assert all(record.lifter.settings.flip is (record.lifter.architecture == "mixste") for record in records.values())

    page = (evaluated / "ablations.md").read_text()
    assert "dreampose3d.never: not trained yet" in page
    evidence = read_evidence(study, evaluated)
    rows = {row[0]: row[2] for row in section(page, "## Rows")}
    for row in study.rows:
        own = {record.lifter.parameters for run, record in evidence.items() if run.tag in row.configurations}
        assert [rows[row.name]] == [f"{size:,}" for size in own] or (rows[row.name], own) == ("–", set())
    for protocol in ("tiny/standard+gt@1", "tiny/standard+simulated@1"):
        whole, plain, beside, never = section(page, f"## {protocol}")
        plainest = {tag: study.run_of(tag, protocol) for tag in study.tags}
        errors = {
            tag: evidence[run].results["honest"]["p-agg"]["mpjpe"] for tag, run in plainest.items() if run in evidence
        }
        both = (errors["dreampose3d.whole"] + errors["dreampose3d.whole_s1"]) / 2
        assert whole[1] == f"{both:.1f}"
        assert whole[3] == "–"
        assert whole[-1] == "2 of 2"
        assert plain[2] == "–"
        assert plain[3].startswith(f"{errors['dreampose3d.plain'] - both:+.2f} [")
        assert [row[4] for row in (whole, plain, beside)] == ["–", "whole", "plain"]
        assert never[1:] == ["not trained yet", *["–"] * 7]
    turning = section(page, "### tiny/standard+gt@1")
    assert [row[0] for row in turning] == ["whole", "plain", "never"]
    simulated = section(page, "### tiny/standard+simulated@1")[1]
    groups = evidence[study.run_of("dreampose3d.plain", "tiny/standard+simulated@1")].by_group
    for cell, action in ((1, "turn"), (5, "sway")):
        assert simulated[cell] == f"{groups[action]['honest']['p-agg']['mpjpe']:.1f}"

    with (evaluated / "curves.csv").open() as file:
        points = list(csv.DictReader(file))
    assert {(p["hypotheses"], p["steps"]) for p in points if p["aggregate"] == "p-agg"} == {
        ("1", "1"), ("1", "2"), ("3", "1"), ("3", "2")
    }  # fmt: skip
    assert {p["column"] for p in points if p["aggregate"] in ("p-best", "j-best")} == {"oracle"}
    assert [row[1:] for row in section(page, "### dreampose3d.whole, tiny/standard+gt")] == [
        [f"{float(p['mpjpe [mm]']):.1f}" for p in points if p["aggregate"] == "p-agg" and p["hypotheses"] == h]
        for h in ("1", "3")
    ]
    assert (evaluated / "curves.png").read_bytes().startswith(b"\x89PNG")

    # Again: nothing is evaluated, and the pages come out the same.
    def never_called(*_: object, **__: object) -> None:
        raise AssertionError("what is there was evaluated again")

    monkeypatch.setattr(evaluate, "evaluate_unless_recorded", never_called)
    arguments = ("parts", "--runs", str(trained / "runs"), "--dir", str(evaluated.parent))
    assert command(*arguments, monkeypatch=monkeypatch) == 0
    assert "dreampose3d.never: no finished run" in capsys.readouterr().err
    assert (evaluated / "ablations.md").read_text() == page
    assert command(*arguments, "--tables", monkeypatch=monkeypatch) == 0
    assert command(*arguments, "--check", monkeypatch=monkeypatch) == 0
    assert f"agree with their {len(records)} records" in capsys.readouterr().out


def test_a_stopped_study_goes_on(
    trained: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, made = evaluate.evaluate_unless_recorded, []

    def stopped(prepared: Prepared, *arguments: Any) -> Any:
        made.append(prepared.protocol.id)
        if len(made) == 3:
            raise KeyboardInterrupt
        return whole(prepared, *arguments)

    monkeypatch.setattr(evaluate, "evaluate_unless_recorded", stopped)
    monkeypatch.setitem(STUDY, "sweeps", [])
    (place.parents[1] / "parts.yaml").write_text(yaml.safe_dump(STUDY))
    arguments = ("parts", "--runs", str(trained / "runs"), "--dir", str(place.parent), "--device", "cpu")
    assert command(*arguments, monkeypatch=monkeypatch) == 130
    assert "goes on from here" in capsys.readouterr().err
    study = load_study("parts")
    assert len(read_evidence(study, place)) == 2
    build(study, place)
    page = (place / "ablations.md").read_text()
    assert section(page, "## tiny/standard+gt@1")[0][-1] == "1 of 2"
    assert section(page, "## tiny/standard+gt@1")[1][1] == "not trained yet"
    assert not (place / "curves.png").exists()
    assert command(*arguments, monkeypatch=monkeypatch) == 0
    assert len(made) == 3 + 6
    assert check(study, place) == 8


def test_an_unknown_study_lists_the_known() -> None:
    with pytest.raises(DataMissingError, match=r"there are: .*dreampose3d"):
        load_study("dreampose")


def of_configurations() -> list[str]:
    """Studies that compare trainings under protocols; those of transfer and searches have pages of another kind."""
    return sorted({path.stem for path in STUDIES.glob("*.yaml")} - {"transfer", "dreampose3d_search"})


@pytest.mark.parametrize("name", of_configurations())
def test_committed_pages_are_what_the_committed_records_give(name: str) -> None:
    study, folder = load_study(name), RESULTS / name
    files = {tag: list(records_of(folder, tag).rglob("*.json")) for tag in study.tags}
    assert check(study, folder) == sum(map(len, files.values()))
    page = (folder / PAGE).read_text()
    evidence = read_evidence(study, folder)
    for tag, own in files.items():
        assert (f"{tag}: not trained yet" in page) == (not own)
        # What is trained is evaluated under every protocol.
        assert {run for run in evidence if run.tag == tag} == (set(study.runs(tag)) if own else set())
    # What the study does not have any more stands in nobody's way, but is true too.
    for place in sorted(path for path in (folder / "records").glob("*") if path.is_dir()):
        for path, record in read_records(place):
            verify_record(path, record, place)
