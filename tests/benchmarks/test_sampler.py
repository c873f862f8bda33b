"""Sampling with DreamPose3D: one batch and one condition beside the plain loop, and bfloat16 beside float32."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from posebench.prediction.lifter import LifterInputs
from posebench.seeding import torch_generator
from zoo.blocks.diffusion import mirrored, sample_poses
from zoo.lifters.dreampose3d import DreamPose3D

FRAMES, HYPOTHESES, STEPS = 27, 5, 5
CPU = Path("/proc/cpuinfo")
#: What makes bfloat16 products fast, as Linux calls it.
FLAGS = {"amx_bf16", "avx512_bf16"}


def lifter(**config: object) -> DreamPose3D:
    torch.manual_seed(0)
    sizes = {"frames": FRAMES, "dim": 64, "depth": 4, "heads": 4, "prompt_dim": 64, "normalize": "person"} | config
    return DreamPose3D(**sizes).eval()  # type: ignore[arg-type]


def inputs(windows: int, frames: int = FRAMES) -> LifterInputs:
    pixels = 500 + 200 * torch.sin(torch.arange(windows * frames * 34.0)).reshape(windows, frames, 17, 2)
    streams = tuple(torch_generator("benchmark", window) for window in range(windows))
    size = torch.tensor([1000.0, 1000.0])
    return LifterInputs(pixels, torch.ones(pixels.shape[:-1]), size, 50.0, noise_streams=streams)


def plain_loop(made: DreamPose3D, given: LifterInputs) -> Tensor:
    """One pass for each hypothesis, image and step, everything encoded again: as the public samplers do."""
    seen = made.normalise(given.keypoints, given.image_size)
    network = made.network

    def once(keypoints: Tensor, noisy: Tensor, time: int) -> Tensor:
        times = torch.full((len(noisy),), time)
        return network.denoise(network.condition(keypoints), noisy, times)[:, :, :, network.hallucinated // 2]

    def denoise(poses: Tensor, time: int) -> Tensor:
        clean = []
        for noisy in poses.clamp(-made.bound, made.bound).split(1, dim=1):
            plain, image = once(seen, noisy, time), once(mirrored(seen), mirrored(noisy), time)
            clean.append(((plain + mirrored(image)) / 2).clamp(-made.bound, made.bound))
        return torch.cat(clean, dim=1)

    shape = (made.hypotheses, *seen.shape[1:3], 3)
    return 1000 * sample_poses(denoise, lambda: given.noise(*shape), made.steps)


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The quickest of several, which other work on the machine disturbs least."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


@torch.inference_mode()
def test_one_condition_and_one_batch(benchmark: BenchmarkFixture) -> None:
    made = lifter(hypotheses=HYPOTHESES, steps=STEPS)
    ours = benchmark.pedantic(lambda: made.lift(inputs(1)), rounds=5, warmup_rounds=1)
    theirs = plain_loop(made, inputs(1))
    torch.testing.assert_close(ours / 1000, theirs / 1000, rtol=0, atol=1e-5)
    if benchmark.enabled:
        ratio = seconds(lambda: plain_loop(made, inputs(1)), 5) / benchmark.stats.stats.min
        benchmark.extra_info["times as fast as the plain loop"] = ratio
        assert ratio >= 1.2


@torch.inference_mode()
@pytest.mark.skipif(
    not (CPU.exists() and FLAGS & set(CPU.read_text(encoding="utf-8").split())), reason="no bfloat16 products"
)
def test_bfloat16_at_the_paper_s_width(benchmark: BenchmarkFixture) -> None:
    # Two of the paper's eight pairs of blocks: the same products, a quarter of the time.
    made = lifter(frames=81, dim=512, depth=2, heads=8, prompt_dim=512, hypotheses=2, steps=1)

    def lift(amp: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            return made.lift(inputs(2, 81))

    half = benchmark.pedantic(lambda: lift(True), rounds=4, warmup_rounds=1)
    apart = torch.linalg.vector_norm(half.float() - lift(False), dim=-1).mean().item()
    benchmark.extra_info["mean distance of random weights' poses in mm"] = apart
    assert apart < 20
    if benchmark.enabled:
        ratio = seconds(lambda: lift(False), 4) / benchmark.stats.stats.min
        benchmark.extra_info["times as fast as float32"] = ratio
        assert ratio >= 1.8
