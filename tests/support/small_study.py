"""A study of small lifters: its file, its configurations, their training in seconds, and the command line on it."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from training_runs import SwayAdapter, start

from posebench.datasets.write_store import write_store
from zoo import __main__ as command_line
from zoo import vocabulary
from zoo.training.config import find_config, load_config
from zoo.training.export import export

BASE = {
    "weights_licence": "none",
    "lifter": {
        "arch": "dreampose3d",
        "config": {
            "frames": 9, "dim": 16, "depth": 1, "heads": 2, "prompt": "learned", "prompt_dim": 16,
            "actions": ["walking"], "normalize": "person",
        },
    },
    "flip": False,
    "steps": 3,
    "batch_size": 4,
    "warmup_steps": 1,
    "validation_sources": ["gt"],
}  # fmt: skip
#: Configurations by tag; all but the last are trained.
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "dreampose3d.whole": BASE,
    "dreampose3d.whole_s1": {"extends": "dreampose3d.whole", "seed": 1},
    "dreampose3d.plain": {"extends": "dreampose3d.whole", "lifter": {"config": {"prompt": "none"}}},
    "mixste.beside": {
        **BASE,
        "lifter": {"arch": "mixste", "config": {"frames": 9, "dim": 16, "depth": 1, "heads": 2, "normalize": "person"}},
        "flip": True,
    },
    "dreampose3d.never": {"extends": "dreampose3d.whole", "loss": {"bone": 0.1}},
}
STUDY = {
    "title": "Parts",
    "summary": "For a test.",
    "reference": "whole",
    "protocols": {"tiny/standard": ["gt", "simulated"]},
    "rows": [
        {"name": "whole", "what": "all", "configurations": ["dreampose3d.whole", "dreampose3d.whole_s1"]},
        {"name": "plain", "what": "no prompt", "configurations": ["dreampose3d.plain"]},
        {"name": "beside", "what": "MixSTE", "configurations": ["mixste.beside"], "against": "plain"},
        {"name": "never", "what": "bones", "configurations": ["dreampose3d.never"]},
    ],
    "groups": [{"title": "Turning", "dataset": "tiny", "labels": ["turning around"], "rows": ["whole", "plain", "never"]}],
    "sweeps": [
        {"configuration": "dreampose3d.whole", "protocol": "tiny/standard+gt", "hypotheses": [1, 3], "steps": [1, 2]}
    ],
}  # fmt: skip


def train_study(folder: Path) -> None:
    """Write `configs` into a folder, and the finished `runs` of all but the last."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    store, configs = folder / "sway.safetensors", folder / "configs"
    configs.mkdir()
    write_store(SwayAdapter(), SwayAdapter.forms[0], SwayAdapter().clips(None, SwayAdapter.forms[0]), store)
    data = {"name": "sway", "weight": 1.0, "camera_frames": 100, "licence": "free", "store": str(store)}
    for tag, value in CONFIGURATIONS.items():
        own = {} if "extends" in value else {"data": [data]}
        (configs / f"{tag}.yaml").write_text(yaml.safe_dump({**value, **own, "tag": tag, "summary": "For a test."}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.training.config.CONFIGS", configs)
        patch.setitem(vocabulary._LABELS, ("sway", "sway"), "walking")
        for tag in CONFIGURATIONS:
            if tag != "dreampose3d.never":
                config, place = load_config(find_config(tag)), folder / "runs" / tag
                place.parent.mkdir(exist_ok=True)
                run = start(config.model_dump(mode="json"), place)
                run.run()
                export(run)
    torch.set_num_threads(threads)


def command(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """`python -m zoo study` with these arguments; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["zoo", "study", *arguments])
    with pytest.raises(SystemExit) as leave:
        command_line.main()
    return int(leave.value.code or 0)
