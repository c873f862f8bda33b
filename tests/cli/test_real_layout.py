"""Preparing, verifying and running HDM05 through the command line, on files in exactly its owner's layout."""

import json
from pathlib import Path

import pytest
from asf_files import write_hdm05
from command_line import stores

from posebench.cli.main import run_command
from posebench.datasets.library import data_root

CLIPS = {
    "bd_squat1Reps_001": 40,
    "bk_grabHighR_002": 30,
    "dg_squat1Reps_003": 24,
    "mm_squat1Reps_004": 36,
    "tr_grabHighR_005": 30,
}


pytestmark = pytest.mark.usefixtures("own_data_folder")


def test_prepare_verify_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_hdm05(tmp_path / "hdm05", CLIPS)
    assert run_command(["data", "prepare", "hdm05", "--source", str(source)]) == 0
    assert stores() == ["hdm05@1.safetensors"]
    capsys.readouterr()
    # A cut of five clips is not the benchmark, and verify says so.
    assert run_command(["data", "verify", "hdm05", "--json"]) == 1
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert not checks["actions"]["passed"]
    assert checks["left and right"]["passed"], checks["left and right"]["detail"]
    assert run_command(["run", "-m", "videopose3d", "-d", "hdm05", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protocol"]["id"] == "hdm05/standard+simulated@1"
    assert record["data"]["frames"] == (18 + 15) * 4
    assert {row["subject"] for row in record["sequences"]} == {"mm", "tr"}
    assert record["data"]["fps"] == 60.0


def test_a_damaged_file_leaves_no_store_and_an_older_store_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_hdm05(tmp_path / "hdm05", CLIPS)
    damaged = next(source.rglob("HDM_mm_*.amc"))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    assert run_command(["data", "prepare", "hdm05", "--source", str(source)]) == 3
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert damaged.name in said
    assert stores() == []
    damaged.write_bytes(whole)
    assert run_command(["data", "prepare", "hdm05", "--source", str(source)]) == 0
    before = (data_root() / "stores" / "hdm05@1.safetensors").read_bytes()
    damaged.write_bytes(whole.replace(b"root", b"rost", 1))
    assert run_command(["data", "prepare", "hdm05", "--source", str(source)]) == 3
    assert (data_root() / "stores" / "hdm05@1.safetensors").read_bytes() == before
    assert stores() == ["hdm05@1.safetensors"]


def test_a_store_that_was_altered_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["data", "prepare", "hdm05", "--source", str(write_hdm05(tmp_path / "hdm05", CLIPS))]) == 0
    store = data_root() / "stores" / "hdm05@1.safetensors"
    content = bytearray(store.read_bytes())
    content[-5] ^= 64
    store.write_bytes(content)
    assert run_command(["data", "verify", "hdm05"]) == 1
    assert "fingerprint" in capsys.readouterr().out
    store.write_bytes(bytes(content[: len(content) // 3]))
    assert run_command(["run", "-m", "mean-pose", "-d", "hdm05"]) == 3
    assert "prepare it again" in capsys.readouterr().err
