"""Lifters that cheat a clock, each in its own way, and the honest one that they pretend to be."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec
from posebench.registry.decorators import register_lifter

#: Passes after which a lifter that waits begins to cheat: more than a warm-up and the first look at it have.
PATIENCE = 25


class Honest(nn.Module):
    """Some work that its output depends on, a millisecond or so: poses are keypoints with a depth."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.randn((640, 640), generator=torch.Generator().manual_seed(0)) / 640**0.5
        self.weight = nn.Parameter(weight, requires_grad=False)

    def lift(self, inputs: LifterInputs) -> Tensor:
        flat = inputs.keypoints.flatten(1)
        work = flat.repeat(1, -(-640 // flat.shape[1]))[:, :640, None].expand(-1, -1, 64)
        for _ in range(4):
            work = torch.tanh(self.weight @ work)
        depth = 100 * work.mean(dim=(1, 2))[:, None, None, None].expand(*inputs.keypoints.shape[:-1], 1)
        poses = torch.cat([inputs.keypoints, depth], -1)
        return poses - poses[:, :, :1]


class CachesByPointer(Honest):
    """Keeps what it made of a tensor, by where the tensor lies."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[tuple[int, ...], Tensor] = {}

    def lift(self, inputs: LifterInputs) -> Tensor:
        # Poses of another shape would be no cheat but a broken contract.
        key = (inputs.keypoints.data_ptr(), *inputs.keypoints.shape)
        if key not in self.made:
            self.made[key] = super().lift(inputs)
        return self.made[key]


class CachesByContent(Honest):
    """Keeps what it made of an input, by what it holds: never wrong, only never again at work."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[bytes, Tensor] = {}

    def lift(self, inputs: LifterInputs) -> Tensor:
        key = inputs.keypoints.numpy().tobytes()
        if key not in self.made:
            self.made[key] = super().lift(inputs)
        return self.made[key]


class StopsWorking(Honest):
    """Zeros after so many calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def lift(self, inputs: LifterInputs) -> Tensor:
        self.calls += 1
        if self.calls > PATIENCE:
            return torch.zeros(*inputs.keypoints.shape[:-1], 3)
        return super().lift(inputs)


#: Calls in this process: state that no copy of a module has of its own.
_CALLS = {"all": 0}


class StopsEverywhere(Honest):
    """Zeros after so many calls of any copy."""

    def lift(self, inputs: LifterInputs) -> Tensor:
        _CALLS["all"] += 1
        if _CALLS["all"] > PATIENCE:
            return torch.zeros(*inputs.keypoints.shape[:-1], 3)
        return super().lift(inputs)


class ReturnsThePrevious(Honest):
    """Hands out what it made of the input before."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[int, Tensor] = {}

    def lift(self, inputs: LifterInputs) -> Tensor:
        size = len(inputs.keypoints)
        poses = super().lift(inputs)
        old = self.before.get(size, poses)
        self.before[size] = poses
        return old


class LiftsHalf(Honest):
    """Lifts the first clip of a batch alone and hands it out for all."""

    def lift(self, inputs: LifterInputs) -> Tensor:
        poses = super().lift(inputs)
        return poses[:1].expand_as(poses)


def register(name: str, factory: Callable[[], nn.Module]) -> str:
    """Register a lifter of single frames in this process."""
    _CALLS["all"] = 0

    @register_lifter(name, spec=lambda config: LifterSpec())
    def make(**_: Any) -> nn.Module:
        return factory()

    return name
