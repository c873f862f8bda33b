"""Priors of poses with random weights, as files that `--weights` takes."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from posebench.prediction.create import build_module
from posebench.registry.resolve import resolve_model

SINGLE = {"frames": 1, "dim": 16, "depth": 1, "frequencies": 1}
MOTION = {"frames": 9, "dim": 16, "depth": 1, "frequencies": 4}
NAME = "heatmap_diffusion"


def write_prior(path: Path, config: dict[str, int] | None = None, seed: int = 0) -> Path:
    """A safetensors file of a prior that knows the size of a person and little else."""
    config = config or SINGLE
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = build_module(resolve_model(NAME), dict(config))
    module.network.deviation.fill_(0.3)  # type: ignore[union-attr, operator]
    metadata = {"posebench": json.dumps({"arch": NAME, "config": config, "tag": NAME})}
    save_file({key: value.contiguous() for key, value in module.state_dict().items()}, path, metadata)
    return path
