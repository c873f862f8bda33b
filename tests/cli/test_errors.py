"""Errors at the command line: one sentence, the documented exit code, no traceback, nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from command_line import refused
from torch import nn

import posebench
from posebench.datasets.library import data_root
from posebench.registry.decorators import register_lifter


def test_an_unknown_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'videopose3d'" in refused(capsys, 2, "run", "-m", "videopse3d", "-d", "procedural")


def test_an_unknown_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'procedural'" in refused(capsys, 2, "run", "-m", "mean-pose", "-d", "procedurl")


def test_an_unknown_2d_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'simulated'" in refused(capsys, 2, "run", "-m", "mean-pose", "-d", "procedural", "--keypoints", "simulate")


def test_a_data_set_without_data_names_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = refused(capsys, 3, "run", "-m", "mean-pose", "-d", "hdm05")
    assert "posebench data prepare hdm05 --source DIR" in sentence


def test_a_model_without_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--weights FILE" in refused(capsys, 3, "run", "-m", "videopose3d.h36m_243", "-d", "procedural")


def test_weights_that_do_not_fit_name_the_first_key(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import save_file

    state = posebench.create_lifter("videopose3d").state_dict()
    state["network.shrink.weight"] = state["network.shrink.weight"][:3].clone()
    save_file(state, tmp_path / "w.safetensors")
    sentence = refused(
        capsys, 3, "run", "-m", "videopose3d", "-d", "tiny", "--weights", str(tmp_path / "w.safetensors")
    )
    assert "network.shrink.weight" in sentence
    (tmp_path / "w.safetensors").write_bytes(b"not a safetensors file")
    refused(capsys, 3, "run", "-m", "videopose3d", "-d", "tiny", "--weights", str(tmp_path / "w.safetensors"))


def test_altered_bundled_weights_are_found_by_their_hash(
    tiny: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dataclasses import replace

    from posebench.errors import WeightsError
    from posebench.prediction.weights import find_weights
    from posebench.registry.resolve import resolve_model

    tag = resolve_model("videopose3d")
    assert tag.described.weights is not None
    assert tag.root is not None
    file = tmp_path / str(tag.described.weights.file)
    file.parent.mkdir()
    content = bytearray((tag.root / str(tag.described.weights.file)).read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="sha256") as caught:
        find_weights(replace(tag, root=tmp_path))
    assert caught.value.exit_code == 3


def test_unwritable_output_is_found_before_the_work(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    calls = []

    @register_lifter("counts", spec=posebench.LifterSpec())
    class Counts(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            calls.append(1)
            return torch.zeros(len(inputs.keypoints), 1, 17, 3)

    for option in ("--output", "--predictions", "--records"):
        refused(capsys, 2, "run", "-m", "counts", "-d", "tiny", option, str(file / "below"))
    refused(capsys, 2, "run", "-m", "counts", "-d", "tiny", "--output", str(tmp_path))
    assert not calls


def test_nan_has_its_own_code(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    @register_lifter("nan", spec=posebench.LifterSpec())
    class Nan(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            return torch.full((len(inputs.keypoints), 1, 17, 3), float("nan"))

    assert "S2/sway/0/east" in refused(capsys, 4, "run", "-m", "nan", "-d", "tiny")


@pytest.mark.parametrize("size", ["0", "-3", "many", "1.5"])
def test_a_batch_size_that_is_none(tiny: str, size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--batch-size" in refused(capsys, 2, "run", "-m", "mean-pose", "-d", "tiny", "--batch-size", size)


def test_a_limit_that_is_none(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--limit" in refused(capsys, 2, "run", "-m", "mean-pose", "-d", "tiny", "--limit", "0")


def test_a_device_that_is_not_here(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--device cpu" in refused(capsys, 2, "run", "-m", "mean-pose", "-d", "tiny", "--device", "tpu9")


def test_contradicting_protocols(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, 2, "run", "-m", "mean-pose", "-d", "tiny", "-p", "hdm05/standard")
    refused(capsys, 2, "run", "-m", "mean-pose", "-p", "tiny/standard+gt", "--keypoints", "simulated")
    refused(capsys, 2, "run", "-m", "mean-pose", "-p", "tiny/standard@7")
    refused(capsys, 2, "run", "-m", "mean-pose", "-p", "nonsense")
    refused(capsys, 2, "run", "-m", "mean-pose")


def test_score_of_something_that_is_no_prediction_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "manifest.json" in refused(capsys, 3, "score", str(tmp_path))
    (tmp_path / "manifest.json").write_text('{"format": 9}')
    refused(capsys, 3, "score", str(tmp_path))


def test_preparing_without_or_with_a_wrong_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--source DIR" in refused(capsys, 2, "data", "prepare", "hdm05")
    refused(capsys, 3, "data", "prepare", "hdm05", "--source", str(tmp_path / "absent"))
    refused(capsys, 3, "data", "prepare", "hdm05", "--source", str(tmp_path))
    refused(capsys, 2, "data", "prepare", "procedural", "--source", str(tmp_path))
    assert not list(data_root().rglob("*hdm05*"))


SLOW = """
import sys, time, torch, posebench
from posebench.registry.decorators import register_lifter
@register_lifter("slow", spec=posebench.LifterSpec())
class Slow(torch.nn.Module):
    def lift(self, inputs):
        time.sleep(0.05)
        return torch.zeros(len(inputs.keypoints), 1, 17, 3)
from posebench.cli.main import run_command
sys.exit(run_command(sys.argv[1:]))
"""


def test_ctrl_c_keeps_what_was_computed_and_the_same_command_finishes(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    folder = tmp_path / "p"
    command = [sys.executable, str(script), "run", "-m", "slow", "-d", "procedural", "--predictions", str(folder)]
    environment = {**os.environ, "POSEBENCH_DATA": str(data_root())}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        # A suite started in the background by a shell inherits an ignored SIGINT, and hands it on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(folder.glob("sequences/*.safetensors"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    kept = {file: file.stat().st_mtime_ns for file in folder.glob("sequences/*.safetensors")}
    assert len(kept) >= 3
    assert not list(folder.rglob("*.part"))
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert finished.returncode == 0, finished.stderr
    assert all(file.stat().st_mtime_ns == when for file, when in kept.items())
    assert len(list(folder.glob("sequences/*.safetensors"))) > len(kept)
