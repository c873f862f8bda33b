"""A DreamPose3D with `prompt: clip`: made, trained, exported and loaded; it belongs to the very CLIP that it was trained with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from clip_files import save_clip, sha256_of
from safetensors import safe_open
from training_runs import SwayAdapter, start

from posebench.datasets.library import data_root
from posebench.datasets.write_store import write_store
from posebench.errors import UsageError, WeightsError
from posebench.prediction.create import LoadedLifter, load_lifter
from posebench.prediction.lifter import LifterInputs
from posebench.results.api import evaluate
from posebench.seeding import torch_generator
from zoo import vocabulary
from zoo.blocks.clip_text import ClipText
from zoo.lifters.dreampose3d import DreamPose3D
from zoo.training.export import export

pytest.importorskip("transformers", reason="the extra 'clip' is not installed")

SMALL: dict[str, Any] = {
    "frames": 9, "dim": 16, "depth": 1, "heads": 2, "prompt": "clip", "prompt_dim": 16, "actions": ["walking", "running"],
    "clip": "small", "normalize": "person",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Path:
    return save_clip(data_root() / "clip" / "small")


@pytest.fixture(scope="module")
def weights(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for three steps."""
    place = tmp_path_factory.mktemp("clip-run")
    store = place / "sway.safetensors"
    write_store(SwayAdapter(), SwayAdapter.forms[0], SwayAdapter().clips(None, SwayAdapter.forms[0]), store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vocabulary._LABELS, ("sway", "sway"), "walking")
        run = start(
            {
                "tag": "dreampose3d.small", "summary": "For a test.", "weights_licence": "none",
                "lifter": {"arch": "dreampose3d", "config": {**SMALL, "clip_sha256": sha256_of(folder)}},
                "data": [{"name": "sway", "weight": 1.0, "camera_frames": 100, "licence": "free", "store": str(store)}],
                "loss": {"action": 0.1}, "flip": False, "steps": 3, "batch_size": 4, "warmup_steps": 1,
                "validation_sources": ["gt"],
            },
            place / "run",
        )  # fmt: skip
        before = {name: value.clone() for name, value in run.lifter.state_dict().items()}
        run.run()
    after = run.lifter.state_dict()
    # The reader learns through the frozen text model.
    assert any(not torch.equal(after[name], value) for name, value in before.items() if ".reader." in name)
    return export(run)


def poses_of(lifter: LoadedLifter) -> torch.Tensor:
    pixels = 500 + 200 * torch.sin(torch.arange(2 * 9 * 34.0)).reshape(2, 9, 17, 2)
    streams = tuple(torch_generator("clip", window) for window in range(2))
    shown = LifterInputs(pixels, torch.ones(2, 9, 17), torch.tensor([1e3, 1e3]), 50.0, noise_streams=streams)
    with torch.inference_mode():
        poses: torch.Tensor = lifter.module.lift(shown)  # type: ignore[operator]
    return poses


def test_its_weights_go_through_a_file_without_clip(weights: Path, folder: Path) -> None:
    with safe_open(weights, framework="pt") as file:
        names, described = list(file.keys()), json.loads(file.metadata()["posebench"])
    assert not any("frozen" in name or ".text." in name for name in names)
    assert (described["config"]["clip"], described["config"]["clip_sha256"]) == ("small", sha256_of(folder))
    lifter = load_lifter("dreampose3d", weights)
    assert isinstance(lifter.module, DreamPose3D)
    prompt = lifter.module.network.prompt
    assert prompt is not None
    assert isinstance(prompt.text, ClipText)
    poses = poses_of(lifter)
    assert poses.shape == (2, 1, 9, 17, 3)
    assert torch.equal(poses, poses_of(load_lifter("dreampose3d", weights)))


@pytest.fixture
def replaced(folder: Path) -> Iterator[str]:
    """Another CLIP in the folder of the first; its hash."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    yield sha256_of(save_clip(folder, seed=1))
    for path, content in before.items():
        path.write_bytes(content)


def test_another_clip_under_its_name_is_refused(weights: Path, replaced: str) -> None:
    with pytest.raises(
        WeightsError, match=f"The files of the CLIP small have the sha256 {replaced}, and .* is asked for"
    ):
        load_lifter("dreampose3d", weights)
    # Nor can the hash be said otherwise of weights that have theirs.
    with pytest.raises(UsageError, match="was made with clip_sha256 = "):
        load_lifter("dreampose3d", weights, clip_sha256=replaced)


def test_a_record_names_the_clip_and_no_place_on_this_machine(weights: Path, folder: Path, tiny: str) -> None:
    record = evaluate("dreampose3d", dataset=tiny, weights=weights, device="cpu")
    assert (record.lifter.config["clip"], record.lifter.config["clip_sha256"]) == ("small", sha256_of(folder))
    assert str(data_root()) not in json.dumps(record.lifter.model_dump(mode="json"))
