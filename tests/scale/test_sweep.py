"""`posebench sweep`: each entry once, whatever happens to the process that runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from command_line import refused, run

from posebench.cli.main import run_command
from posebench.results.record import Record, read_records
from posebench.sweeps.run import plan_sweep, run_sweep
from posebench.sweeps.spec import read_sweep

SUPPORT = Path(__file__).resolve().parents[1] / "support"
#: Names a file to which the lifter `counting` of `support/engine_lifters.py` adds a byte a pass.
COUNT = "POSEBENCH_TEST_COUNT"

SWEEP: dict[str, Any] = {
    "models": ["plain", "mean-pose"],
    "datasets": "tiny",
    "keypoints": ["gt", "simulated"],
    "seeds": [0, 1],
    "settings": {"flip": [False, True]},
    "exclude": [{"model": "mean-pose", "flip": True}],
    "include": [{"model": "sampling", "dataset": "tiny", "hypotheses": 3, "steps": 1}],
}
#: 8 of plain, 4 of mean-pose, 1 of sampling.
RUNS = 13


@pytest.fixture
def spec(tmp_path: Path, lifters: None) -> Path:
    return written(tmp_path, SWEEP)


def written(folder: Path, value: dict[str, Any]) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(value))
    return path


def numbers(folder: Path) -> dict[str, Any]:
    """What the records under a folder say, without their times; each is of its own settings."""
    made: dict[str, Any] = {}
    for _, record in read_records(folder):
        value = record.model_dump(mode="json")
        key = json.dumps(
            [value["lifter"]["name"], value["lifter"]["settings"], value["protocol"]["id"], record.run.seed]
        )
        assert key not in made, "recorded twice"
        made[key] = {name: value[name] for name in ("id", "asked", "lifter", "run", "results", "by_group", "sequences")}
    return made


def test_each_entry_is_run_once(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("sweep", str(spec), "--records", str(tmp_path / "records"))
    assert len(read_sweep(spec)) == RUNS
    planned = json.loads(run(capsys, *arguments, "--dry-run", "--json"))
    assert [row["state"] for row in planned] == ["missing"] * RUNS
    assert not (tmp_path / "records").exists() or not read_records(tmp_path / "records")
    table = run(capsys, *arguments)
    assert table.count("made") == RUNS
    before = numbers(tmp_path / "records")
    assert len(before) == RUNS
    again = json.loads(run(capsys, *arguments, "--json"))
    assert [row["state"] for row in again] == ["recorded"] * RUNS
    assert numbers(tmp_path / "records") == before
    shown = {row["record"]: row["mpjpe"] for row in again}
    for path, record in read_records(tmp_path / "records"):
        assert shown[str(path.relative_to(tmp_path / "records"))] == mpjpe(record)


def mpjpe(record: Record) -> float:
    return next(iter(record.results["honest"].values()))["mpjpe"]


def test_a_record_of_posebench_run_counts_and_other_code_does_not(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, {"models": ["plain"], "datasets": ["tiny"], "settings": {"flip": [None, False]}})
    arguments = ("sweep", str(spec), "--records", str(tmp_path / "records"), "--json")
    run(capsys, "run", "-m", "plain", "-d", "tiny", "--records", str(tmp_path / "records"))
    # No flip asked, and none: one evaluation, and it is recorded.
    (row,) = json.loads(run(capsys, *arguments))
    assert row["state"] == "recorded"
    monkeypatch.setattr("posebench.prediction.create.hash_code", lambda *of: "f" * 64)
    (row,) = json.loads(run(capsys, *arguments, "--dry-run"))
    assert row["state"] == "missing"


def test_runs_that_fail_are_told_at_the_end_and_the_others_done(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, {"models": ["nan", "failing", "plain"], "datasets": ["tiny"]})
    arguments = ["sweep", str(spec), "--records", str(tmp_path / "records"), "--json"]
    assert run_command([*arguments, "--jobs", "2"]) == 4
    captured = capsys.readouterr()
    rows = json.loads(captured.out)
    assert [row["state"] for row in rows] == ["failed", "failed", "made"]
    assert "NaN or infinity in sequence S2/turn/0" in rows[0]["error"]
    assert "RuntimeError: the shapes do not fit; run it alone" in rows[1]["error"]
    assert "Traceback" not in captured.err
    assert captured.err.strip().splitlines()[-1].startswith("posebench: 2 of 3 runs of the sweep failed")
    assert len(read_records(tmp_path / "records")) == 1


def test_a_run_that_kills_its_process_does_not_stop_the_others(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, {"models": ["plain", "deadly"], "datasets": ["tiny"], "seeds": [0, 1]})
    arguments = ["sweep", str(spec), "--records", str(tmp_path / "records"), "--json", "--threads", "1"]
    assert run_command([*arguments, "--jobs", "2"]) == 1
    captured = capsys.readouterr()
    rows = json.loads(captured.out)
    assert [row["state"] for row in rows] == ["made", "made", "failed", "failed"]
    assert "3 worker processes died on deadly on tiny" in rows[2]["error"]
    assert "Traceback" not in captured.err
    assert {record.environment.threads for _, record in read_records(tmp_path / "records")} == {1}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_prediction_serves_every_rule_of_its_inputs(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    # Two rules that are beside each other, and one that is not.
    monkeypatch.setenv("POSEBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv(COUNT, str(tmp_path / "count"))
    protocols = ["tiny/one", "tiny/two", "tiny/standard"]
    written(tmp_path, {"models": ["counting", "mean-pose"], "protocols": protocols})
    arguments = ("sweep", str(spec), "--records", str(tmp_path / "records"), "--json", "--jobs", jobs)
    assert [row["state"] for row in json.loads(run(capsys, *arguments))] == ["made"] * 6
    passes = (tmp_path / "count").stat().st_size
    assert len(numbers(tmp_path / "records")) == 6
    assert not list((tmp_path / "data" / "runs").glob("*"))
    # One record lacks: that is one prediction more, as many passes as all three took.
    for path in (tmp_path / "records").rglob("*.json"):
        if "standard" in str(path):
            path.unlink()
    states = [row["state"] for row in json.loads(run(capsys, *arguments))]
    assert states == ["recorded", "recorded", "made"] * 2
    assert (tmp_path / "count").stat().st_size == 2 * passes


def test_jobs_take_the_gpus_in_turn(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"models": ["plain"], "datasets": ["tiny"], "seeds": [0, 1, 2]})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    planned = {device: plan_sweep(read_sweep(spec, device)) for device in ("auto", "cpu")}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    asked: list[Any] = []

    def engine(*arguments: Any) -> None:
        asked.append(arguments)
        raise NotImplementedError

    monkeypatch.setattr("posebench.sweeps.run.LocalEngine", engine)
    for device in planned:
        with pytest.raises(NotImplementedError):
            run_sweep(planned[device], tmp_path / "records", jobs=8, threads=4)
    # Never more processes than there is work.
    assert asked == [(3, 4, ("0", "1")), (3, 4, ())]


def test_a_folder_is_no_sweep(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, 2, "sweep", str(tmp_path))
    assert told == f"posebench: The sweep {tmp_path} cannot be read (Is a directory); give a YAML file."


def test_killed_at_any_moment_it_goes_on(spec: Path, tmp_path: Path) -> None:
    def sweep(name: str, kills: int) -> int:
        # A data folder of its own: what is left of a killed run must not help the other.
        environment = os.environ | {"POSEBENCH_DATA": str(tmp_path / f"data-{name}"), "PYTHONPATH": str(SUPPORT)}
        records = str(tmp_path / f"data-{name}" / "records")
        command = [sys.executable, str(SUPPORT / "killed_sweep.py"), str(kills), records, "sweep", str(spec)]
        done = subprocess.run(
            [*command, "--device", "cpu"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout.strip().splitlines()[-1])

    assert sweep("undisturbed", 0) == 0
    assert sweep("killed", 12) >= 8
    whole = numbers(tmp_path / "data-undisturbed" / "records")
    assert len(whole) == RUNS
    assert numbers(tmp_path / "data-killed" / "records") == whole
    # Nothing half-done is left either.
    assert not list((tmp_path / "data-killed" / "runs").glob("*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ["plain", "plane"], "exclude": []}, "Of the sweep, plane on tiny, keypoints gt: There is no model 'plane'"),
        ({"datasets": ["tinny"]}, "There is no data set 'tinny'"),
        ({"keypoints": ["openpose"]}, "Of the sweep, plain on tiny, keypoints openpose"),
        ({"seeds": ["first"]}, "seed: Input should be a valid integer"),
        ({"settings": {"flipped": True}}, "There is no 'flipped' in settings in"),
        ({"settings": {"hypotheses": 5}, "exclude": []}, "Of the sweep, plain on tiny, keypoints gt, hypotheses 5: plain.default does not"),
        ({"settings": {"precision": "fp8"}, "exclude": []}, "precision"),
        ({"exclude": [{"model": "nobody"}]}, "takes no run away"),
        ({"include": [{"model": "plain"}]}, "lacks a model, or a data set or protocol"),
        ({"modells": ["plain"]}, "There is no 'modells' in the sweep"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_named_before_any_work(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    written(tmp_path, SWEEP | change)
    told = refused(capsys, 2, "sweep", str(spec), "--records", str(tmp_path / "records"))
    assert message in told
    assert not list((tmp_path / "records").rglob("*.json"))


def test_jobs_and_an_engine_do_not_go_together(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give one of them" in refused(capsys, 2, "sweep", str(spec), "--jobs", "2", "--engine", "local")
    assert "--jobs is 0" in refused(capsys, 2, "sweep", str(spec), "--jobs", "0")
