"""Fixtures of the training recipe's tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from training_runs import SwayAdapter

from posebench.datasets.write_store import write_store
from zoo import vocabulary


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "sway.safetensors"
    write_store(SwayAdapter(), SwayAdapter.forms[0], SwayAdapter().clips(None, SwayAdapter.forms[0]), path)
    return path


@pytest.fixture(autouse=True)
def _swaying_is_an_action(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vocabulary._LABELS, ("sway", "sway"), "walking")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def values(store_path: Path) -> dict[str, Any]:
    """A run of seconds: twelve steps of a tiny temporal network."""
    return {
        "tag": "videopose3d.tiny",
        "summary": "For a test.",
        "weights_licence": "none",
        "lifter": {
            "arch": "videopose3d",
            "config": {"filter_widths": [3, 3], "channels": 8, "dropout": 0.2, "normalize": "person"},
        },
        "data": [
            {"name": "sway", "weight": 1.0, "camera_frames": 400, "licence": "free", "store": str(store_path)},
        ],
        "steps": 12,
        "batch_size": 16,
        "warmup_steps": 2,
        "learning_rate": 0.01,
        "validate_every": 4,
        "checkpoint_every": 3,
    }
