"""Evaluating a lifter of D3DP's size, 5 hypotheses in 5 steps with flip: as `--fast` does, beside the public loop."""

import time
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from ratios import Beside
from torch import Tensor

from posebench.prediction.compiled import Compiled, strict_compilation
from posebench.prediction.fast import has_bfloat16
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.runner import full_float32
from posebench.seeding import torch_generator
from zoo.blocks import transformer
from zoo.blocks.diffusion import mirrored, sample_poses
from zoo.lifters.d3dp import D3DP

HYPOTHESES = STEPS = 5
#: The published width and window, with one of its eight pairs of blocks, which are alike: an eighth of the time.
PUBLISHED = {"frames": 243, "dim": 512, "depth": 1, "heads": 8}
SMALL = {"frames": 27, "dim": 256, "depth": 1, "heads": 4}
#: How far the poses may be from those of the public loop, in mm: of a plain run, and of a fast one.
EXACT, NEAR = 0.005, 0.1
#: Trained denoisers lean on the keypoints: noise moves their pose by 0.003 to 0.02 of its size, 0.25 with random weights,
#: and with these random weights by 0.014 (`docs/fast.md`).
LEANING = 0.05


@torch.inference_mode()
def lifter(small: bool) -> D3DP:
    torch.manual_seed(0)
    made = D3DP(**(SMALL if small else PUBLISHED), hypotheses=HYPOTHESES, steps=STEPS).eval()  # type: ignore[arg-type]
    made.network.transformer.embed.weight[:, 2:] *= LEANING
    return made


def inputs(made: D3DP, device: str, early: torch.dtype | None = None) -> LifterInputs:
    """One window, with the same noise every time."""
    frames = made.spec.window
    pixels = 500 + 200 * torch.sin(torch.arange(frames * 34.0)).reshape(1, frames, 17, 2)
    size, streams = torch.tensor([1000.0, 1000.0]), (torch_generator("benchmark", 0),)
    return LifterInputs(
        pixels.to(device), torch.ones(pixels.shape[:-1], device=device), size.to(device), 50.0,
        noise_streams=streams, early_steps=early,
    )  # fmt: skip


def products(query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0) -> Tensor:
    """Attention as the public code writes it."""
    mixed: Tensor = ((query @ key.transpose(-2, -1)) * query.shape[-1] ** -0.5).softmax(dim=-1) @ value
    return mixed


def public_loop(made: D3DP, device: str) -> Tensor:
    """All hypotheses in one pass for each image and step, everything embedded again, float32 (paTRICK-swk/D3DP)."""
    given = inputs(made, device)
    seen = made.normalise(given.keypoints, given.image_size)

    def denoise(poses: Tensor, time: int) -> Tensor:
        noisy, times = poses.clamp(-made.bound, made.bound), torch.full((1,), time, device=device)
        image = mirrored(made.network(mirrored(seen), mirrored(noisy), times))
        clean: Tensor = (made.network(seen, noisy, times) + image) / 2
        return clean.clamp(-made.bound, made.bound)

    with pytest.MonkeyPatch.context() as patch, full_float32():
        patch.setattr(transformer, "attend", products)
        return 1000 * sample_poses(denoise, lambda: given.noise(HYPOTHESES, *seen.shape[1:3], 3), made.steps)


def apart(one: Tensor, other: Tensor) -> float:
    """Mean distance of the joints in mm."""
    return float(torch.linalg.vector_norm(one - other, dim=-1).mean())


@torch.inference_mode()
@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize(
    ("early", "steps", "least", "most"),
    [
        # A plain run's steps are alike: one shows the ratio of five.
        pytest.param(None, 1, 1.25, EXACT, id="plain"),
        pytest.param(
            torch.bfloat16, STEPS, 2.0, NEAR, id="fast",
            marks=pytest.mark.skipif(not has_bfloat16(torch.device("cpu")), reason="no bfloat16 products"),
        ),
    ],
)  # fmt: skip
def test_beside_the_public_loop(
    beside: Beside,
    benchmark: BenchmarkFixture,
    one_thread: None,
    early: torch.dtype | None,
    steps: int,
    least: float,
    most: float,
) -> None:
    made = lifter(small=benchmark.disabled)
    made.steps = steps
    # Few pairs: one of five steps takes a core a minute.
    theirs, ours = beside(
        partial(public_loop, made, "cpu"), lambda: made.lift(inputs(made, "cpu", early)), least=least, pairs=2
    )
    benchmark.extra_info["distance in mm"] = apart(ours, theirs)
    assert apart(ours, theirs) < most
    assert torch.equal(ours, made.lift(inputs(made, "cpu"))) == (early is None)


@torch.inference_mode()
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_beside_the_public_loop_on_a_gpu(beside: Beside, benchmark: BenchmarkFixture) -> None:
    made = lifter(small=benchmark.disabled).cuda()
    captured = Compiled(made, graphs=True)
    given = partial(inputs, made, "cuda", torch.bfloat16)

    def fast() -> Tensor:
        poses = captured.lift(given())
        assert isinstance(poses, Tensor)
        return poses.clone()  # the next call writes over them

    with strict_compilation(True), full_float32():
        for _ in range(3):  # compiled, captured, replayed
            fast()
        theirs, ours = beside(partial(public_loop, made, "cuda"), fast, least=3.0, device="cuda")
    assert apart(ours, theirs) < NEAR
