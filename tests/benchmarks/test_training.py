"""A training step of a small space-time transformer on a CPU: plain products of short sequences beside torch's fused kernel."""

import pytest
import torch
from ratios import Beside
from torch import Tensor, nn
from torch.nn import functional

from zoo.blocks import transformer
from zoo.blocks.space_time import SpaceTimeTransformer

FRAMES, WINDOWS = 27, 32


def fused(query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0) -> Tensor:
    return functional.scaled_dot_product_attention(query, key, value)


def step(network: nn.Module, windows: Tensor) -> Tensor:
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        poses = network(windows)
    poses.float().square().mean().backward()
    gradient = network.embed.weight.grad
    assert isinstance(gradient, Tensor)
    return gradient


@pytest.fixture
def network() -> SpaceTimeTransformer:
    torch.manual_seed(0)
    return SpaceTimeTransformer(FRAMES, 17, 2, dim=64, depth=4, heads=4, drop_path=0.0)


def test_plain_attention_trains_as_the_fused_kernel_does(
    network: SpaceTimeTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = torch.randn(4, FRAMES, 17, 2, generator=torch.Generator().manual_seed(0))

    def gradient() -> Tensor:
        network.zero_grad()
        network(windows).square().mean().backward()
        found = network.embed.weight.grad
        assert isinstance(found, Tensor)
        return found.clone()

    plain = gradient()
    monkeypatch.setattr(transformer, "attend", fused)
    torch.testing.assert_close(plain, gradient(), rtol=1e-4, atol=1e-7)


def test_a_training_step(
    beside: Beside, network: SpaceTimeTransformer, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    windows = torch.randn(WINDOWS, FRAMES, 17, 2, generator=torch.Generator().manual_seed(0))

    def with_the_fused_kernel() -> Tensor:
        with monkeypatch.context() as patch:
            patch.setattr(transformer, "attend", fused)
            return step(network, windows).clone()

    theirs, ours = beside(with_the_fused_kernel, lambda: step(network, windows).clone(), least=1.5)
    torch.testing.assert_close(ours, theirs, rtol=0.05, atol=1e-3)
