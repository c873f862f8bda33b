"""Preparing, verifying and running Pose2Sim's demo through the command line, on files in exactly its owner's layout."""

import json
from pathlib import Path

import pytest
from command_line import stores
from pose2sim_files import TRIAL, write_session

from posebench.cli.main import run_command
from posebench.datasets.library import data_root

pytestmark = pytest.mark.usefixtures("own_data_folder")


def test_prepare_verify_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_session(tmp_path / "session")
    assert run_command(["data", "prepare", "pose2sim", "--source", str(source)]) == 0
    assert stores() == ["pose2sim@1.safetensors"]
    capsys.readouterr()
    # A cut of twelve frames is not the benchmark, and verify says so.
    assert run_command(["data", "verify", "pose2sim", "--json"]) == 1
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert [name for name, check in checks.items() if not check["passed"]] == ["frames"]
    assert run_command(["run", "-m", "videopose3d", "-d", "pose2sim", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protocol"]["id"] == "pose2sim/standard+openpose@1"
    assert record["data"]["frames"] == 12 * 4
    assert record["data"]["pseudo_truth"]
    assert run_command(["run", "-m", "videopose3d", "-d", "pose2sim", "--keypoints", "openpose-raw", "--json"]) == 0
    raw = json.loads(capsys.readouterr().out)
    assert raw["protocol"]["id"] == "pose2sim/standard+openpose-raw@1"
    assert raw["data"]["fingerprint"] == record["data"]["fingerprint"]


def test_a_damaged_file_leaves_no_store_and_an_older_store_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_session(tmp_path / "session")
    damaged = source / TRIAL / "pose-associated" / "cam03_json" / "cam03.0007.json"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    assert run_command(["data", "prepare", "pose2sim", "--source", str(source)]) == 3
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert damaged.name in said
    assert stores() == []
    damaged.write_bytes(whole)
    assert run_command(["data", "prepare", "pose2sim", "--source", str(source)]) == 0
    before = (data_root() / "stores" / "pose2sim@1.safetensors").read_bytes()
    damaged.unlink()
    assert run_command(["data", "prepare", "pose2sim", "--source", str(source)]) == 3
    assert "Frame 7 is missing" in capsys.readouterr().err
    assert (data_root() / "stores" / "pose2sim@1.safetensors").read_bytes() == before
    assert stores() == ["pose2sim@1.safetensors"]
