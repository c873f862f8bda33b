"""MotionAGFormer: the public layout and arithmetic with every switch, its graphs, and what the lifter promises."""

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plain_motionagformer import Plain
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from posebench.conversion.rules import map_keys
from posebench.errors import UsageError, WeightsError
from posebench.prediction.create import build_module
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import mock
from posebench.registry.resolve import resolve_model
from zoo.blocks.motion_graph import GraphConvolution, alike, following_frames, joint_graph
from zoo.blocks.temporal_convolution import MultiScaleConvolution
from zoo.conversions.motionagformer import CONVERSION, infer, translate
from zoo.lifters.motionagformer import MotionAGFormer
from zoo.specs import motionagformer as specs

#: What the network gave, filled by `fill_by_rule`, when it reproduced the public code.
GOLDEN = [-0.656643, -0.659612, -0.670343, -0.658833, -0.650841, -0.652787, -0.65574, -0.664365, -0.667569]

SMALL: dict[str, Any] = {"frames": 9, "layers": 2, "dim": 16, "dim_rep": 12, "heads": 4}
SWITCHES = (
    "temporal_similarity", "adaptive_fusion", "layer_scale", "qkv_bias", "hierarchical", "graph_only", "tcn"
)  # fmt: skip
#: Public names of what no shape tells, and of the window, which a network without a temporal graph does not show.
UNTOLD = {"num_heads": "heads", "use_temporal_similarity": "temporal_similarity", "n_frames": "frames"}
SIZES: list[dict[str, Any]] = [
    {"frames": 10, "neighbours": 4},
    {"frames": 1, "neighbours": 1},
    {"frames": 9, "neighbours": 9},
    {"frames": 27, "layers": 3, "dim": 24, "heads": 2, "mlp_ratio": 2},
    {"dim": 24, "mlp_ratio": 1.3},
    {"temporal_similarity": False, "temporal_reach": 3},
    {"temporal_similarity": False, "temporal_reach": 20},
]


def filled(**config: Any) -> MotionAGFormer:
    """Random weights in which everything counts: new ones have factors of 1e-5 and norms of one."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = MotionAGFormer(**{**SMALL, **config}).eval()
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                spread = 0.3 if value.ndim < 2 else 1 / math.sqrt(value[:1].numel())
                drawn = spread * torch.randn_like(value) + float("norm" in name and name.endswith("weight"))
                value.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn)
    return module


def fill_by_rule(module: torch.nn.Module) -> None:
    """Weights that no generator has a part in: slow sines of their own position."""
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            ramp = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + len(name)).reshape(value.shape)
            value.copy_(1.5 + ramp if name.endswith("running_var") else ramp / math.sqrt(max(1, value[:1].numel())))


def inputs(pixels: Tensor, confidence: Tensor | None = None) -> LifterInputs:
    seen = torch.ones(pixels.shape[:-1]) if confidence is None else confidence
    return LifterInputs(pixels, seen, torch.tensor([1000.0, 1002.0]), 50.0)


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(7)


# The public layout and arithmetic


def public_weights(module: MotionAGFormer) -> dict[str, Tensor]:
    """The module's weights under the public keys."""
    return {key.removeprefix("network."): value for key, value in module.state_dict().items()}


def convert(weights: dict[str, Tensor], described: dict[str, Any]) -> MotionAGFormer:
    """Public weights through rules, inference and a strict load."""
    keys = map_keys(CONVERSION, list(weights))
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    module = MotionAGFormer(**{**infer(shapes), **translate(described)})
    module.load_state_dict({keys[key]: value for key, value in weights.items()}, strict=True)  # type: ignore[misc]
    return module.eval()


def test_network_reproduces_the_public_code(shared: Path) -> None:
    models = shared / "conformance" / "models"
    described = json.loads((models / "motionagformer.json").read_text())
    module = convert(load_file(models / "motionagformer.safetensors"), {**described["config"], **described})
    assert sum(parameter.numel() for parameter in module.parameters()) == described["parameters"]
    example = np.load(models / "motionagformer_io.npz")
    output = CONVERSION.run(module, example).numpy()
    np.testing.assert_allclose(output, example["output"], rtol=0, atol=1e-5)


def same_as_plain(module: MotionAGFormer, random: torch.Generator, **config: Any) -> None:
    options = {**SMALL, "neighbours": 2, "temporal_similarity": True, "temporal_reach": 1, **config}
    reach = None if options["temporal_similarity"] else options["temporal_reach"]
    # In float64 no rounding decides which of two frames is the nearer.
    module = module.double()
    x = torch.randn(2, options["frames"], 17, 3, generator=random, dtype=torch.float64)
    with torch.no_grad():
        expected = Plain(public_weights(module), options["heads"], options["neighbours"], reach)(x)
        torch.testing.assert_close(module.network(x), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("flags", list(product([False, True], repeat=len(SWITCHES))))
def test_every_switch_is_that_of_the_public_code(flags: tuple[bool, ...], random: torch.Generator) -> None:
    config = dict(zip(SWITCHES, flags, strict=True))
    module = filled(**config, layers=1)
    described = {public: {**SMALL, **config}[ours] for public, ours in UNTOLD.items()}
    loaded = convert(public_weights(module), described)
    same_as_plain(loaded, random, **config)


@pytest.mark.parametrize("config", SIZES, ids=str)
def test_every_size_is_that_of_the_public_code(config: dict[str, Any], random: torch.Generator) -> None:
    same_as_plain(filled(**config), random, **config)


@pytest.mark.parametrize(
    "flags", [{}, {"hierarchical": True}, {"graph_only": True}, {"adaptive_fusion": False}], ids=str
)
@pytest.mark.parametrize("size", SIZES[:5], ids=str)
def test_shapes_tell_the_configuration(flags: dict[str, Any], size: dict[str, Any]) -> None:
    config = {**SMALL, **flags, **size}
    shapes = {key: tuple(value.shape) for key, value in public_weights(filled(**config)).items()}
    told = infer(shapes)
    again = MotionAGFormer(**{**told, "heads": config["heads"], "neighbours": 1})
    assert {key: tuple(value.shape) for key, value in public_weights(again).items()} == shapes
    assert {name: told[name] for name in ("frames", "layers", "dim", "dim_rep")} == {
        name: config[name] for name in ("frames", "layers", "dim", "dim_rep")
    }


def test_what_cannot_be_loaded_is_said() -> None:
    for name, value in {"dim_in": 2, "num_joints": 16, "act_layer": "relu", "qkv_scale": 0.5}.items():
        with pytest.raises(WeightsError, match=f"{name}={value}"):
            translate({name: value})
    with pytest.raises(WeightsError, match="2 values a joint"):
        infer({"joints_embed.weight": (16, 2)})
    with pytest.raises(WeightsError, match="temp_embed"):
        map_keys(CONVERSION, ["pos_embed", "temp_embed"])


def test_training_configuration_is_translated() -> None:
    public = {"n_frames": 81, "n_layers": 26, "dim_feat": 64, "root_rel": False, "drop": 0.1, "epochs": 60}
    assert translate(public) == {"frames": 81, "layers": 26, "dim": 64, "rootrel": False}


@pytest.mark.parametrize(
    ("tag", "parameters", "keys"),
    [
        ("xs_27", 2_241_531, 801),
        ("s_81", 4_817_119, 1725),
        ("b_243", 11_723_811, 1065),
        ("l_243", 19_007_111, 1725),
        ("b_243_mm", 11_723_811, 1065),
    ],
)
def test_published_sizes_keep_the_contract(tag: str, parameters: int, keys: int) -> None:
    resolved = resolve_model(f"motionagformer.{tag}")
    with torch.device("meta"):
        module = build_module(resolved, resolved.config)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters
    assert len(module.state_dict()) == keys
    run = mock(resolved.name, device="meta")
    assert run.output_shape == (2, 1, *run.input_shape[1:3], 3)


def test_golden_values() -> None:
    module = MotionAGFormer(**SMALL).eval()
    fill_by_rule(module)
    with torch.no_grad():
        # No two frames are so nearly alike here that rounding could choose between them.
        output = module.network(torch.sin(torch.arange(9 * 17 * 3) ** 2 * 0.38).view(1, 9, 17, 3))
    assert output.shape == (1, 9, 17, 3)
    np.testing.assert_allclose(output[0, ::4, ::8].flatten()[::3].tolist(), GOLDEN, atol=1e-5)


# The graphs


def test_joint_graph_is_the_published_one() -> None:
    graph = joint_graph()
    assert graph.sum(1).tolist() == [2, 2, 2, 1, 2, 2, 1, 2, 2, 2, 1, 2, 2, 1, 2, 2, 1]
    # Heard in one direction only: the left hip by the Hip, both shoulders by the Thorax.
    assert (graph - graph.T).clamp(min=0).nonzero().tolist() == [[4, 0], [11, 8], [14, 8]]


def test_following_frames() -> None:
    expected = [[1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]
    assert following_frames(4, 2).tolist() == expected
    assert following_frames(3, 9).tolist() == torch.ones(3, 3).triu().tolist()


def test_equally_alike_frames_are_all_heard() -> None:
    # Whole numbers, so that every product is exact; frames 1 to 3 are one frame repeated.
    x = torch.tensor([[[1.0, 2.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [-1.0, 0.0]]])
    assert alike(x, 2)[0].tolist() == [
        [1, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [1, 0, 0, 0, 1],
    ]


def test_alike_does_not_ask_in_which_order(random: torch.Generator) -> None:
    x = torch.randn(3, 8, 5, generator=random, dtype=torch.float64)
    order = torch.randperm(8, generator=random)
    chosen = alike(x, 3)
    assert torch.equal(chosen.sum(-1), torch.full((3, 8), 3.0, dtype=torch.float64))
    assert torch.equal(alike(x[:, order], 3), chosen[:, order][:, :, order])


def test_neighbours_are_chosen_in_full_precision(random: torch.Generator) -> None:
    x = torch.randn(3, 40, 8, generator=random)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(alike(x, 2), alike(x.double(), 2).float())


@pytest.mark.parametrize("neighbours", [0, 10])
def test_impossible_neighbours_are_refused(neighbours: int) -> None:
    with pytest.raises(UsageError, match=rf"neighbours is {neighbours}; of 9 frames"):
        MotionAGFormer(**SMALL, neighbours=neighbours)
    # Nobody asks for them where they are not chosen.
    MotionAGFormer(**SMALL, neighbours=neighbours, temporal_similarity=False)


def test_impossible_widths_are_refused() -> None:
    with pytest.raises(UsageError, match="8 of 16 channels does not divide into 3 heads"):
        MotionAGFormer(**{**SMALL, "heads": 3}, hierarchical=True)
    with pytest.raises(UsageError, match="a width that 4 divides, not 18"):
        MultiScaleConvolution(18)
    with pytest.raises(UsageError, match="of 15 channels"):
        MotionAGFormer(**{**SMALL, "dim": 15, "heads": 1}, hierarchical=True)


def test_graphs_are_no_weights() -> None:
    assert "adjacency" not in GraphConvolution(4, 17, joint_graph()).state_dict()


# The lifter


def test_spec() -> None:
    spec = specs.spec({"frames": 27, "fps": 60.0})
    assert (spec.window, spec.stride, spec.tail, spec.space, spec.fps) == (27, 27, "resample", "image25d", 60.0)
    assert spec.privileges == ("future_frames",)
    assert set(specs.spec({"output": "camera"}).privileges) == {"future_frames", "intrinsics", "root_depth"}
    assert MotionAGFormer(**SMALL).spec == specs.spec({"frames": 9})


def test_lift_gives_pixels_about_the_seen_root(random: torch.Generator) -> None:
    lifter = filled()
    pixels = 1000 * torch.rand(2, 9, 17, 2, generator=random)
    confidence = torch.rand(2, 9, 17, generator=random)
    with torch.no_grad():
        poses = lifter.lift(inputs(pixels, confidence))
        screen = pixels / 500 - torch.tensor([1.0, 1.002])
        raw = lifter.network(torch.cat([screen, confidence[..., None]], dim=-1))
        trusted = lifter.lift(inputs(pixels))
    torch.testing.assert_close(poses[:, :, :1, :2], pixels[:, :, :1])
    assert not poses[:, :, 0, 2].any()
    expected = 500 * raw[:, :, 1:] + functional.pad(pixels[:, :, :1], (0, 1))
    torch.testing.assert_close(poses[:, :, 1:], expected, rtol=1e-5, atol=1e-2)
    assert not torch.allclose(poses, trusted, atol=1.0)


def test_training_sees_metres(random: torch.Generator) -> None:
    lifter = filled(output="root_relative")
    windows = torch.randn(2, 9, 17, 2, generator=random)
    confidence = torch.rand(2, 9, 17, generator=random)
    with torch.no_grad():
        expected = 1000 * lifter.network(torch.cat([windows, confidence[..., None]], dim=-1))
        torch.testing.assert_close(lifter(windows, confidence), expected)
    lifter.train()
    lifter(windows, confidence).square().mean().backward()
    silent = [name for name, weight in lifter.named_parameters() if weight.grad is None]
    assert silent == []


def test_batch_and_repetition_change_nothing(random: torch.Generator) -> None:
    lifter = filled().double()
    x = torch.randn(5, 9, 17, 3, generator=random, dtype=torch.float64)
    with torch.no_grad():
        whole = lifter.network(x)
        assert torch.equal(whole, lifter.network(x))
        for index in range(5):
            torch.testing.assert_close(lifter.network(x[index : index + 1])[0], whole[index], rtol=0, atol=1e-10)
