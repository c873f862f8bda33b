"""What a finished run leaves behind, and the command line."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

from posebench.errors import DataMissingError, UsageError
from posebench.hashing import hash_file
from posebench.prediction.create import load_lifter
from posebench.results.environment import posebench_version
from zoo import __main__ as command_line
from zoo.lifters.videopose3d import VideoPose3D
from zoo.training.config import find_config, load_config
from zoo.training.export import NOTES, ZOO, publish
from zoo.training.loop import Training
from zoo.training.origin import verify_card
from zoo.training.stores import TrainingStore
from zoo.training.validate import read_validation, validate

ROOT = Path(__file__).parents[2]


def command(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["zoo", *arguments])
    with pytest.raises(SystemExit) as leave:
        command_line.main()
    return int(leave.value.code or 0)


@pytest.fixture
def finished(values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The configuration and folder of a run through the command line."""
    config, folder = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(values))
    assert (
        command(
            "train", str(config), "--out", str(folder), "--threads", "1", "--device", "cpu", monkeypatch=monkeypatch
        )
        == 0
    )
    return config, folder


def test_a_run_leaves_weights_card_and_numbers(finished: tuple[Path, Path], tmp_path: Path) -> None:
    config, folder = load_config(finished[0]), finished[1]
    path = folder / "videopose3d.tiny.safetensors"
    lifter = VideoPose3D(**config.lifter.config)
    lifter.load_state_dict(load_file(path), strict=True)
    with safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["posebench"])
    arguments = {
        "filter_widths": [3, 3],
        "channels": 8,
        "causal": False,
        "dropout": 0.2,
        "normalize": "person",
        "fps": 50.0,
    }
    assert described == {
        "tag": "videopose3d.tiny",
        "arch": "videopose3d",
        "config": arguments,
        "training_sha256": config.hash,
    }
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["4", "8", "12"]
    best = min(rows, key=lambda row: float(row["validation"]))
    # The exported weights are the selected ones: scored again they give the same number.
    lifter.eval()
    found = read_validation(
        [TrainingStore(config.data[0])], config.validation_sources, lifter.spec, torch.device("cpu")
    )
    numbers = validate(lifter, found, config.flip)
    assert {name: pytest.approx(float(best[name]), rel=1e-5) for name in numbers} == numbers
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    card = (folder / "videopose3d.tiny.md").read_text()
    for fact in (
        hash_file(path),
        "| sway",
        "S1",
        "S2",
        "free",
        "12 steps",
        f"{numbers['sway/gt']:.1f}",
        "python -m zoo train videopose3d.tiny --device cpu --threads 1",
        f"- Configuration: sha256 `{config.hash}`",
        f"{sum(value.numel() for value in lifter.parameters()):,} parameters",
        f"posebench {posebench_version()}",
        "it declares 50 frames a second",
    ):
        assert fact in card, fact
    assert "loss:" not in card
    assert str(tmp_path) not in card
    entry = yaml.safe_load((folder / "videopose3d.tiny.manifest.yaml").read_text())["tiny"]
    assert entry["config"] == arguments
    assert entry["weights"] == {
        "file": "weights/videopose3d.tiny.safetensors",
        "sha256": hash_file(path),
        "licence": "none",
    }
    assert entry["trained_on"] == [{"dataset": "sway", "split": "train", "version": "1", "source": "3d"}]


def test_publishing_copies_weights_and_card(
    finished: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(finished[0])
    weights, card = publish(config, finished[1], tmp_path / "zoo")
    assert hash_file(weights) == hash_file(finished[1] / weights.name)
    assert weights == tmp_path / "zoo" / "weights" / "videopose3d.tiny.safetensors"
    assert card == tmp_path / "zoo" / "cards" / "videopose3d.tiny.md"
    own = finished[1] / card.name
    assert card.read_text() == own.read_text()
    notes = tmp_path / "zoo" / "cards" / "notes" / card.name
    notes.parent.mkdir()
    notes.write_text("## Discussion\n\nIt sways.\n")
    publish(config, finished[1], tmp_path / "zoo")
    assert card.read_text() == f"{own.read_text()}\n## Discussion\n\nIt sways.\n"
    notes.unlink()
    publish(config, finished[1], tmp_path / "zoo")
    with pytest.raises(DataMissingError, match="not finished"):
        publish(config, tmp_path, tmp_path / "zoo")
    other = config.model_copy(update={"steps": 99, "seed": 7})
    with pytest.raises(
        UsageError, match=r"do not say that they were trained by the configuration videopose3d\.tiny as it"
    ):
        publish(other, finished[1], tmp_path / "other")
    for wrong in (
        card.read_text().replace(config.hash, other.hash),
        card.read_text().replace(hash_file(weights), "0" * 64),
    ):
        own.write_text(wrong)
        with pytest.raises(UsageError, match=r"The card of videopose3d\.tiny does not name that configuration"):
            publish(config, finished[1], tmp_path / "other")
    own.write_text(card.read_text())
    monkeypatch.setattr("zoo.training.export.LARGEST", 1000)
    with pytest.raises(UsageError, match="bytes"):
        publish(config, finished[1], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_bundled_weights_are_those_of_the_configurations() -> None:
    """One command trains them again: the card names the configuration as it is now."""
    cards = {path.stem: path.read_text() for path in (ZOO / "cards").glob("*.md")}
    named = {tag: text for tag, text in cards.items() if "- Configuration: sha256" in text}
    assert len(named) >= 2
    for tag, text in named.items():
        verify_card(load_config(find_config(tag)), text, hash_file(ZOO / "weights" / f"{tag}.safetensors"))


def test_bundled_cards_end_with_their_notes() -> None:
    notes = list((ZOO / "cards" / NOTES).glob("*.md"))
    assert notes
    for path in notes:
        card = (ZOO / "cards" / path.name).read_text()
        assert card.endswith(f"\n\n{path.read_text()}")


def test_weights_of_a_run_inherit_nothing_of_a_tag(finished: tuple[Path, Path]) -> None:
    loaded = load_lifter("videopose3d", finished[1] / "videopose3d.tiny.safetensors")
    assert loaded.config == {
        "filter_widths": [3, 3], "channels": 8, "causal": False, "dropout": 0.2, "normalize": "person", "fps": 50.0,
    }  # fmt: skip


def test_a_finished_run_is_exported_again_as_it_was(
    finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = finished
    before = {path.name: path.read_bytes() for path in folder.glob("videopose3d.tiny.*")}
    assert len(before) == 3
    monkeypatch.setattr("zoo.training.sessions.cpu_model", lambda: "Abacus")
    arguments = ("train", str(config), "--out", str(folder), "--threads", "2", "--device", "cpu")
    assert command(*arguments, monkeypatch=monkeypatch) == 0
    assert {path.name: path.read_bytes() for path in folder.glob("videopose3d.tiny.*")} == before


def test_a_fresh_run_that_is_stopped_leaves_nothing_to_publish(
    finished: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: Training) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "run", stopped)
    config, folder = finished
    arguments = ("train", str(config), "--out", str(folder), "--threads", "1", "--device", "cpu", "--fresh")
    assert command(*arguments, monkeypatch=monkeypatch) == 130
    assert not list(folder.iterdir())
    with pytest.raises(DataMissingError, match="not finished"):
        publish(load_config(config), folder, tmp_path / "zoo")


def test_fresh_forgets_what_was_done(finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    config, folder = finished
    text = config.read_text().replace("learning_rate: 0.01", "learning_rate: 0.02")
    config.write_text(text)
    arguments = ("train", str(config), "--out", str(folder), "--threads", "1", "--device", "cpu")
    assert command(*arguments, monkeypatch=monkeypatch) == 2
    assert command(*arguments, "--fresh", monkeypatch=monkeypatch) == 0


def test_the_command_line_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("train", "nothing", monkeypatch=monkeypatch) == 3
    assert "error: There is no training configuration 'nothing'" in capsys.readouterr().err
    bad = tmp_path / "bad.yaml"
    bad.write_text("tag: 1")
    assert command("train", str(bad), monkeypatch=monkeypatch) == 2
    assert "`tag`" in capsys.readouterr().err
    assert command("train", "x", "--device", "tpu", monkeypatch=monkeypatch) == 2


def test_the_command_line_is_quick_to_import() -> None:
    code = "import sys, zoo.__main__; sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
