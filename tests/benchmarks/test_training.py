"""A training step of a small space-time transformer on a CPU: plain products of short sequences beside torch's fused kernel."""

import time
from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
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
    network: SpaceTimeTransformer, benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = torch.randn(WINDOWS, FRAMES, 17, 2, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(step, args=(network, windows), rounds=5, warmup_rounds=1)
    if not benchmark.enabled:
        return
    ours = benchmark.stats.stats.median
    monkeypatch.setattr(transformer, "attend", fused)
    theirs = sorted(seconds(lambda: step(network, windows)) for _ in range(5))[2]
    benchmark.extra_info["times the fused kernel's speed"] = theirs / ours
    assert theirs >= 1.5 * ours


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
