"""Checkpoints as public codebases write them, small: a state dict in each of the containers in circulation."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from zoo.lifters.videopose3d import TemporalNetwork

State = dict[str, Tensor]


def public_videopose3d(widths: tuple[int, ...] = (3, 3), channels: int = 8, seed: int = 0) -> State:
    """A state dict of facebookresearch/VideoPose3D: our network has its keys."""
    return random_state(TemporalNetwork(widths, channels), seed)


def random_state(module: torch.nn.Module, seed: int = 0) -> State:
    """The module's state dict with random numbers: small weights, variances above 0."""
    stream = torch.Generator().manual_seed(seed)
    return {
        key: torch.rand(value.shape, generator=stream) + 0.5 if key.endswith("running_var")
        else 0.3 * torch.randn(value.shape, generator=stream) if value.is_floating_point()
        else torch.full_like(value, 7)
        for key, value in module.state_dict().items()
    }  # fmt: skip


def parallel(state: State) -> State:
    """As `torch.nn.DataParallel` has it."""
    return {f"module.{key}": value for key, value in state.items()}


def containers(state: State) -> dict[str, Any]:
    """What the public codebases give to `torch.save`, by repository."""
    optimizer = {"state": {0: {"step": 5, "exp_avg": torch.ones(4)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    random = np.random.RandomState(1234)
    return {
        "VideoPose3D": {
            "epoch": 80, "lr": 1e-3, "random_state": random, "optimizer": optimizer, "model_pos": state,
            "model_traj": None, "random_state_semi": np.random.RandomState(),
        },
        "MixSTE": {
            "epoch": 7, "lr": 4e-5, "random_state": random, "optimizer": optimizer, "model_pos": parallel(state),
            "min_loss": np.float64(40.9),
        },
        "MotionAGFormer": {
            "epoch": 90, "lr": 1e-4, "optimizer": optimizer, "model": parallel(state), "min_mpjpe": 38.4, "wandb_id": "3x",
        },
        "SemGCN": {"state_dict": state, "epoch": 50, "lr": 1e-3, "step": 9, "optimizer": optimizer, "error": np.float32(43)},
        "Wehrbein": {"net": state},
        "ZeDO": {"model_state_dict": parallel(state), "step": 3},
        "Diffpose": [parallel(state), optimizer, 30, 1000],
        "P-STMO": parallel(state),
        "MHFormer": state,
    }  # fmt: skip


def save_torch(value: Any, path: Path, new: bool = True) -> Path:
    """`torch.save`, as a zip archive or as before PyTorch 1.6."""
    torch.save(value, path, _use_new_zipfile_serialization=new)
    return path


def save_public(state: State, path: Path) -> Path:
    """Safetensors with public keys."""
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


def members(path: Path) -> dict[str, bytes]:
    """The members of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(content: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file.getvalue()
