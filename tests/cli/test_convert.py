"""`posebench convert` and what `posebench run --weights` makes of its file."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from checkpoints import containers, public_videopose3d, save_torch
from command_line import refused, run
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from posebench.errors import UsageError, WeightsError
from posebench.prediction.create import create_lifter, load_lifter
from zoo.lifters.videopose3d import TemporalNetwork

STATE = public_videopose3d()


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return save_torch(containers(STATE)["VideoPose3D"], tmp_path / "model.bin")


def test_weights_and_card(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "convert", "videopose3d", str(checkpoint))
    assert "filter_widths=[3, 3], channels=8" in said
    weights, card = tmp_path / "model.videopose3d.safetensors", tmp_path / "model.videopose3d.md"
    source = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    with safe_open(weights, framework="pt") as file:
        described = json.loads(file.metadata()["posebench"])
    assert described["arch"] == "videopose3d"
    assert described["config"] == {"filter_widths": [3, 3], "channels": 8}
    assert described["source_sha256"] == source
    text = card.read_text()
    for part in (source, hashlib.sha256(weights.read_bytes()).hexdigest(), "model.bin", "CC BY-NC 4.0", "`model_pos`",
                 "facebookresearch/VideoPose3D", "expand_conv", "random_state", "epoch 80", "--weights model.videopose3d"):  # fmt: skip
        assert part in text
    assert str(tmp_path) not in text
    before = weights.read_bytes()
    run(capsys, "convert", "videopose3d", str(checkpoint), "--json")
    assert weights.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.bin", "model.videopose3d.md", "model.videopose3d.safetensors",
    ]  # fmt: skip


def test_json_names_every_key(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = json.loads(run(capsys, "convert", "videopose3d", str(checkpoint), "-o", "sub/a.safetensors", "--json"))
    assert value["keys"] == {key: f"network.{key}" for key in STATE}
    assert Path(value["weights"]).is_file()
    assert Path(value["card"]).is_file()


PARITY_JSON = '{"config": {"filter_widths": [3, 3], "channels": 8, "causal": true}, "parameters": 3}'


@pytest.mark.parametrize(("content", "name"), [(PARITY_JSON, "v.json"), ("causal: true\nlr: 0.1\n", "v.yaml")])
def test_a_configuration_file(
    content: str, name: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content)
    value = json.loads(run(capsys, "convert", "videopose3d", str(checkpoint), "--config", name, "--json"))
    assert value["config"] == {"filter_widths": [3, 3], "channels": 8, "causal": True}


def test_a_run_has_the_configuration_of_the_file(
    checkpoint: Path, tiny: str, own_data_folder: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "convert", "videopose3d", str(checkpoint), "--config", "causal=true", "-o", "c.safetensors")
    for tag in ("videopose3d", "videopose3d.h36m_243"):
        record = json.loads(run(capsys, "run", "-m", tag, "-d", tiny, "--weights", "c.safetensors", "--json"))
        assert record["lifter"]["config"] == {"filter_widths": [3, 3], "channels": 8, "causal": True}
        assert record["lifter"]["window"] == 9
        assert record["lifter"]["look_ahead"] == 0
        assert record["lifter"]["weights_origin"] == "file"
        assert record["lifter"]["domain"] == "unknown"


def test_the_lifter_is_the_network_of_the_checkpoint(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "convert", "videopose3d", str(checkpoint), "-o", "a.safetensors")
    theirs = TemporalNetwork((3, 3), 8).eval()
    theirs.load_state_dict(STATE)
    ours = create_lifter("videopose3d", Path("a.safetensors"))
    x = torch.randn(2, 20, 17, 2)
    assert torch.equal(theirs(x), ours.network(x))  # type: ignore[operator]


def test_what_contradicts_the_file_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "convert", "videopose3d", str(checkpoint), "-o", "a.safetensors")
    path = Path("a.safetensors")
    assert load_lifter("videopose3d", path, filter_widths=(3, 3), dropout=0.1).config["dropout"] == 0.1
    with pytest.raises(UsageError, match=r"was made with channels = 8, not 16"):
        load_lifter("videopose3d", path, channels=16)
    with pytest.raises(
        WeightsError, match="is of videopose3d, not of simple_baseline; run it with --model videopose3d"
    ):
        load_lifter("simple_baseline", path)
    save_file(load_file(path), tmp_path / "odd.safetensors", metadata={"posebench": "[]"})
    with pytest.raises(WeightsError, match="does not say its configuration"):
        load_lifter("videopose3d", tmp_path / "odd.safetensors")


def test_refusals(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = save_torch({"w1.weight": torch.ones(4, 32)}, tmp_path / "other.pth")
    (tmp_path / "list.yaml").write_text("- 1\n")
    for code, said, arguments in (
        (3, "'w1.weight' of shape (4, 32)", [str(other)]),
        (3, "is not there", ["absent.bin"]),
        (2, "does not end in .safetensors", [str(checkpoint), "-o", "a.bin"]),
        (2, "--config chanels", [str(checkpoint), "--config", "chanels=3"]),
        (2, "neither KEY=VALUE nor", [str(checkpoint), "--config", "absent.yaml"]),
        (2, "holds no names and values", [str(checkpoint), "--config", "list.yaml"]),
        (2, "leave --stats away", [str(checkpoint), "--stats", str(other)]),
    ):
        assert said in refused(capsys, code, "convert", "videopose3d", *arguments)
    run(capsys, "convert", "videopose3d", str(checkpoint), "-o", "a.safetensors")
    assert "posebench's already" in refused(capsys, 3, "convert", "videopose3d", "a.safetensors", "-o", "b.safetensors")
    assert not list(tmp_path.glob("b.*"))
    assert "posebench convert videopose3d" in refused(
        capsys, 3, "run", "-m", "videopose3d", "-d", "procedural", "--weights", "model.bin"
    )
