"""`posebench data` list, info and download as a user meets them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from asf_files import write_hdm05
from command_line import refused, run
from evil_files import zip_of
from file_server import serving
from rich.console import Console

from posebench.cli import data_info
from posebench.cli.main import run_command
from posebench.datasets.downloads import fetch
from posebench.datasets.library import data_root


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(fetch, "wait", lambda seconds: None)


def prepare_hdm05(tmp_path: Path) -> None:
    clips = {"bd_squat1Reps_001": 40, "mm_squat1Reps_004": 36, "tr_grabHighR_005": 30}
    assert run_command(["data", "prepare", "hdm05", "--source", str(write_hdm05(tmp_path / "hdm05", clips))]) == 0


def test_list_says_what_is_here_and_how_to_get_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_hdm05(tmp_path)
    capsys.readouterr()
    rows = {row["name"]: row for row in json.loads(run(capsys, "data", "list", "--json"))}
    assert rows["hdm05"]["state"] == "prepared"
    assert rows["hdm05"]["sequences"] == {"test": 8, "train": 4}
    assert rows["hdm05"]["next"] == "posebench run -m videopose3d -d hdm05"
    assert rows["cmu"]["next"] == "posebench data download cmu --to DIR"
    assert rows["openbiomechanics"]["next"].endswith("--accept-licence")
    assert rows["human36m"]["gated"]
    assert rows["human36m"]["next"] == "posebench data prepare human36m --source DIR"
    assert rows["procedural"]["state"] == "generated"
    shown = run(capsys, "data", "list")
    assert "register at the owner's page" in shown
    assert "posebench data download cmu --to DIR" in shown


def test_list_reads_well_at_120_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_hdm05(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr(data_info, "out", lambda: Console(width=120, highlight=False, markup=False))
    shown = run(capsys, "data", "list").splitlines()
    assert max(map(len, shown)) <= 120
    # A name is never broken, and no row is taller than a glance.
    for name in ("3dpw", "cmu", "hdm05", "human36m", "mpi3dhp", "openbiomechanics", "pose2sim", "procedural"):
        assert sum(line.split()[:1] == [name] for line in shown) == 1
    assert len(shown) < 45


def test_a_damaged_store_does_not_stop_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_hdm05(tmp_path)
    store = next(data_root().rglob("hdm05*.safetensors"))
    store.write_bytes(store.read_bytes()[:1000])
    capsys.readouterr()
    shown = run(capsys, "data", "list")
    assert "damaged" in shown
    row = next(row for row in json.loads(run(capsys, "data", "list", "--json")) if row["name"] == "hdm05")
    assert store.name in row["problems"][0]
    assert "problem" in json.loads(run(capsys, "data", "info", "hdm05", "--json"))["forms"][0]


def test_info_says_everything_and_is_what_the_other_info_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_hdm05(tmp_path)
    capsys.readouterr()
    value = json.loads(run(capsys, "data", "info", "hdm05", "--json"))
    assert json.loads(run(capsys, "info", "hdm05", "--json")) == value
    assert value["licence"] == "CC BY-SA 3.0"
    assert value["default protocol"] == "hdm05/standard"
    assert "Müller" in value["citation"]
    form, *rigs = value["forms"]
    assert not any(rig["prepared"] for rig in rigs)
    assert form["splits"]["test"] == {"sequences": 8, "camera frames": (18 + 15) * 4}
    assert len(form["fingerprint"]) == 64
    assert Path(form["store"]).exists()
    assert value["next"] == "posebench run -m videopose3d -d hdm05"
    shown = run(capsys, "data", "info", "human36m")
    assert "registration" in shown
    assert "human36m/videopose3d" in shown
    assert "'hdm05'" in refused(capsys, 2, "data", "info", "hdm5")


@pytest.mark.parametrize("name", ["human36m", "mpi3dhp", "3dpw"])
def test_what_needs_registration_is_not_downloaded(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refused(capsys, 2, "data", "download", name, "--to", str(tmp_path / "to"))
    assert "registered users only" in sentence
    assert "http" in sentence
    assert f"posebench data prepare {name} --source DIR" in sentence
    assert not (tmp_path / "to").exists()


def test_what_has_no_owner_is_not_downloaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = str(tmp_path / "to")
    assert "generated" in refused(capsys, 2, "data", "download", "procedural", "--to", to)
    assert "write your poses" in refused(capsys, 2, "data", "download", "arrays", "--to", to)
    assert "'hdm05'" in refused(capsys, 2, "data", "download", "hdm5", "--to", to)
    assert "--accept-licence" in refused(capsys, 2, "data", "download", "openbiomechanics", "--to", to, notes=1)
    assert not (tmp_path / "to").exists()


def test_download_fails_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "to"
    arguments = ("data", "download", "cmu", "--to", str(to), "--mirror")
    assert "cannot be had now" in refused(capsys, 3, *arguments, "http://127.0.0.1:9", notes=1)
    assert "http://" in refused(capsys, 2, *arguments, "file:///etc", notes=1)
    with serving() as server:
        assert "answers 404" in refused(capsys, 3, *arguments, server.address, notes=1)
        server.files["02/02.asf"] = bytes(7268)
        assert "it was removed" in refused(capsys, 3, *arguments, server.address, notes=1)
    assert [path for path in to.rglob("*") if path.is_file()] == []
    (tmp_path / "file").touch()
    refused(capsys, 2, "data", "download", "cmu", "--to", str(tmp_path / "file" / "below"), notes=1)


SMALL = """
import sys
from posebench.cli.main import run_command
from posebench.datasets.downloads import manifest
class Small(manifest.Download):
    def wanted(self):
        return (manifest.Wanted("c3d/a.c3d", 5, sys.argv[1]),)
manifest.DOWNLOADS["hdm05"] = Small("hdm05", "http://owner.invalid/", manifest.Archive("cut.zip", None))
sys.exit(run_command(sys.argv[2:]))
"""


def test_ctrl_c_keeps_what_came_and_the_same_command_goes_on(tmp_path: Path) -> None:
    script, to = tmp_path / "small.py", tmp_path / "to"
    script.write_text(SMALL)
    with serving() as server:
        server.files["cut.zip"] = zip_of({"padding": bytes(3_000_000), "x/a.c3d": b"poses"})
        server.delay = 0.05
        digest = hashlib.sha256(b"poses").hexdigest()
        command = [sys.executable, str(script), digest, "data", "download", "hdm05", "--to", str(to)]
        command += ["--mirror", server.address]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
            # A suite started in the background by a shell inherits an ignored SIGINT, and hands it on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        part, deadline = to / "cut.zip.part", time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        assert process.returncode == 130, error
        assert "Traceback" not in error
        assert "same command" in error
        assert 0 < part.stat().st_size < 3_000_000
        server.delay = 0
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert server.asked[-1][1] is not None
        assert (to / "c3d" / "a.c3d").read_bytes() == b"poses"
        assert f"posebench data prepare hdm05 --source {to}" in done.stderr
        assert "CC BY-SA 3.0" in done.stderr
        assert not list(to.rglob("*.part*"))
