"""Preparing, verifying and running 3DPW through the command line, on files in exactly its owner's layout."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run, stores
from threedpw_files import python2_pickle, recording, write_meshes, write_recording, write_regressed, write_threedpw

from posebench.cli.main import run_command
from posebench.datasets.library import data_root

pytestmark = pytest.mark.usefixtures("own_data_folder")


def test_prepare_verify_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_threedpw(tmp_path / "3DPW")
    run(capsys, "data", "prepare", "3dpw", "--source", str(source))
    assert stores() == ["3dpw@1.safetensors"]
    # A cut of three sequences is not the benchmark, and verify says so without failing.
    checks = {check["name"]: check for check in json.loads(run(capsys, "data", "verify", "3dpw", "--json"))}
    assert all(check["passed"] for check in checks.values())
    assert checks["sequences"]["detail"].startswith("a part of the data set, whose numbers are not the benchmark's; ")
    record = json.loads(run(capsys, "run", "-m", "mean-pose", "-d", "3dpw", "--device", "cpu", "--json"))
    assert record["protocol"]["id"] == "3dpw/challenge24+gt@1"
    # Every split, five people, of twelve frames the nine with a camera and a detection.
    assert record["data"]["frames"] == 5 * 9
    assert record["data"]["fps"] == 30.0
    assert {(row["subject"], row["action"], row["clip"], row["camera"]) for row in record["sequences"]} == {
        ("courtyard_arguing_00", "courtyard_arguing", "person0", "cam"),
        ("courtyard_arguing_00", "courtyard_arguing", "person1", "cam"),
        ("outdoors_fencing_02", "outdoors_fencing", "person0", "cam"),
        ("downtown_walkUphill_00", "downtown_walkUphill", "person0", "cam"),
        ("downtown_walkUphill_00", "downtown_walkUphill", "person1", "cam"),
    }


@pytest.mark.parametrize("write", [write_regressed, write_meshes])
def test_spin14_on_regressed_joints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write: Callable[[Path], None]
) -> None:
    source = write_threedpw(tmp_path / "3DPW")
    run(capsys, "data", "prepare", "3dpw", "--source", str(source))
    assert run_command(["run", "-m", "videopose3d", "--protocol", "3dpw/spin14", "--device", "cpu"]) == 3
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert "'regressed17'" in said
    assert "J_regressor_h36m.npy and meshes/SEQUENCE.npz" in said
    write(source)
    run(capsys, "data", "prepare", "3dpw", "--source", str(source))
    assert stores() == ["3dpw+regressed17@1.safetensors", "3dpw@1.safetensors"]
    record = json.loads(
        run(capsys, "run", "-m", "videopose3d", "--protocol", "3dpw/spin14", "--device", "cpu", "--json")
    )
    assert record["protocol"]["id"] == "3dpw/spin14+gt@1"
    # The test split alone: two people, every frame with a camera.
    assert record["data"]["frames"] == 2 * 11
    assert {row["subject"] for row in record["sequences"]} == {"downtown_walkUphill_00"}


def test_a_person_without_a_valid_frame_does_not_stop_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_threedpw(tmp_path / "3DPW")
    stored = recording("flat_guitar_01", 2)
    stored["campose_valid"][0][:] = 0
    write_recording(source, "test", stored)
    run(capsys, "data", "prepare", "3dpw", "--source", str(source))
    record = json.loads(run(capsys, "run", "-m", "mean-pose", "-d", "3dpw", "--device", "cpu", "--json"))
    assert record["data"]["frames"] == 6 * 9


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_a_bad_file_leaves_no_store_and_an_older_store_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_threedpw(tmp_path / "3DPW")
    last = source / "sequenceFiles" / "test" / "downtown_walkUphill_00.pkl"
    whole = last.read_bytes()
    marker = tmp_path / "ran"
    bad = (whole[: len(whole) // 2], python2_pickle({**recording(last.stem, 1), "betas": Malicious(marker)}))
    for content in bad:
        last.write_bytes(content)
        assert run_command(["data", "prepare", "3dpw", "--source", str(source)]) == 3
        said = capsys.readouterr().err.strip()
        assert said.count("\n") == 0
        assert last.name in said
        assert stores() == []
    assert "system" in said
    last.write_bytes(whole)
    assert run_command(["data", "prepare", "3dpw", "--source", str(source)]) == 0
    store = data_root() / "stores" / "3dpw@1.safetensors"
    before = store.read_bytes()
    last.write_bytes(bad[0])
    assert run_command(["data", "prepare", "3dpw", "--source", str(source)]) == 3
    assert store.read_bytes() == before
    assert stores() == [store.name]
    assert not marker.exists()
