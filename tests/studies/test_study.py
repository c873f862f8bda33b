"""A study from trained weights to its pages: what is missing is said, and what disagrees is found."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from training_runs import SwayAdapter, start

from posebench.datasets.write_store import write_store
from posebench.errors import CheckFailedError, DataMissingError, UsageError
from posebench.leaderboard.collect import verify_record
from posebench.results.api import Prepared
from posebench.results.record import read_records
from zoo import __main__ as command_line
from zoo import vocabulary
from zoo.studies import evaluate
from zoo.studies.evidence import read_evidence
from zoo.studies.study import STUDIES, Study, load_study
from zoo.studies.tables import build, check
from zoo.training.config import find_config, load_config
from zoo.training.export import export

RESULTS = Path(__file__).resolve().parents[2] / "leaderboards" / "studies"

BASE = {
    "weights_licence": "none",
    "lifter": {
        "arch": "dreampose3d",
        "config": {
            "frames": 9, "dim": 16, "depth": 1, "heads": 2, "prompt": "learned", "prompt_dim": 16,
            "actions": ["walking"], "normalize": "person",
        },
    },
    "flip": False,
    "steps": 3,
    "batch_size": 4,
    "warmup_steps": 1,
    "validation_sources": ["gt"],
}  # fmt: skip
#: Configurations by tag; all but the last are trained.
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "dreampose3d.whole": BASE,
    "dreampose3d.whole_s1": {"extends": "dreampose3d.whole", "seed": 1},
    "dreampose3d.plain": {"extends": "dreampose3d.whole", "lifter": {"config": {"prompt": "none"}}},
    "mixste.beside": {
        **BASE,
        "lifter": {"arch": "mixste", "config": {"frames": 9, "dim": 16, "depth": 1, "heads": 2, "normalize": "person"}},
        "flip": True,
    },
    "dreampose3d.never": {"extends": "dreampose3d.whole", "loss": {"bone": 0.1}},
}
STUDY = {
    "title": "Parts",
    "summary": "For a test.",
    "reference": "whole",
    "protocols": {"tiny/standard": ["gt", "simulated"]},
    "rows": [
        {"name": "whole", "what": "all", "configurations": ["dreampose3d.whole", "dreampose3d.whole_s1"]},
        {"name": "plain", "what": "no prompt", "configurations": ["dreampose3d.plain"]},
        {"name": "beside", "what": "MixSTE", "configurations": ["mixste.beside"], "against": "plain"},
        {"name": "never", "what": "bones", "configurations": ["dreampose3d.never"]},
    ],
    "groups": [{"title": "Turning", "dataset": "tiny", "labels": ["turning around"], "rows": ["whole", "plain", "never"]}],
    "sweeps": [
        {"configuration": "dreampose3d.whole", "protocol": "tiny/standard+gt", "hypotheses": [1, 3], "steps": [1, 2]}
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `configs` and the finished `runs` of those that are trained."""
    folder = tmp_path_factory.mktemp("study")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    store, configs = folder / "sway.safetensors", folder / "configs"
    configs.mkdir()
    write_store(SwayAdapter(), SwayAdapter.forms[0], SwayAdapter().clips(None, SwayAdapter.forms[0]), store)
    data = {"name": "sway", "weight": 1.0, "camera_frames": 100, "licence": "free", "store": str(store)}
    for tag, value in CONFIGURATIONS.items():
        own = {} if "extends" in value else {"data": [data]}
        (configs / f"{tag}.yaml").write_text(yaml.safe_dump({**value, **own, "tag": tag, "summary": "For a test."}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.training.config.CONFIGS", configs)
        patch.setitem(vocabulary._LABELS, ("sway", "sway"), "walking")
        for tag in CONFIGURATIONS:
            if tag != "dreampose3d.never":
                config, place = load_config(find_config(tag)), folder / "runs" / tag
                place.parent.mkdir(exist_ok=True)
                run = start(config.model_dump(mode="json"), place)
                export(config, run.run(), run.stores, place, torch.device("cpu"), run.batches)
    torch.set_num_threads(threads)
    return folder


@pytest.fixture
def place(trained: Path, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results for a registered study of the trained configurations; nothing is in it yet."""
    (tmp_path / "parts.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.setattr("zoo.training.config.CONFIGS", trained / "configs")
    monkeypatch.setattr("zoo.studies.study.STUDIES", tmp_path)
    monkeypatch.setitem(vocabulary.ACTIONS, "turning around", {"tiny": ("turn",)})
    return tmp_path / "results" / "parts"


def command(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["zoo", "study", *arguments])
    with pytest.raises(SystemExit) as leave:
        command_line.main()
    return int(leave.value.code or 0)


@pytest.fixture
def evaluated(trained: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of the command line."""
    runs = str(trained / "runs")
    assert command("parts", "--runs", runs, "--dir", str(place.parent), "--device", "cpu", monkeypatch=monkeypatch) == 0
    return place


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

    disagreements(study, evaluated, trained, monkeypatch)


def disagreements(study: Study, folder: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is found and named, and mended before the next."""

    def found(path: Path, change: Callable[[str], str], message: str) -> None:
        text = path.read_text()
        path.write_text(change(text))
        with pytest.raises(CheckFailedError, match=message):
            check(study, folder)
        path.write_text(text)

    def edited(change: Callable[[Any], None]) -> Callable[[str], str]:
        def change_text(text: str) -> str:
            value = json.loads(text)
            change(value)
            return json.dumps(value)

        return change_text

    record = min((folder / "records" / "dreampose3d.plain").rglob("*.json"))
    found(
        folder / "ablations.md", lambda text: text.replace("2 of 2", "3 of 3"), r"ablations\.md, line \d+ is .*3 of 3"
    )
    found(folder / "curves.csv", lambda text: text.rpartition("dreampose3d.whole")[0], r"curves\.csv, line")
    flatter = edited(lambda value: value["results"]["honest"]["p-agg"].update(mpjpe=1.0))
    found(record, flatter, "do not follow from its sequences")
    found(
        record,
        edited(lambda value: value["lifter"].update(weights_sha256="0" * 64)),
        "other weights than those of its card",
    )
    found(record, edited(lambda value: value["lifter"]["config"].update(prompt="learned")), "not of the lifter that")
    found(record, edited(lambda value: value.update(kind="smoke")), "not one of a whole plain run")
    found(
        record,
        edited(lambda value: value["data"].update(fingerprint="0" * 64)),
        "differ in the protocol's value or in the data",
    )
    (folder / "curves.png").rename(folder / "kept.png")
    with pytest.raises(CheckFailedError, match="picture"):
        check(study, folder)
    (folder / "kept.png").rename(folder / "curves.png")
    assert check(study, folder)

    weights = trained / "runs" / "mixste.beside" / "mixste.beside.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before + b" ")
    arguments = ("parts", "--runs", str(trained / "runs"), "--dir", str(folder.parent))
    assert command(*arguments, monkeypatch=monkeypatch) == UsageError.exit_code
    weights.write_bytes(before)


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


@pytest.mark.parametrize("name", sorted(path.stem for path in STUDIES.glob("*.yaml")))
def test_committed_pages_are_what_the_committed_records_give(name: str) -> None:
    study, folder = load_study(name), RESULTS / name
    assert check(study, folder) == len(read_evidence(study, folder))
    # What the study does not have any more stands in nobody's way, but is true too.
    for place in sorted(path for path in (folder / "records").glob("*") if path.is_dir()):
        for path, record in read_records(place):
            verify_record(path, record, place)
