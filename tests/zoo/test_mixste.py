"""MixSTE and D3DP: the public layout and arithmetic, the schedule and the sampler's rules."""

import json
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from posebench.conversion.rules import map_keys
from posebench.errors import UsageError, WeightsError
from posebench.prediction.create import build_module
from posebench.prediction.flip import check_flip
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import mock
from posebench.registry.resolve import resolve_model
from posebench.seeding import torch_generator
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.diffusion import TIMESTEPS, cosine_schedule, ddim_step, ddim_times
from zoo.conversions.d3dp import BUFFERS
from zoo.lifters.d3dp import D3DP
from zoo.lifters.mixste import MixSTE
from zoo.specs.mixste import spec as mixste_spec

#: What the networks gave, filled by rule, when they reproduced the public code.
GOLDEN_MIXSTE = [-0.932647, -0.952584, -0.922708, -0.984492, -0.915702, -0.953825]
GOLDEN_DENOISER = [0.653581, 0.632192, 0.653368, 0.609986, 0.580083, 0.590177]


def filled(module: nn.Module) -> nn.Module:
    """Weights that no generator has a part in: slow sines of their own position, about 1 where they multiply."""
    for name, value in module.state_dict().items():
        ramp = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + len(name)).reshape(value.shape)
        value.copy_(1 + ramp / 2 if value.ndim == 1 and name.endswith("weight") else ramp / 2)
    return module.eval()


def keypoints(frames: int, batch: int = 2) -> Tensor:
    return torch.sin(torch.arange(batch * frames * 34.0)).reshape(batch, frames, 17, 2)


def inputs(frames: int, batch: int = 2, seed: int = 0) -> LifterInputs:
    pixels = 500 + 200 * keypoints(frames, batch)
    streams = tuple(torch_generator("test", seed, window) for window in range(batch))
    return LifterInputs(
        pixels, torch.ones(pixels.shape[:-1]), torch.tensor([1000.0, 1000.0]), 50.0, noise_streams=streams
    )


# The public layout


def converted(architecture: str, state: dict[str, Tensor], described: dict[str, Any]) -> tuple[nn.Module, Any]:
    conversion = import_module(f"zoo.conversions.{architecture}").CONVERSION
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    config = {**conversion.infer(shapes), **conversion.translate(described["config"])}
    module = build_module(resolve_model(architecture), config)
    mapped = map_keys(conversion, list(state))
    module.load_state_dict({mapped[key]: value for key, value in state.items() if mapped[key]}, strict=True)
    return module, conversion


@pytest.mark.parametrize(("architecture", "name"), [("mixste", "mixste"), ("d3dp", "d3dp_denoiser")])
def test_network_reproduces_the_public_code(shared: Path, architecture: str, name: str) -> None:
    models = shared / "conformance" / "models"
    described = json.loads((models / f"{name}.json").read_text())
    module, conversion = converted(architecture, load_file(models / f"{name}.safetensors"), described)
    assert sum(parameter.numel() for parameter in module.parameters()) == described["parameters"]
    example = np.load(models / f"{name}_io.npz")
    with torch.no_grad():
        output = conversion.run(module, example).numpy()
    np.testing.assert_allclose(output, example["output"], rtol=0, atol=1e-5)


def test_golden_values() -> None:
    with torch.no_grad():
        mixste = filled(MixSTE(frames=5, dim=8, depth=2, heads=4)).network(keypoints(5))
        noisy = torch.cos(torch.arange(2 * 3 * 5 * 51.0)).reshape(2, 3, 5, 17, 3)
        denoised = filled(D3DP(frames=5, dim=8, depth=2, heads=4)).network(keypoints(5), noisy, torch.tensor([7, 900]))
    np.testing.assert_allclose(mixste[:, 2, ::8, 0].flatten().tolist(), GOLDEN_MIXSTE, atol=1e-5)
    np.testing.assert_allclose(denoised[:, :, 4, 16, 1].flatten().tolist(), GOLDEN_DENOISER, atol=1e-5)


@pytest.mark.parametrize(
    ("tag", "parameters"),
    [
        ("mixste.h36m_27", 33_673_219),
        ("mixste.h36m_81", 33_700_867),
        ("mixste.h36m_243", 33_783_811),
        ("d3dp.h36m_243", 34_835_459),
        ("d3dp.h36m_243_h20_k10", 34_835_459),
    ],
)
def test_published_sizes(tag: str, parameters: int) -> None:
    assert mock(tag, device="meta").parameters == parameters


#: Where the public code keeps the parts of our network.
PUBLIC_KEYS = {
    "embed": "Spatial_patch_to_embedding",
    "spatial_position": "Spatial_pos_embed",
    "temporal_position": "Temporal_pos_embed",
    "spatial_blocks": "STEblocks",
    "temporal_blocks": "TTEblocks",
    "spatial_norm": "Spatial_norm",
    "temporal_norm": "Temporal_norm",
    "head": "head",
    "time.perceptron.0": "time_mlp.1",
    "time.perceptron.2": "time_mlp.3",
}


def public_state(module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """The state dict in the public layout, by hand and not by the rules."""
    state = {}
    for key, value in module.state_dict().items():
        bare = key.removeprefix("network.").removeprefix("transformer.")
        start = next(start for start in PUBLIC_KEYS if bare.startswith(start))
        state[prefix + PUBLIC_KEYS[start] + bare.removeprefix(start)] = value
    return state


SIZES = [
    {"num_frame": 1, "embed_dim_ratio": 8, "depth": 1, "num_heads": 2, "mlp_ratio": 4.0, "qkv_bias": True},
    {"num_frame": 6, "embed_dim_ratio": 12, "depth": 3, "num_heads": 3, "mlp_ratio": 1.5, "qkv_bias": False},
    # A width whose quotient is rounded down: 56 * (61 / 56) is less than 61.
    {"num_frame": 3, "embed_dim_ratio": 56, "depth": 1, "num_heads": 7, "mlp_ratio": 61.5 / 56, "qkv_bias": True},
]


@pytest.mark.parametrize("public", SIZES)
@pytest.mark.parametrize("described", [True, False], ids=["described", "inferred"])
@pytest.mark.parametrize(("architecture", "prefix"), [("mixste", ""), ("d3dp", ""), ("d3dp", "pose_estimator.")])
def test_other_sizes_and_flags(architecture: str, prefix: str, described: bool, public: dict[str, Any]) -> None:
    """All of the public constructor's arguments that ours has; shapes tell all but the heads."""
    conversion = import_module(f"zoo.conversions.{architecture}").CONVERSION
    ours = filled(build_module(resolve_model(architecture), conversion.translate(public)))
    given = {**public, "qk_scale": None} if described else {"num_heads": public["num_heads"]}
    module, _ = converted(architecture, public_state(ours, prefix), {"config": given})
    assert all(torch.equal(value, ours.state_dict()[key]) for key, value in module.state_dict().items())
    frames = public["num_frame"]
    assert module.spec.window == module.spec.stride == frames
    with torch.no_grad():
        assert torch.equal(module.lift(inputs(frames)), ours.lift(inputs(frames)))


def test_the_schedule_in_a_checkpoint_is_left_away() -> None:
    state = public_state(D3DP(frames=5, dim=8, depth=1, heads=4), "pose_estimator.")
    state |= {name: torch.zeros(TIMESTEPS) for name in BUFFERS}
    assert len(BUFFERS) == 12
    _, conversion = converted("d3dp", state, {"config": {"num_heads": 4}})
    with pytest.raises(WeightsError, match="'posterior' is not one of"):
        map_keys(conversion, ["posterior"])


def test_specs() -> None:
    published = mixste_spec({})
    assert (published.window, published.stride, published.tail) == (243, 243, "overlap-chunk")
    assert (published.space, published.privileges, published.fps) == ("root_relative", ("future_frames",), 50.0)
    assert mixste_spec({"frames": 1, "fps": 25.0}).privileges == ()


def test_mixste_returns_mm_of_what_it_sees_on_the_screen() -> None:
    lifter = filled(MixSTE(frames=5, dim=8, depth=1, heads=2))
    with torch.no_grad():
        poses = lifter.lift(inputs(5))
        metres = lifter.network(keypoints(5) * 0.4)
    torch.testing.assert_close(poses, 1000 * metres, rtol=1e-4, atol=0.05)


def test_another_attention_is_refused() -> None:
    conversion = import_module("zoo.conversions.mixste").CONVERSION
    with pytest.raises(WeightsError, match=r"qk_scale is 0\.5"):
        conversion.translate({"qk_scale": 0.5})
    with pytest.raises(UsageError, match="does not divide into 3 heads"):
        MixSTE(frames=3, dim=8, heads=3)


# The diffusion


def test_the_schedule_is_the_cosine_s() -> None:
    left = cosine_schedule()
    assert len(left) == TIMESTEPS
    assert sorted(left, reverse=True) == list(left)
    expected = [(math.cos((t + 1) / 1000 / 1.008 * math.pi / 2 + 0.008 / 1.008 * math.pi / 2)) ** 2 for t in (0, 499)]
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert [left[0], left[499]] == pytest.approx([value / start for value in expected])
    assert left[-1] < 1e-5


def test_the_times_are_d3dp_s() -> None:
    assert ddim_times(1) == [(999, -1)]
    assert ddim_times(5) == [(999, 799), (799, 599), (599, 399), (399, 199), (199, -1)]
    assert ddim_times(10)[:2] == [(999, 899), (899, 799)]
    # Whatever device a caller builds on: these are plain numbers.
    with torch.device("meta"):
        assert ddim_times(2) == [(999, 499), (499, -1)]


def test_a_step_with_the_true_clean_pose_has_the_right_spread() -> None:
    """q(x_then | x_now, x_0): whatever the noise so far, the next pose is distributed as at its own time."""
    random = torch.Generator().manual_seed(0)
    left = cosine_schedule()
    clean = torch.full((200_000,), 0.7)
    noise = torch.randn(clean.shape, generator=random)
    noisy = math.sqrt(left[799]) * clean + math.sqrt(1 - left[799]) * noise
    stepped = ddim_step(noisy, clean, left, 799, 399, torch.randn(clean.shape, generator=random))
    assert stepped.mean().item() == pytest.approx(math.sqrt(left[399]) * 0.7, abs=0.01)
    assert stepped.std().item() == pytest.approx(math.sqrt(1 - left[399]), abs=0.01)


class Oracle(nn.Module):
    """A denoiser that knows the pose, and the times it was asked about."""

    def __init__(self, pose: Tensor) -> None:
        super().__init__()
        self.pose, self.times = pose, []

    def forward(self, keypoints: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        self.times.append(int(time[0]))
        return self.pose.expand(noisy.shape)


def test_the_sampler_ends_at_what_the_denoiser_says() -> None:
    lifter = D3DP(frames=5, dim=8, depth=1, heads=2, hypotheses=3, steps=4, flip=False)
    pose = torch.sin(torch.arange(51.0)).reshape(17, 3)
    lifter.network = Oracle(pose)
    lifted = lifter.lift(inputs(5))
    assert lifted.shape == (2, 3, 5, 17, 3)
    assert torch.allclose(lifted, (pose * 1000).expand(lifted.shape))
    assert lifter.network.times == [999, 749, 499, 249]
    lifter.network = Oracle(pose * 3)
    assert lifter.lift(inputs(5)).abs().max() == pytest.approx(1000 * 1.1)


def test_flip_is_inside_each_step() -> None:
    """With it the denoised pose of a mirrored person is the mirror image, for the mirrored noise."""
    lifter = filled(D3DP(frames=5, dim=8, depth=1, heads=2, hypotheses=2, steps=1, flip=True))
    order, sign = list(HUMAN36M_17.mirrored), torch.tensor([-1.0, 1.0, 1.0])
    seen, noisy = keypoints(5), torch.cos(torch.arange(2 * 2 * 5 * 51.0)).reshape(2, 2, 5, 17, 3)
    with torch.no_grad():
        one = lifter.denoise(seen, noisy, 500)
        other = lifter.denoise((seen * sign[:2])[..., order, :], (noisy * sign)[..., order, :], 500)
        lifter.flip = False
        plain = lifter.denoise(seen, noisy, 500)
    assert torch.allclose(other, (one * sign)[..., order, :], atol=1e-5)
    assert not torch.allclose(plain, one, atol=1e-3)


def test_a_run_s_own_flip_is_refused() -> None:
    spec = D3DP(frames=5, dim=8, depth=1, heads=2).spec
    with pytest.raises(UsageError, match="flips inside of its own steps"):
        check_flip(spec, "d3dp")


def test_seeds_windows_and_batches() -> None:
    lifter = filled(D3DP(frames=5, dim=8, depth=1, heads=2, hypotheses=2, steps=3))
    with torch.no_grad():
        whole, again, other = (lifter.lift(inputs(5, 3, seed)) for seed in (0, 0, 1))
        shown = inputs(5, 3)
        alone = lifter.lift(
            LifterInputs(
                shown.keypoints[1:2],
                shown.confidence[1:2],
                shown.image_size,
                50.0,
                noise_streams=shown.noise_streams[1:2],
            )
        )
    assert torch.equal(whole, again)
    assert not torch.allclose(whole, other, atol=1.0)
    assert torch.allclose(alone[0], whole[1], atol=1e-2)
    assert not torch.allclose(whole[:, 0], whole[:, 1], atol=1.0)


@pytest.mark.parametrize("config", [{"hypotheses": 0}, {"steps": 0}, {"steps": 1001}])
def test_what_cannot_be_sampled_is_refused(config: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="cannot be sampled"):
        D3DP(frames=5, dim=8, depth=1, heads=2, **config)
