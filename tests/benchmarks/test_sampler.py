"""Sampling: one batch beside the plain loop, with DreamPose3D one condition too and bfloat16 beside float32, fast and near."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from ratios import Beside
from torch import Tensor

from posebench.datasets.clip import Clip, seen_by
from posebench.datasets.library import store_path
from posebench.datasets.procedural.adapter import Procedural, perform
from posebench.datasets.procedural.anthropometry import make_bodies
from posebench.datasets.procedural.rig import rig
from posebench.datasets.write_store import write_store
from posebench.prediction.lifter import LifterInputs
from posebench.registry.resolve import ModelTag, model_tags
from posebench.results.api import evaluate
from posebench.seeding import torch_generator
from zoo.blocks.diffusion import mirrored, sample_poses
from zoo.blocks.pose_prior import JOINTS, PosePrior
from zoo.guidance.camera import project
from zoo.guidance.evidence import HeatmapEvidence
from zoo.guidance.sampler import Guidance, sample
from zoo.guidance.steering import Seen
from zoo.lifters.dreampose3d import DreamPose3D

FRAMES, HYPOTHESES, STEPS = 27, 5, 5
#: Of the guided sampler, whose steps all cost the same.
GUIDED_STEPS = 3
CPU = Path("/proc/cpuinfo")
#: What makes bfloat16 products fast, as Linux calls it.
FLAGS = {"amx_bf16", "avx512_bf16"}
#: Share of random weights' poses that it may move: what was measured (0.4 %), with room for other processors.
BFLOAT16 = 0.02
#: By how much MPJPE in bfloat16 may differ from that in float32, in mm, of trained weights that sample.
NEAR = 0.1
#: MixSTE has DreamPose3D's blocks and trained weights, and does not keep `NEAR`: 0.26 mm is its difference over 5,000 test frames
#: of the procedural set with true keypoints, 0.15 mm with simulated ones, 0.03 mm with those of HDM05.
NEAR_MIXSTE = 0.3


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


def guided(frames: int, windows: int) -> tuple[PosePrior, Seen]:
    """A prior of `heatmap_diffusion.open`'s size with weights that nobody trained, and keypoints of its people."""
    torch.manual_seed(0)
    prior = PosePrior(frames, 208, 4, 0.0, min(9, frames)).eval().requires_grad_(False)
    poses = 0.3 * torch.randn(100, frames, 17, 3)
    poses[:, :, 0] = 0
    prior.standardise([poses])
    lens = torch.tensor([1145.0, 1145.0, 500.0, 500.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    pixels = project(poses[:windows].flatten(0, 1) + torch.tensor([0.2, 0.1, 4.5]), lens)
    confidence, deviation = torch.ones(pixels.shape[:2]), torch.full((len(pixels),), 6.0)
    return prior, Seen(HeatmapEvidence.of_keypoints(pixels, confidence, deviation), lens)


@pytest.mark.parametrize(
    ("hypotheses", "windows", "frames", "least"), [(10, 1, 1, 5), (50, 4, 1, 5), (200, 1, 1, 5), (50, 1, 27, 2)]
)
def test_guided_hypotheses_in_one_tensor(
    beside: Beside,
    benchmark: BenchmarkFixture,
    hypotheses: int,
    windows: int,
    frames: int,
    least: float,
    one_thread: None,
) -> None:
    """Beside a loop over hypotheses, each with a backward pass of its own in every step; poses a second stand in the report.

    A motion is 27 poses, so one hypothesis of it fills a processor better.
    """
    prior, seen = guided(frames, windows)
    guidance = Guidance(steps=GUIDED_STEPS)
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(GUIDED_STEPS + 1, windows, hypotheses, frames, JOINTS, 3, generator=generator)

    def ours() -> Tensor:
        steps = iter(draws)
        return sample(prior, seen, guidance, lambda: next(steps)).poses

    def loop() -> Tensor:
        made = []
        for number in range(hypotheses):
            steps = iter(draws[:, :, number : number + 1])
            made.append(sample(prior, seen, guidance, lambda steps=steps: next(steps)).poses)  # type: ignore[misc]
        return torch.cat(made, dim=1)

    theirs, found = beside(loop, ours, least=least, pairs=5)
    # Products of another shape differ in their last bits, and where two poses are as good a sample can go the other way.
    apart = (found - theirs).abs()
    assert apart.median() < 1e-5
    assert (apart > 1e-3).float().mean() < 0.01
    if benchmark.enabled:
        poses = windows * hypotheses * frames / benchmark.stats.stats.median
        benchmark.extra_info["poses a second"] = poses


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
    exact = lift(False)
    # Of random weights only the order of the rounding can be said: eight binary digits of what is computed with.
    assert (half.float() - exact).norm() / exact.norm() < BFLOAT16
    assert not torch.equal(half.float(), exact)
    if benchmark.enabled:
        ratio = seconds(lambda: lift(False), 4) / benchmark.stats.stats.min
        benchmark.extra_info["times as fast as float32"] = ratio
        assert ratio >= 1.8


def sampling(tag: ModelTag) -> bool:
    """Whether it denoises poses by weights of its own, but the lifter that is guided by heatmaps: it computes in float32 anyway."""
    spec, another = tag.entry.spec(tag.config), "of" in tag.config
    return spec.samples and tag.described.weights is not None and not another and "heatmaps" not in spec.privileges


TRAINED = {"mixste.open": NEAR_MIXSTE} | {tag.name: NEAR for tag in model_tags() if sampling(tag)}


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.usefixtures("own_data_folder")
def test_bfloat16_keeps_the_error_of_trained_weights(name: str) -> None:
    """On two motions of a test body from four cameras, with keypoints that have a detector's errors."""
    adapter = Procedural()
    body = next(body for body in make_bodies(adapter.version) if body.split == "test")
    clips = [
        Clip(body.name, action, "01", "test", seen_by(rig()), perform(adapter.version, body, action, 1))
        for action in ("Walking", "Throwing")
    ]
    write_store(adapter, adapter.forms[0], iter(clips), store_path(adapter))
    exact, near = (
        evaluate(name, dataset="procedural", keypoints="simulated", precision=precision, device="cpu", limit=1000)
        for precision in ("fp32", "bf16")
    )
    errors = [record.results["honest"]["p-agg"]["mpjpe"] for record in (exact, near)]
    assert errors[0] != errors[1]
    assert abs(errors[1] - errors[0]) < TRAINED[name], errors
