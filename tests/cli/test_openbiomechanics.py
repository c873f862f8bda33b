"""Preparing, verifying and running OpenBiomechanics through the command line, on C3D files in its owner's layout."""

import json
from pathlib import Path

import pytest
from c3d_files import PITCHES, write_openbiomechanics
from command_line import run, stores

from posebench.cli.main import run_command
from posebench.datasets.library import data_root

STORES = [
    "openbiomechanics+30hz@1.safetensors",
    "openbiomechanics+360hz@1.safetensors",
    "openbiomechanics@1.safetensors",
]
FRAMES = 120


pytestmark = pytest.mark.usefixtures("own_data_folder")


def test_prepare_verify_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_openbiomechanics(tmp_path / "obp")
    run(capsys, "data", "prepare", "openbiomechanics", "--source", str(source))
    assert stores() == STORES
    # A cut of seven recordings is not the benchmark, and verify says so.
    assert run_command(["data", "verify", "openbiomechanics", "--json"]) == 1
    failed = {check["name"] for check in json.loads(capsys.readouterr().out) if not check["passed"]}
    assert failed == {"recordings", "frames"}
    record = json.loads(run(capsys, "run", "-m", "mean-pose", "-d", "openbiomechanics", "--device", "cpu", "--json"))
    assert record["protocol"]["id"] == "openbiomechanics/standard+simulated@1"
    assert record["data"]["fps"] == 60.0
    assert record["data"]["frames"] == 2 * 72 * 3
    assert {(row["subject"], row["action"], row["clip"], row["camera"]) for row in record["sequences"]} == {
        (subject, "pitch", clip, camera)
        for subject, clip in (("001062", "001830_002"), ("001540", "002989_001"))
        for camera in ("centre-field", "first-base", "third-base")
    }


@pytest.mark.parametrize(
    ("rule", "fps", "pitchers"),
    [("standard-30hz", 30.0, 2), ("zero-shot", 60.0, 5), ("zero-shot-30hz", 30.0, 5)],
)
def test_the_other_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str, fps: float, pitchers: int
) -> None:
    source = write_openbiomechanics(tmp_path / "obp", frames=FRAMES)
    run(capsys, "data", "prepare", "openbiomechanics", "--source", str(source))
    arguments = ("-m", "videopose3d", "--protocol", f"openbiomechanics/{rule}", "--device", "cpu", "--json")
    record = json.loads(run(capsys, "run", *arguments))
    assert record["protocol"]["id"] == f"openbiomechanics/{rule}+simulated@1"
    assert record["data"]["fps"] == fps
    assert record["data"]["frames"] == pitchers * 3 * FRAMES * fps / 360
    # The samples are in no split that is scored.
    assert all(row["subject"].isdigit() for row in record["sequences"])


def test_motion_blur_is_a_2d_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_openbiomechanics(tmp_path / "obp")
    run(capsys, "data", "prepare", "openbiomechanics", "--source", str(source))
    found = {}
    for name in ("simulated", "simulated-blur"):
        arguments = ("-m", "zero-depth", "-d", "openbiomechanics", "--keypoints", name, "--device", "cpu", "--json")
        found[name] = json.loads(run(capsys, "run", *arguments))
        assert found[name]["protocol"]["id"] == f"openbiomechanics/standard+{name}@1"
    assert found["simulated"]["results"] != found["simulated-blur"]["results"]


def test_a_damaged_file_leaves_no_store_and_an_older_store_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_openbiomechanics(tmp_path / "obp", {**PITCHES}, frames=FRAMES)
    damaged = source / "c3d" / "pitching_sample.c3d"
    whole = damaged.read_bytes()
    command = ["data", "prepare", "openbiomechanics", "--source", str(source)]
    damaged.write_bytes(whole[: len(whole) // 2])
    assert run_command(command) == 3
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert damaged.name in said
    assert stores() == []
    damaged.write_bytes(whole)
    assert run_command(command) == 0
    before = {name: (data_root() / "stores" / name).read_bytes() for name in stores()}
    damaged.write_bytes(whole.replace(b"LWRA", b"XXXX"))
    assert run_command(command) == 3
    assert "has 0 markers named 'LWRA'" in capsys.readouterr().err
    assert {name: (data_root() / "stores" / name).read_bytes() for name in stores()} == before
