"""`posebench verify models`: what agrees passes, and each thing that can differ is one row and exit code 1."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import public_videopose3d, random_state, save_public
from command_line import refused, run
from safetensors.torch import load_file, save_file

from posebench.conformance.models import conversion_of, verify_models
from posebench.errors import DataMissingError, WeightsError
from zoo.lifters.simple_baseline import ResidualPerceptron
from zoo.lifters.videopose3d import TemporalNetwork

NAME = "videopose3d_causal"
CONFIG = {"filter_widths": [3, 5], "channels": 8, "causal": True}


def add(
    folder: Path,
    name: str,
    module: torch.nn.Module,
    state: dict[str, torch.Tensor],
    config: dict[str, Any],
    *shape: int,
) -> None:
    """A network and what it gives, as the parity files are laid out."""
    module.load_state_dict(state)
    keypoints = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        output = module.eval()(keypoints)
    save_public(state, folder / f"{name}.safetensors")
    np.savez(folder / f"{name}_io.npz", keypoints_2d=keypoints.numpy(), output=output.numpy())
    count = sum(parameter.numel() for parameter in module.parameters())
    (folder / f"{name}.json").write_text(json.dumps({"config": config, "parameters": count}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A causal network with odd widths, and a baseline with a tail to its name."""
    add(tmp_path, NAME, TemporalNetwork((3, 5), 8, causal=True), public_videopose3d((3, 5)), CONFIG, 2, 19, 17, 2)
    perceptron = ResidualPerceptron(8, 1)
    config = {"linear_size": 8, "num_stage": 1}
    add(tmp_path, "simple_baseline_small", perceptron, random_state(ResidualPerceptron(8, 1)), config, 5, 32)
    return tmp_path


def test_what_agrees_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "verify", "models", str(folder))
    assert "2 of 2 lifters agree" in said
    rows = json.loads(run(capsys, "verify", "models", str(folder), "--json"))
    assert [row["name"] for row in rows] == ["simple_baseline_small", NAME]
    assert [row["architecture"] for row in rows] == ["simple_baseline", "videopose3d"]
    assert all(row["passed"] and row["difference"] < 1e-6 for row in rows)


def test_the_flag_of_the_file_is_heard(folder: Path) -> None:
    text = (folder / f"{NAME}.json").read_text()
    (folder / f"{NAME}.json").write_text(text.replace("true", "false"))
    assert "differs by more than 1e-05" in finding(folder)


def finding(folder: Path) -> str:
    """What is said of the causal network; the other still passes."""
    rows = {row.name: row for row in verify_models(folder)}
    assert rows["simple_baseline_small"].passed
    assert not rows[NAME].passed
    assert "\n" not in rows[NAME].finding
    return rows[NAME].finding


def change_output(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        arrays = dict(np.load(folder / f"{NAME}_io.npz"))
        np.savez(folder / f"{NAME}_io.npz", **{**arrays, "output": change(arrays["output"])})

    return apply


def change_json(**values: Any) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / f"{NAME}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return apply


def add_key(folder: Path) -> None:
    state = load_file(folder / f"{NAME}.safetensors")
    save_file({**state, "expand_conv.extra": torch.ones(2)}, folder / f"{NAME}.safetensors")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_output(lambda x: x + 1e-4), "differs by more"),
        (change_output(lambda x: x * np.nan), "differs by more"),
        (change_output(lambda x: x[:, 1:]), "output (2, 5, 17, 3) instead of (2, 4, 17, 3)"),
        (change_json(parameters=5), "parameters instead of 5"),
        (change_json(config={**CONFIG, "channels": 9}), "'expand_bn.bias' is (8,), and this videopose3d has (9,)"),
        (change_json(config=3), "TypeError"),
        (lambda folder: (folder / f"{NAME}.json").write_text("{"), ".json"),
        (lambda folder: (folder / f"{NAME}.json").unlink(), f"{NAME}.json is missing"),
        (lambda folder: (folder / f"{NAME}_io.npz").unlink(), f"{NAME}_io.npz is missing"),
        (lambda folder: (folder / f"{NAME}_io.npz").write_bytes(b"PK"), f"{NAME}_io.npz"),
        (lambda folder: (folder / f"{NAME}.safetensors").write_bytes(b"\x10" + 7 * b"\0" + b"{"), "not a whole safetensors"),
        (add_key, "'expand_conv.extra' of shape (2,)"),
    ],
)  # fmt: skip
def test_what_differs_is_one_row(
    change: Callable[[Path], object], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder)
    assert said in finding(folder)
    assert "1 of 2 lifters of" in refused(capsys, 1, "verify", "models", str(folder))


def test_a_name_of_nobody(folder: Path) -> None:
    (folder / "posenet.json").write_text("{}")
    rows = {row.name: row.finding for row in verify_models(folder)}
    assert "no converter's name is a beginning of it" in rows["posenet"]


def test_the_longest_beginning_counts() -> None:
    assert conversion_of("d3dp_denoiser_wide").architecture == "d3dp"
    assert conversion_of("poseformerv2_27").architecture == "poseformerv2"
    with pytest.raises(WeightsError):
        conversion_of("poseformer")


def test_no_folder(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataMissingError):
            verify_models(folder)


def test_every_public_network(shared: Path) -> None:
    rows = verify_models(shared / "conformance/models")
    assert len(rows) == 9
    assert [row.name for row in rows if not row.passed] == []
