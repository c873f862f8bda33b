"""A user's own poses through the command line, and the page that explains it: its code runs as it stands there."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from array_files import seen, walking, world_file, write
from command_line import stores
from tiny import tiny_cameras

from posebench.cli.main import run_command
from posebench.datasets.library import data_root

PAGE = Path(__file__).parents[2] / "docs" / "add-a-dataset.md"


pytestmark = pytest.mark.usefixtures("own_data_folder")


def test_prepare_verify_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "clips"
    write(source / "a.npz", world_file(30, split="train", subject="P1"))
    write(source / "b.npz", world_file(40, subject="P2"))
    write(source / "c.safetensors", world_file(25, subject="P3", action="wave", fps=50.0))
    assert run_command(["data", "prepare", "arrays", "--source", str(source)]) == 0
    assert stores() == ["arrays@1.safetensors"]
    assert run_command(["data", "verify", "arrays"]) == 0, capsys.readouterr().out
    capsys.readouterr()
    assert run_command(["run", "-m", "videopose3d", "-d", "arrays", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protocol"]["id"] == "arrays/standard+gt@1"
    assert record["data"]["frames"] == 40 + 25
    assert record["data"]["fps"] == 25.0
    assert set(record["by_group"]) == {"walk", "wave"}
    # What every other rule scores: not what the user's detector saw.
    assert run_command(["run", "-m", "mean-pose", "-d", "arrays", "--keypoints", "user", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protocol"]["id"] == "arrays/standard+user@1"


def test_a_user_s_keypoints_are_what_is_lifted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shifted = seen(walking(), tiny_cameras()[0]) * [1.0, 1.1]
    write(tmp_path / "clips" / "a.npz", world_file(keypoints=shifted))
    assert run_command(["data", "prepare", "arrays", "--source", str(tmp_path / "clips")]) == 0
    errors = {}
    for source in ("gt", "user"):
        capsys.readouterr()
        assert run_command(["run", "-m", "videopose3d", "-d", "arrays", "--keypoints", source, "--json"]) == 0
        errors[source] = json.loads(capsys.readouterr().out)["results"]["honest"]["p-agg"]["mpjpe"]
    assert errors["gt"] != errors["user"]


def test_a_mistake_leaves_the_older_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "clips"
    write(source / "a.npz", world_file())
    assert run_command(["data", "prepare", "arrays", "--source", str(source)]) == 0
    before = (data_root() / "stores" / stores()[0]).read_bytes()
    write(source / "b.npz", world_file(poses=walking() / 1000))
    capsys.readouterr()
    assert run_command(["data", "prepare", "arrays", "--source", str(source)]) == 3
    said = capsys.readouterr().err.strip()
    assert "b.npz has 'poses'" in said
    assert "add units='m'" in said
    assert "\n" not in said
    assert (data_root() / "stores" / stores()[0]).read_bytes() == before
    assert stores() == ["arrays@1.safetensors"]


def test_swapped_sides_fail_verification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from posebench.skeletons import HUMAN36M_17

    write(tmp_path / "a.npz", world_file(poses=walking()[:, HUMAN36M_17.mirrored], keypoints=None))
    assert run_command(["data", "prepare", "arrays", "--source", str(tmp_path / "a.npz")]) == 0
    assert run_command(["data", "verify", "arrays"]) == 1
    assert "left and right were swapped" in " ".join(capsys.readouterr().out.split())


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_s_first_script_writes_a_file_that_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    camera = tiny_cameras()[0]
    values = world_file()
    np.savez(
        tmp_path / "mine.npz", world=walking(), R=values["rotation"], t=values["translation"], f=camera.focal,
        c=camera.center, detected=values["keypoints"],
    )  # fmt: skip
    exec(blocks("python")[0], {})
    assert run_command(["data", "prepare", "arrays", "--source", str(tmp_path / "clips")]) == 0
    assert run_command(["data", "verify", "arrays"]) == 0, capsys.readouterr().out


def test_the_page_s_adapter_is_whole_and_short(
    registry: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = blocks("python")[1]
    assert len(code.splitlines()) < 40
    for name in ("walk", "wave"):
        (tmp_path / "files").mkdir(exist_ok=True)
        np.savetxt(tmp_path / "files" / f"P1_{name}.csv", walking(12).reshape(12, -1) / 1000, delimiter=",")
    monkeypatch.setattr(sys, "argv", ["mydata.py", "data", "prepare", "mydata", "--source", str(tmp_path / "files")])
    with pytest.raises(SystemExit) as done:
        exec(code, {"__name__": "__main__"})
    assert done.value.code == 0, capsys.readouterr().err
    # What the script registered is there for the commands that it would be run with next.
    assert run_command(["data", "verify", "mydata"]) == 0, capsys.readouterr().out
    capsys.readouterr()
    assert run_command(["run", "-m", "videopose3d", "-d", "mydata", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protocol"]["id"] == "mydata/standard+gt@1"
    assert set(record["by_group"]) == {"walk", "wave"}
    # Four virtual cameras each.
    assert record["data"]["frames"] == 2 * 12 * 4
