"""PoseFormerV2: the public layout and arithmetic, the cosine transforms, and what the lifter promises."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from posebench.conversion.rules import map_keys
from posebench.errors import UsageError
from posebench.prediction.create import build_module
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import mock
from posebench.registry.resolve import resolve_model
from zoo.blocks.dct import dct_matrix, inverse_dct_matrix
from zoo.conversions.poseformerv2 import CONVERSION
from zoo.lifters.poseformerv2 import PoseFormerV2
from zoo.specs import poseformerv2 as specs

#: What the network gave, filled by `fill_by_rule`, when it reproduced the public code.
GOLDEN = {
    False: [-2.913796, -4.916944, 8.122146, -0.090902, -7.456419, 5.080891, 1.334331, -6.767611, 5.776431, 3.936932],
    True: [-2.965769, -5.263078, 8.447783, 0.001519, -7.828304, 5.306728, 1.492751, -7.153988, 5.942114, 4.214013],
}

SIZES = [
    {"frames": 27, "kept_frames": 1, "kept_coefficients": 3, "depth": 1},
    {"frames": 27, "kept_frames": 3, "kept_coefficients": 3, "depth": 3, "heads": 4},
    {"frames": 33, "kept_frames": 5, "kept_coefficients": 2, "depth": 2, "heads": 2, "mlp_ratio": 4.0},
    {"frames": 9, "kept_frames": 9, "kept_coefficients": 9, "depth": 2},
    {"frames": 12, "kept_frames": 3, "kept_coefficients": 7, "depth": 2},
    {"frames": 27, "kept_frames": 3, "kept_coefficients": 5, "depth": 2, "naive": True},
]


def filled(**config: object) -> PoseFormerV2:
    """Weights that no generator has a part in: slow sines of their own position."""
    module = PoseFormerV2(**{"dim": 8, **config}).eval()  # type: ignore[arg-type]
    for name, value in module.state_dict().items():
        ramp = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + len(name)).reshape(value.shape)
        value.copy_(ramp / max(1, value[:1].numel()) ** 0.5)
    return module


def inputs(pixels: Tensor) -> LifterInputs:
    return LifterInputs(pixels, torch.ones(pixels.shape[:-1]), torch.tensor([1000.0, 1002.0]), 50.0)


# The public layout and arithmetic


def plain(weights: dict[str, Tensor], x: Tensor, heads: int) -> Tensor:
    """The network as the public code computes it, in float64, from the public keys; scipy's transforms."""
    w = {key: value.double() for key, value in weights.items()}

    def linear(x: Tensor, name: str) -> Tensor:
        return functional.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x: Tensor, name: str, epsilon: float = 1e-6) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], epsilon)

    def attention(x: Tensor, name: str) -> Tensor:
        query, key, value = (part.unflatten(-1, (heads, -1)) for part in linear(x, f"{name}.qkv").chunk(3, dim=-1))
        scores = torch.einsum("bqhc,bkhc->bhqk", query, key) / query.shape[-1] ** 0.5
        return linear(torch.einsum("bhqk,bkhc->bqhc", scores.softmax(-1), value).flatten(2), f"{name}.proj")

    def perceptron(x: Tensor, name: str) -> Tensor:
        return linear(functional.gelu(linear(x, f"{name}.fc1")), f"{name}.fc2")

    def dct(x: Tensor) -> Tensor:
        return torch.from_numpy(scipy.fft.dct(x.numpy(), axis=1))

    def idct(x: Tensor) -> Tensor:
        return torch.from_numpy(scipy.fft.idct(x.numpy(), axis=1))

    def plain_block(x: Tensor, name: str) -> Tensor:
        x = x + attention(norm(x, f"{name}.norm1"), f"{name}.attn")
        return x + perceptron(norm(x, f"{name}.norm2"), f"{name}.mlp")

    def mixed_block(x: Tensor, name: str) -> Tensor:
        x = x + attention(norm(x, f"{name}.norm1"), f"{name}.attn")
        a, b = x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]
        a = a + perceptron(norm(a, f"{name}.norm2"), f"{name}.mlp1")
        b = b + idct(perceptron(dct(norm(b, f"{name}.norm3")), f"{name}.mlp2"))
        return torch.cat([a, b], dim=1)

    x = x.double()
    batch, frames = x.shape[:2]
    kept, coefficients = w["Temporal_pos_embed"].shape[1], w["Temporal_pos_embed_"].shape[1]
    depth = sum(key.startswith("Spatial_blocks.") and key.endswith("norm1.bias") for key in w)
    shown = [(frames - 1) // 2 + step for step in range(-(kept // 2), kept // 2 + 1)]
    joints = linear(x[:, shown].flatten(0, 1), "Joint_embedding") + w["Spatial_pos_embed"]
    for index in range(depth):
        joints = plain_block(joints, f"Spatial_blocks.{index}")
    in_time = norm(joints, "Spatial_norm").reshape(batch, kept, -1) + w["Temporal_pos_embed"]
    frequencies = dct(x.flatten(2))[:, :coefficients]
    in_frequency = linear(frequencies, "Freq_embedding") + w["Temporal_pos_embed_"]
    tokens = torch.cat([in_frequency, in_time], dim=1)
    for index in range(depth):
        block = plain_block if f"blocks.{index}.mlp.fc1.bias" in w else mixed_block
        tokens = block(tokens, f"blocks.{index}")
    tokens = norm(tokens, "Temporal_norm")
    means = [
        torch.einsum("k,bkc->bc", w[f"{name}.weight"][0, :, 0], part) + w[f"{name}.bias"]
        for name, part in (("weighted_mean", tokens[:, :coefficients]), ("weighted_mean_", tokens[:, coefficients:]))
    ]
    return linear(norm(torch.cat(means, dim=-1), "head.0", 1e-5), "head.1").view(batch, 1, 17, 3)


def public_weights(module: PoseFormerV2) -> dict[str, Tensor]:
    """The module's weights under the public keys."""
    renamed = {
        "joint_embedding": "Joint_embedding",
        "frequency_embedding": "Freq_embedding",
        "joint_position": "Spatial_pos_embed",
        "frame_position": "Temporal_pos_embed",
        "coefficient_position": "Temporal_pos_embed_",
        "spatial_blocks": "Spatial_blocks",
        "spatial_norm": "Spatial_norm",
        "blocks": "blocks",
        "norm": "Temporal_norm",
        "coefficient_mean": "weighted_mean",
        "frame_mean": "weighted_mean_",
        "head": "head",
    }
    weights = {}
    for name, value in module.network.state_dict().items():
        first, dot, rest = name.partition(".")
        weights[renamed[first] + dot + rest] = value
    return weights


def convert(weights: dict[str, Tensor], **given: object) -> PoseFormerV2:
    """Our lifter with a public state dict: inferred configuration, declared rules, strict load."""
    config = {**CONVERSION.infer({key: tuple(value.shape) for key, value in weights.items()}), **given}
    module = PoseFormerV2(**config)
    keys = map_keys(CONVERSION, list(weights))
    module.load_state_dict({keys[key]: value for key, value in weights.items()}, strict=True)
    return module.eval()


def test_network_reproduces_the_public_code(shared: Path) -> None:
    models = shared / "conformance" / "models"
    described = json.loads((models / "poseformerv2.json").read_text())
    module = convert(
        load_file(models / "poseformerv2.safetensors"), **CONVERSION.translate({**described["config"], **described})
    )
    assert sum(parameter.numel() for parameter in module.parameters()) == described["parameters"]
    example = np.load(models / "poseformerv2_io.npz")
    with torch.no_grad():
        output = CONVERSION.run(module, example).numpy()
    np.testing.assert_allclose(output, example["output"], rtol=0, atol=1e-5)


def test_plain_reading_is_the_public_code(shared: Path) -> None:
    models = shared / "conformance" / "models"
    example = np.load(models / "poseformerv2_io.npz")
    output = plain(load_file(models / "poseformerv2.safetensors"), torch.from_numpy(example["keypoints_2d"]), heads=8)
    np.testing.assert_allclose(output, example["output"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", SIZES)
def test_network_agrees_with_the_plain_reading(config: dict[str, object]) -> None:
    weights = public_weights(filled(**config))
    given = {"frames": config["frames"], "heads": config.get("heads", 8)}
    module = convert(weights, **given)
    example = {"keypoints_2d": np.sin(np.arange(2 * config["frames"] * 34)).reshape(2, -1, 17, 2).astype(np.float32)}
    with torch.no_grad():
        output = CONVERSION.run(module, example)
    expected = plain(weights, torch.from_numpy(example["keypoints_2d"]), given["heads"])
    assert output.shape == (2, 1, 17, 3)
    np.testing.assert_allclose(output.numpy(), expected.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("naive", [False, True])
def test_golden_values(naive: bool) -> None:
    module = filled(frames=27, kept_frames=3, kept_coefficients=5, depth=2, naive=naive)
    with torch.no_grad():
        output = module.network(torch.sin(torch.arange(27 * 34.0)).reshape(1, 27, 17, 2))
    np.testing.assert_allclose(output[0, 0, ::4, :2].flatten().tolist(), GOLDEN[naive], atol=1e-5)


@pytest.mark.parametrize(
    ("tag", "parameters"),
    [("h36m_27_1_3", 14_354_649), ("h36m_27_3_3", 14_355_739), ("h36m_81_9_9", 14_362_279), ("h36m_243", 14_381_899)],
)
def test_published_sizes(tag: str, parameters: int) -> None:
    found = resolve_model(f"poseformerv2.{tag}")
    with torch.device("meta"):
        module = build_module(found, found.config)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters


# What conversion infers


def test_configuration_is_read_from_keys_and_shapes() -> None:
    weights = public_weights(filled(frames=81, kept_frames=9, kept_coefficients=4, depth=3, mlp_ratio=3.0, naive=True))
    assert CONVERSION.infer({key: tuple(value.shape) for key, value in weights.items()}) == {
        "frames": 81, "kept_frames": 9, "kept_coefficients": 4, "dim": 8, "depth": 3, "mlp_ratio": 3.0, "naive": True,
    }  # fmt: skip


def test_translation_keeps_as_many_coefficients_as_frames() -> None:
    public = {"number_of_frames": 81, "number_of_kept_frames": 9, "embed_dim_ratio": 32, "depth": 4}
    assert CONVERSION.translate(public)["kept_coefficients"] == 9
    assert CONVERSION.translate({**public, "number_of_kept_coeffs": 3})["kept_coefficients"] == 3


# The cosine transforms


@pytest.mark.parametrize("frames", [1, 2, 9, 27, 243])
def test_matrices_are_scipys_transforms(frames: int) -> None:
    identity = np.eye(frames)
    np.testing.assert_allclose(dct_matrix(frames), scipy.fft.dct(identity, axis=0), atol=1e-6)
    np.testing.assert_allclose(inverse_dct_matrix(frames), scipy.fft.idct(identity, axis=0), atol=1e-6)
    np.testing.assert_allclose(inverse_dct_matrix(frames) @ dct_matrix(frames), identity, atol=1e-5)
    assert torch.equal(dct_matrix(frames, 1), dct_matrix(frames)[:1])


# The lifter


def test_spec() -> None:
    spec = specs.spec({})
    assert (spec.window, spec.stride, spec.first_output, spec.space) == (243, 1, 121, "root_relative")
    assert (spec.privileges, spec.fps) == (("future_frames",), 50.0)
    assert specs.spec({"frames": 1}).privileges == ()
    assert PoseFormerV2(27, 3, 3, dim=8, depth=1, fps=60.0).spec == specs.spec({"frames": 27, "fps": 60.0})


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"frames": 9, "kept_frames": 4}, r"kept_frames is 4.*odd"),
        ({"frames": 9, "kept_frames": 11}, r"kept_frames is 11.*9 frames"),
        ({"frames": 9, "kept_frames": 3, "kept_coefficients": 10}, r"kept_coefficients is 10.*1 to 9"),
        ({"frames": 9, "kept_frames": 3, "kept_coefficients": 0}, r"kept_coefficients is 0"),
        ({"frames": 9, "kept_frames": 3, "kept_coefficients": 3, "heads": 3}, r"dim is 8.*3 heads"),
    ],
)
def test_sizes_that_cannot_be_are_refused(config: dict[str, int], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        PoseFormerV2(dim=8, depth=1, **config)


@pytest.mark.parametrize("tag", ["h36m_27_1_3", "h36m_27_3_3", "h36m_81_9_9", "h36m_243"])
def test_contract_of_the_published_sizes(tag: str) -> None:
    assert mock(f"poseformerv2.{tag}", device="meta").output_shape == (2, 1, 1, 17, 3)


def test_lift_is_forward_on_the_screen_in_mm() -> None:
    module = filled(frames=9, kept_frames=3, kept_coefficients=3, depth=1)
    pixels = 500 + 400 * torch.sin(torch.arange(3 * 9 * 34.0)).reshape(3, 9, 17, 2)
    screen = torch.stack([pixels[..., 0] / 500 - 1, pixels[..., 1] / 500 - 1.002], dim=-1)
    with torch.no_grad():
        poses = module.lift(inputs(pixels))
        assert poses.shape == (3, 1, 17, 3)
        torch.testing.assert_close(poses, 1000 * module.network(screen), rtol=1e-4, atol=0.05)
        torch.testing.assert_close(poses, module(screen), rtol=1e-4, atol=0.05)


def test_every_frame_of_the_window_is_seen() -> None:
    module = filled(frames=27, kept_frames=3, kept_coefficients=3, depth=1)
    pixels = (500 + 400 * torch.sin(torch.arange(27 * 34.0))).reshape(1, 27, 17, 2).requires_grad_()
    module.lift(inputs(pixels)).square().sum().backward()
    assert pixels.grad is not None
    seen = pixels.grad[0].abs().sum(dim=(1, 2))
    assert (seen > 0).all()


def test_training_reaches_every_parameter_and_drops_paths() -> None:
    module = PoseFormerV2(9, 3, 3, dim=8, depth=2, drop_path=0.5)
    windows = torch.sin(torch.arange(2 * 9 * 34.0)).reshape(2, 9, 17, 2)
    module.eval()(windows).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())
    torch.manual_seed(0)
    trained = [module.train()(windows) for _ in range(8)]
    assert any(not torch.equal(trained[0], other) for other in trained)
    assert "network.dct" not in module.state_dict()
