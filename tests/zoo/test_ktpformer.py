"""KTPFormer: the public layout and arithmetic, the priors that no checkpoint holds, and what the lifter promises."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from posebench.conversion.rules import map_keys
from posebench.errors import UsageError, WeightsError
from posebench.prediction.create import build_module
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import mock
from posebench.registry.resolve import resolve_model
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.graph import PriorGraphConvolution, mean_of_neighbours, neighbours
from zoo.conversions.ktpformer import CONVERSION
from zoo.lifters.ktpformer import KTPFormer
from zoo.specs import ktpformer as specs

#: What the network gave, filled by rule, when it reproduced the public code.
GOLDEN = [-0.353191, 1.180068, 2.175573, 0.714004, 2.956671, 3.864123, 0.336932, 2.56063, 3.626882]

SIZES = [
    {"frames": 1, "depth": 1},
    {"frames": 2, "depth": 1, "heads": 2},
    {"frames": 4, "depth": 3, "dim": 12, "heads": 3, "mlp_ratio": 4.0},
    {"frames": 7, "depth": 2, "qkv_bias": False},
    {"frames": 5, "depth": 0, "mlp_ratio": 1.5},
]


def filled(**config: object) -> KTPFormer:
    """Weights that no generator has a part in: slow sines of their own position, about 1 where they multiply."""
    module = KTPFormer(**{"dim": 8, "heads": 4, **config}).eval()  # type: ignore[arg-type]
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            ramp = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + len(name)).reshape(value.shape)
            gain = name.endswith(("running_var", ".M")) or (value.ndim == 1 and name.endswith("weight"))
            value.copy_(1 + ramp / 2 if gain else ramp / 2)
    return module


def keypoints(frames: int, batch: int = 2) -> Tensor:
    return torch.sin(torch.arange(batch * frames * 34.0)).reshape(batch, frames, 17, 2)


# The public layout and arithmetic


def plain(weights: dict[str, Tensor], x: Tensor, heads: int) -> Tensor:
    """The network as the public code computes it, in float64, from the public keys."""
    w = {key: value.double() for key, value in weights.items()}

    def linear(x: Tensor, name: str) -> Tensor:
        return functional.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    def norm(x: Tensor, name: str, epsilon: float = 1e-6) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], epsilon)

    def attention(x: Tensor, name: str) -> Tensor:
        query, key, value = (part.unflatten(-1, (heads, -1)) for part in linear(x, f"{name}.qkv").chunk(3, dim=-1))
        scores = torch.einsum("bqhc,bkhc->bhqk", query, key) / query.shape[-1] ** 0.5
        return linear(torch.einsum("bhqk,bkhc->bqhc", scores.softmax(-1), value).flatten(2), f"{name}.proj")

    def perceptron(x: Tensor, name: str) -> Tensor:
        return linear(functional.gelu(linear(x, f"{name}.fc1")), f"{name}.fc2")

    def graph(x: Tensor, name: str, edges: list[tuple[int, int]]) -> Tensor:
        nodes = x.shape[1]
        near = [{b for edge in edges for a, b in (edge, edge[::-1]) if a == node} for node in range(nodes)]
        learnt, says = w[f"{name}.gconv.adj2"], w[f"{name}.gconv.M"]
        rows = []
        for a in range(nodes):
            row = w[f"{name}.gconv.bias"].clone()
            for b in range(nodes):
                fixed = [
                    1.0 if one == other else (other in near[one]) / max(1, len(near[one]))
                    for one, other in ((a, b), (b, a))
                ]
                weight = (sum(fixed) + learnt[a, b] + learnt[b, a]) / 2
                row = row + weight * says[b] * (x[:, b] @ w[f"{name}.gconv.W"][0 if a == b else 1])
            rows.append(row)
        y = torch.stack(rows, dim=1)
        scale = w[f"{name}.bn.weight"] / (w[f"{name}.bn.running_var"] + 1e-5).sqrt()
        return functional.relu((y - w[f"{name}.bn.running_mean"]) * scale + w[f"{name}.bn.bias"])

    def block(x: Tensor, name: str) -> Tensor:
        x = x + attention(norm(x, f"{name}.norm1"), f"{name}.attn")
        return x + perceptron(norm(x, f"{name}.norm2"), f"{name}.mlp")

    def joint_prior(x: Tensor) -> Tensor:
        x = graph(x, "kpattention.attn.kpa", list(HUMAN36M_17.bones)) + w["kpattention.attn.Spatial_pos_embed"]
        x = x + attention(norm(x, "kpattention.attn.norm1", 1e-5), "kpattention.attn")
        return x + perceptron(norm(x, "kpattention.norm2"), "kpattention.mlp")

    def frame_prior(x: Tensor) -> Tensor:
        steps = [(frame, frame + 1) for frame in range(x.shape[1] - 1)]
        x = x + graph(graph(x, "tpattention.attn.tpa.gconv1", steps), "tpattention.attn.tpa.gconv2", steps)
        x = x + w["tpattention.attn.Temporal_pos_embed"]
        x = x + attention(norm(x, "tpattention.attn.norm1", 1e-5), "tpattention.attn")
        return x + perceptron(norm(x, "tpattention.norm2"), "tpattention.mlp")

    x = x.double()
    depth = sum(key.startswith("STEblocks.") and key.endswith("norm1.bias") for key in w)
    for index in range(-1, depth):
        joints = [block(frame, f"STEblocks.{index}") if index >= 0 else joint_prior(frame) for frame in x.unbind(1)]
        x = norm(torch.stack(joints, dim=1), "Spatial_norm")
        frames = [block(track, f"TTEblocks.{index}") if index >= 0 else frame_prior(track) for track in x.unbind(2)]
        x = norm(torch.stack(frames, dim=2), "Temporal_norm")
    return linear(norm(x, "head.0", 1e-5), "head.1")


def public_weights(module: KTPFormer) -> dict[str, Tensor]:
    """The module's weights under the public keys."""
    renamed = {"spatial_blocks": "STEblocks", "temporal_blocks": "TTEblocks", "spatial_norm": "Spatial_norm"}
    renamed |= {"temporal_norm": "Temporal_norm", "head": "head"}
    priors = {
        "joint_prior": ("kpattention", "kpa", "Spatial_pos_embed"),
        "frame_prior": ("tpattention", "tpa", "Temporal_pos_embed"),
    }
    weights = {}
    for name, value in module.network.state_dict().items():
        first, _, rest = name.partition(".")
        if first in priors:
            outer, graph, position = priors[first]
            inside = rest.replace("graph.", f"attn.{graph}.").replace("position", f"attn.{position}")
            inside = inside.replace("block.norm1", "block.attn.norm1").replace("block.", "")
            weights[f"{outer}.{inside}"] = value
        else:
            weights[f"{renamed[first]}.{rest}"] = value
    return weights


def convert(weights: dict[str, Tensor], **given: object) -> KTPFormer:
    """Our lifter with a public state dict: inferred configuration, declared rules, strict load."""
    config = {**CONVERSION.infer({key: tuple(value.shape) for key, value in weights.items()}), **given}
    module = KTPFormer(**config)
    keys = map_keys(CONVERSION, list(weights))
    module.load_state_dict({keys[key]: value for key, value in weights.items()}, strict=True)
    return module.eval()


def test_network_reproduces_the_public_code(shared: Path) -> None:
    models = shared / "conformance" / "models"
    described = json.loads((models / "ktpformer.json").read_text())
    weights = load_file(models / "ktpformer.safetensors")
    module = convert(weights, **CONVERSION.translate({**described["config"], **described}))
    assert sum(parameter.numel() for parameter in module.parameters()) == described["parameters"]
    example = np.load(models / "ktpformer_io.npz")
    with torch.no_grad():
        output = CONVERSION.run(module, example).numpy()
    np.testing.assert_allclose(output, example["output"], rtol=0, atol=1e-5)
    as_read = plain(weights, torch.from_numpy(example["keypoints_2d"]), described["config"]["num_heads"])
    np.testing.assert_allclose(as_read, example["output"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", SIZES)
def test_network_agrees_with_the_plain_reading(config: dict[str, float]) -> None:
    weights = public_weights(filled(**config))
    heads = int(config.get("heads", 4))
    x = keypoints(int(config["frames"])).double()
    with torch.no_grad():
        output = convert(weights, heads=heads).double().network(x)
    # The priors are float32, where a third is 1e-8 away.
    torch.testing.assert_close(output, plain(weights, x, heads), rtol=0, atol=1e-6)


def test_golden_values() -> None:
    module = filled(frames=9, depth=2)
    with torch.no_grad():
        output = module.network(keypoints(9, batch=1))
    np.testing.assert_allclose(output[0, ::4, 0].flatten().tolist(), GOLDEN, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("tag", "parameters"), [("h36m_243", 35_213_430), ("h36m_243_d8", 39_418_998)])
def test_published_sizes(tag: str, parameters: int) -> None:
    found = resolve_model(f"ktpformer.{tag}")
    with torch.device("meta"):
        module = build_module(found, found.config)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters


# Conversion


def test_configuration_is_read_from_keys_and_shapes() -> None:
    weights = public_weights(filled(frames=7, depth=3, mlp_ratio=4.0, qkv_bias=False))
    assert CONVERSION.infer({key: tuple(value.shape) for key, value in weights.items()}) == {
        "frames": 7, "dim": 8, "depth": 3, "mlp_ratio": 4.0, "qkv_bias": False,
    }  # fmt: skip


def test_translation() -> None:
    public = {"num_frame": 5, "embed_dim_ratio": 32, "depth": 2, "num_heads": 4, "mlp_ratio": 3.0, "qkv_bias": False}
    edges = {
        "spatial_edges": [list(bone) for bone in HUMAN36M_17.bones],
        "temporal_edges": [[1, 0], [1, 2], [2, 3], [4, 3]],
    }
    expected = {"frames": 5, "dim": 32, "depth": 2, "heads": 4, "mlp_ratio": 3.0, "qkv_bias": False}
    assert CONVERSION.translate({**public, **edges, "qk_scale": None}) == expected
    assert CONVERSION.translate({"num_heads": 4}) == {"heads": 4}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"spatial_edges": [[1, 0], [2, 1]]}, r"not the bones of human36m-17"),
        ({"num_frame": 3, "temporal_edges": [[0, 1], [1, 2], [0, 2]]}, r"not the steps through 3 frames"),
        ({"num_frame": 4, "temporal_edges": [[0, 1], [1, 2]]}, r"not the steps through 4 frames"),
        ({"qk_scale": 0.5}, r"qk_scale is 0.5"),
    ],
)
def test_what_no_state_dict_tells_is_checked(config: dict[str, object], sentence: str) -> None:
    with pytest.raises(WeightsError, match=sentence):
        CONVERSION.translate(config)


def test_a_key_of_another_architecture_is_named() -> None:
    # MixSTE has the same blocks and an embedding of its own.
    with pytest.raises(WeightsError, match=r"'Spatial_patch_to_embedding.weight'.*JihuaPeng/KTPFormer"):
        map_keys(CONVERSION, ["STEblocks.0.norm1.weight", "Spatial_patch_to_embedding.weight"])


# The priors


def test_neighbours_share_a_weight_of_one() -> None:
    chain = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0.0]])
    assert torch.equal(neighbours(3, [(0, 1), (2, 1)]), chain)
    expected = torch.tensor([[1, 1, 0], [0.5, 1, 0.5], [0, 1, 1.0]])
    assert torch.equal(mean_of_neighbours(3, [(0, 1), (2, 1)]), expected)
    assert torch.equal(mean_of_neighbours(1, []), torch.ones(1, 1))


def test_prior_and_learnt_adjacency_are_made_symmetric() -> None:
    layer = PriorGraphConvolution(1, 1, mean_of_neighbours(3, [(0, 1), (1, 2)]))
    with torch.no_grad():
        layer.adj2.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 0], [0.5, 0, 0]]))
        layer.M.copy_(torch.tensor([[1.0], [2.0], [3.0]]))
        layer.W.copy_(torch.tensor([1.0, 10.0]).view(2, 1, 1))
        layer.bias.fill_(0.5)
        output = layer(torch.tensor([[[1.0], [1.0], [2.0]]]))
    # 0.75 is the mean of 1 (of the one neighbour) and 0.5 (of two).
    own, others = torch.tensor([2.0, 2, 6]), torch.tensor([0.75 * 2 + 0.25 * 6, 0.75 + 0.75 * 6, 0.75 * 2 + 0.25])
    torch.testing.assert_close(output.flatten(), own + 10 * others + 0.5)


def test_priors_are_no_part_of_the_weights() -> None:
    assert not any(name.endswith(".prior") for name in KTPFormer(3, dim=8, depth=1).state_dict())


# The lifter


def test_spec() -> None:
    spec = specs.spec({})
    assert (spec.window, spec.stride, spec.tail, spec.space) == (243, 243, "overlap-chunk", "root_relative")
    assert (spec.privileges, spec.fps) == (("future_frames",), 50.0)
    assert specs.spec({"frames": 1}).privileges == ()
    assert KTPFormer(27, dim=8, depth=1, fps=60.0).spec == specs.spec({"frames": 27, "fps": 60.0})


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(UsageError, match=r"dim is 8.*3 heads"):
        KTPFormer(3, dim=8, depth=1, heads=3)


@pytest.mark.parametrize("tag", ["h36m_243", "h36m_243_d8"])
def test_contract_of_the_published_sizes(tag: str) -> None:
    assert mock(f"ktpformer.{tag}", device="meta").output_shape == (2, 1, 243, 17, 3)


def test_lift_is_forward_on_the_screen_in_mm() -> None:
    module = filled(frames=5, depth=1)
    pixels = 500 + 400 * keypoints(5)
    screen = torch.stack([pixels[..., 0] / 500 - 1, pixels[..., 1] / 500 - 1.002], dim=-1)
    inputs = LifterInputs(pixels, torch.ones(pixels.shape[:-1]), torch.tensor([1000.0, 1002.0]), 50.0)
    with torch.no_grad():
        poses = module.lift(inputs)
        assert poses.shape == (2, 5, 17, 3)
        torch.testing.assert_close(poses, 1000 * module.network(screen), rtol=1e-4, atol=0.05)
        torch.testing.assert_close(poses, module(screen), rtol=1e-4, atol=0.05)


def test_every_frame_is_seen_by_every_other() -> None:
    module = filled(frames=6, depth=1)
    x = keypoints(6, batch=1).requires_grad_()
    for frame in (0, 3, 5):
        (gradient,) = torch.autograd.grad(module.network(x)[0, frame].square().sum(), x)
        assert (gradient[0].abs().sum(dim=(1, 2)) > 0).all()


def test_training_reaches_every_parameter_and_drops_paths() -> None:
    module = filled(frames=4, depth=2, drop_path=0.5)
    windows = keypoints(4)
    module(windows).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())
    torch.manual_seed(0)
    trained = [module.train()(windows) for _ in range(8)]
    assert any(not torch.equal(trained[0], other) for other in trained)
