"""Preparing, verifying and running Human3.6M through the command line, on files in exactly the layouts in circulation."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from command_line import stores
from human36m_files import (
    motionbert_content,
    save_2d,
    videopose3d_content,
    write_mmpose,
    write_motionbert,
    write_videopose3d,
)

from posebench.cli.main import run_command
from posebench.datasets.library import data_root

pytestmark = pytest.mark.usefixtures("own_data_folder")


def prepare(source: Path) -> int:
    return run_command(["data", "prepare", "human36m", "--source", str(source)])


def test_prepare_verify_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "h36m"
    write_videopose3d(source, sources={"cpn_ft_h36m_dbb": 3.0, "gt": 0.0}, extra=2)
    write_motionbert(source / "motion3d")
    write_mmpose(source, step=5)
    assert prepare(source) == 0
    assert stores() == ["human36m+fps10@1.safetensors", "human36m+motionbert@1.safetensors", "human36m@1.safetensors"]
    said = capsys.readouterr().out
    assert "stored 2D: cpn_ft_h36m_dbb, gt_npz" in said
    assert "ground truth: image25d" in said

    assert run_command(["data", "verify", "human36m", "--json"]) == 0
    checks = {(check["form"], check["name"]): check for check in json.loads(capsys.readouterr().out)}
    assert all(check["passed"] for check in checks.values())
    assert "120 cut" in checks["", "extra 2D frames"]["detail"]
    assert "9 sequences" not in checks["", "sequences"]["detail"]
    assert ("motionbert", "2D gt") in checks
    assert ("fps10", "2D gt_npz") in checks

    assert run_command(["run", "-m", "mean-pose", "-d", "human36m", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protocol"]["id"] == "human36m/videopose3d+cpn_ft_h36m_dbb@1"
    assert record["data"]["frames"] == 9 * 12 * 4
    assert {row["subject"] for row in record["sequences"]} == {"S9", "S11"}
    assert {row["camera"] for row in record["sequences"]} == {"54138969", "55011271", "58860488", "60457274"}
    assert record["data"]["fps"] == 50.0


def test_run_takes_a_stored_source_and_a_trained_lifter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    takes = {"S1": ("Posing",), "S9": ("Greeting", "Posing 1")}
    source = write_videopose3d(tmp_path / "h36m", takes, frames=40, sources={"cpn_ft_h36m_dbb": 3.0, "hrnet": 2.0})
    assert prepare(source / "data_3d_h36m.npz") == 0
    capsys.readouterr()
    run = ["run", "-m", "videopose3d", "-d", "human36m", "--keypoints", "hrnet", "--limit", "100", "--json"]
    assert run_command(run) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protocol"]["id"] == "human36m/videopose3d+hrnet@1"
    assert record["data"]["frames"] == 100
    assert run_command([*run[:5], "--keypoints", "sh_ft_h36m", "--limit", "10"]) == 3
    assert "it has cpn_ft_h36m_dbb, hrnet" in capsys.readouterr().err


def test_a_damaged_file_leaves_no_store_and_an_older_store_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    takes = {"S9": ("Posing",)}
    source = write_videopose3d(tmp_path / "h36m", takes)
    whole = (source / "data_3d_h36m.npz").read_bytes()
    (source / "data_3d_h36m.npz").write_bytes(whole[: len(whole) // 2])
    assert prepare(source) == 3
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert "data_3d_h36m.npz" in said
    assert stores() == []
    (source / "data_3d_h36m.npz").write_bytes(whole)
    assert prepare(source) == 0
    before = (data_root() / "stores" / "human36m@1.safetensors").read_bytes()
    _, keypoints = videopose3d_content(takes, frames=9)
    save_2d(source / "data_2d_h36m_cpn_ft_h36m_dbb.npz", keypoints)
    capsys.readouterr()
    assert prepare(source) == 3
    assert "S9 Posing camera 54138969 has 9 frames of 2D for 12 poses" in capsys.readouterr().err
    assert (data_root() / "stores" / "human36m@1.safetensors").read_bytes() == before


class _Call:
    """A pickle of it runs a command when it is read."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.made}",)


def test_no_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "ran"
    content = motionbert_content()
    content["test"]["extra"] = _Call(made)
    assert prepare(write_motionbert(tmp_path / "pickle", content)) == 3
    assert "h36m_sh_conf_cam_source_final.pkl" in capsys.readouterr().err
    (tmp_path / "npz").mkdir()
    np.savez(tmp_path / "npz" / "data_3d_h36m.npz", positions_3d=np.array(_Call(made), dtype=object))
    assert prepare(tmp_path / "npz") == 3
    assert "data_3d_h36m.npz" in capsys.readouterr().err
    (tmp_path / "pickle" / "h36m_sh_conf_cam_source_final.pkl").write_bytes(pickle.dumps(motionbert_content())[:-4000])
    assert prepare(tmp_path / "pickle") == 3
    assert not made.exists()
    assert stores() == []
