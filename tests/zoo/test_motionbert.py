"""MotionBERT: the public layout and arithmetic, and what the lifter around the network promises."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from posebench.conversion.rules import map_keys
from posebench.errors import UsageError, WeightsError
from posebench.prediction.create import LoadedLifter, build_module
from posebench.prediction.flip import doubled
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import mock
from posebench.prediction.predict_sequence import lift
from posebench.registry.resolve import resolve_model
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.transformer import EPSILON
from zoo.conversions.motionbert import CONVERSION, TORCH_EPSILON, infer, translate
from zoo.lifters.motionbert import MotionBERT

TAGS = {"h36m_243": 42_466_317, "h36m_243_lite": 16_001_549, "h36m_243_mm": 42_466_317}
SMALL = {"frames": 9, "dim": 16, "dim_rep": 24, "depth": 2, "heads": 4}

#: What the network gave, filled by rule, when it reproduced the public code.
GOLDEN = {
    True: [-1.217908, 0.313769, -1.446639, -1.217239, 0.314317, -1.449457, -1.215772, 0.313651, -1.448456],
    False: [-1.219716, 0.329625, -1.461929, -1.21918, 0.330295, -1.46457, -1.217904, 0.329705, -1.463488],
}


def filled(**config: Any) -> MotionBERT:
    """Weights that no generator has a part in: slow sines of their own position."""
    module = MotionBERT(**{**SMALL, **config}).eval()
    for name, value in module.state_dict().items():
        ramp = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + len(name)).reshape(value.shape)
        value.copy_(ramp / max(1, value[:1].numel()) ** 0.5)
    return module


def some_inputs(batch: int = 3, frames: int = 9) -> LifterInputs:
    stream = torch.Generator().manual_seed(5)
    return LifterInputs(
        keypoints=200 + 600 * torch.rand(batch, frames, 17, 2, generator=stream),
        confidence=torch.rand(batch, frames, 17, generator=stream),
        image_size=torch.tensor([1000.0, 1002.0]),
        fps=50.0,
    )


# The public layout and arithmetic


def converted(weights: dict[str, Tensor], config: dict[str, Any]) -> MotionBERT:
    mapped = map_keys(CONVERSION, list(weights))
    module = MotionBERT(**config).eval()
    module.load_state_dict({ours: weights[key] for key, ours in mapped.items() if ours is not None}, strict=True)
    return module


def shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in weights.items()}


def test_network_reproduces_the_public_code(shared: Path) -> None:
    models = shared / "conformance" / "models"
    described = json.loads((models / "motionbert.json").read_text())
    weights = load_file(models / "motionbert.safetensors")
    config = {**infer(shapes(weights)), **translate(described["config"])}
    module = converted(weights, config)
    assert sum(parameter.numel() for parameter in module.parameters()) == described["parameters"]
    arrays = np.load(models / "motionbert_io.npz")
    np.testing.assert_allclose(CONVERSION.run(module, arrays).numpy(), arrays["output"], rtol=0, atol=1e-5)


def public_weights(config: dict[str, Any], stream: torch.Generator) -> dict[str, Tensor]:
    """Random weights on the public keys."""
    dim, rep, hidden = config["dim_feat"], config["dim_rep"], int(config["dim_feat"] * config["mlp_ratio"])
    layers = {"joints_embed": (dim, 3), "pre_logits.fc": (rep, dim), "head": (3, rep)}
    norms = ["norm"]
    for i in range(config["depth"]):
        if config["att_fuse"]:
            layers[f"ts_attn.{i}"] = (2, 2 * dim)
        for block in (f"blocks_st.{i}", f"blocks_ts.{i}"):
            for axis in "st":
                layers[f"{block}.attn_{axis}.qkv"] = (3 * dim, dim)
                layers[f"{block}.attn_{axis}.proj"] = (dim, dim)
                layers[f"{block}.mlp_{axis}.fc1"] = (hidden, dim)
                layers[f"{block}.mlp_{axis}.fc2"] = (dim, hidden)
                norms += [f"{block}.norm1_{axis}", f"{block}.norm2_{axis}"]
    sizes: dict[str, tuple[int, ...]] = {"pos_embed": (1, 17, dim), "temp_embed": (1, config["maxlen"], 1, dim)}
    for name, (out, into) in layers.items():
        sizes[f"{name}.weight"] = (out, into)
        if config["qkv_bias"] or not name.endswith("qkv"):
            sizes[f"{name}.bias"] = (out,)
    for name in norms:
        sizes[f"{name}.weight"] = sizes[f"{name}.bias"] = (dim,)
    return {name: 0.3 * torch.randn(size, generator=stream) for name, size in sizes.items()}


def plain(weights: dict[str, Tensor], x: Tensor, config: dict[str, Any]) -> Tensor:
    """The network in float64 from the public keys, attention written out over named axes."""
    w = {key: value.double() for key, value in weights.items()}

    def linear(x: Tensor, name: str) -> Tensor:
        return functional.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], TORCH_EPSILON)

    def mix(x: Tensor, block: str, axis: str) -> Tensor:
        parts = linear(norm(x, f"{block}.norm1_{axis}"), f"{block}.attn_{axis}.qkv").chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (config["num_heads"], -1)) for part in parts)
        query = query / query.shape[-1] ** 0.5
        if axis == "s":
            scores = torch.einsum("btqhc,btkhc->bthqk", query, key).softmax(-1)
            mixed = torch.einsum("bthqk,btkhc->btqhc", scores, value)
        else:
            scores = torch.einsum("bqjhc,bkjhc->bjhqk", query, key).softmax(-1)
            mixed = torch.einsum("bjhqk,bkjhc->bqjhc", scores, value)
        x = x + linear(mixed.flatten(-2), f"{block}.attn_{axis}.proj")
        inner = functional.gelu(linear(norm(x, f"{block}.norm2_{axis}"), f"{block}.mlp_{axis}.fc1"))
        return x + linear(inner, f"{block}.mlp_{axis}.fc2")

    x = linear(x.double(), "joints_embed") + w["pos_embed"] + w["temp_embed"][:, : x.shape[1]]
    for i in range(config["depth"]):
        st = mix(mix(x, f"blocks_st.{i}", "s"), f"blocks_st.{i}", "t")
        ts = mix(mix(x, f"blocks_ts.{i}", "t"), f"blocks_ts.{i}", "s")
        share = torch.full((*x.shape[:3], 2), 0.5, dtype=torch.float64)
        if config["att_fuse"]:
            share = linear(torch.cat([st, ts], dim=-1), f"ts_attn.{i}").softmax(-1)
        x = st * share[..., :1] + ts * share[..., 1:]
    return linear(linear(norm(x, "norm"), "pre_logits.fc").tanh(), "head")


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize(
    ("size", "frames"),
    [
        ({"dim_feat": 32, "dim_rep": 48, "depth": 2, "num_heads": 4, "mlp_ratio": 2, "maxlen": 27}, 27),
        ({"dim_feat": 24, "dim_rep": 16, "depth": 3, "num_heads": 2, "mlp_ratio": 4, "maxlen": 13}, 13),
        ({"dim_feat": 28, "dim_rep": 28, "depth": 1, "num_heads": 1, "mlp_ratio": 2.2, "maxlen": 16}, 7),
        ({"dim_feat": 16, "dim_rep": 8, "depth": 2, "num_heads": 8, "mlp_ratio": 1, "maxlen": 5, "qkv_bias": False}, 1),
    ],
)
def test_other_sizes_and_flags(size: dict[str, Any], frames: int, fuse: bool) -> None:
    public = {"qkv_bias": True, **size, "att_fuse": fuse}
    stream = torch.Generator().manual_seed(frames)
    weights = public_weights(public, stream)
    told, inferred = translate(public), infer(shapes(weights))
    for name in inferred.keys() - {"heads", "mlp_ratio"}:
        assert told[name] == inferred[name], name
    assert int(told["dim"] * inferred["mlp_ratio"]) == int(told["dim"] * told["mlp_ratio"])
    x = torch.randn(2, frames, 17, 3, generator=stream)
    module = converted(weights, {**inferred, "heads": told["heads"], "epsilon": told["epsilon"]})
    output = CONVERSION.run(module, {"keypoints_2d_conf": x.numpy()})
    np.testing.assert_allclose(output, plain(weights, x, public), rtol=0, atol=1e-5)


def test_what_is_translated() -> None:
    # A training configuration goes through `load_backbone`, which sets the epsilon that is our default.
    training = {"maxlen": 243, "dim_feat": 256, "mlp_ratio": 4, "rootrel": False, "dropout": 0.0, "clip_len": 243}
    assert translate(training) == {"frames": 243, "dim": 256, "mlp_ratio": 4, "rootrel": False}
    assert translate({"num_heads": 4}) == {"heads": 4}
    assert translate({"dim_feat": 32, "num_joints": 17, "qk_scale": None}) == {"dim": 32, "epsilon": TORCH_EPSILON}
    assert MotionBERT(**SMALL).network.norm.eps == EPSILON  # type: ignore[union-attr]
    with pytest.raises(WeightsError, match=r"num_joints=25.*17"):
        translate({"dim_feat": 32, "num_joints": 25})


@pytest.mark.parametrize(("name", "parameters"), list(TAGS.items()))
def test_published_sizes(name: str, parameters: int) -> None:
    tag = resolve_model(f"motionbert.{name}")
    with torch.device("meta"):
        module = build_module(tag, tag.config)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters


@pytest.mark.parametrize("adaptive_fusion", [True, False])
def test_golden_values(adaptive_fusion: bool) -> None:
    network = filled(adaptive_fusion=adaptive_fusion).network
    with torch.no_grad():
        output = network(torch.sin(1.3 * torch.arange(7 * 51.0)).reshape(1, 7, 17, 3))
    np.testing.assert_allclose(output[0, ::3, ::8].flatten()[:18:2].tolist(), GOLDEN[adaptive_fusion], atol=1e-5)


def test_both_orders_count_the_same_at_first() -> None:
    torch.manual_seed(0)
    fused, averaged = MotionBERT(**SMALL).eval(), MotionBERT(**SMALL, adaptive_fusion=False).eval()
    weights = {name: value for name, value in fused.state_dict().items() if "ts_attn" not in name}
    averaged.load_state_dict(weights, strict=True)
    x = torch.linspace(-1, 1, 9 * 51).reshape(1, 9, 17, 3)
    with torch.no_grad():
        torch.testing.assert_close(fused.network(x), averaged.network(x))


# The lifter


@pytest.mark.parametrize("name", list(TAGS))
def test_every_tag_keeps_its_contract(name: str) -> None:
    run = mock(f"motionbert.{name}", device="meta")
    assert run.output_shape == (2, 1, 243, 17, 3)
    spec = resolve_model(f"motionbert.{name}").entry.spec(resolve_model(f"motionbert.{name}").config)
    assert (spec.window, spec.stride, spec.tail, spec.fps) == (243, 243, "resample", 50.0)
    granted = ("intrinsics", "root_depth") if name.endswith("_mm") else ()
    assert (spec.space, spec.privileges) == (
        "camera" if granted else "image25d",
        ("future_frames", *granted),
    )


def test_confidence_is_seen() -> None:
    lifter, inputs = filled(), some_inputs()
    with torch.no_grad():
        poses = lifter.lift(inputs)
        inputs.confidence[:, 4, 13] = 0
        assert not torch.equal(poses, lifter.lift(inputs))


def test_lifting_is_deterministic_and_the_batch_does_not_matter() -> None:
    lifter, inputs = filled(), some_inputs()
    one = LifterInputs(inputs.keypoints[1:2], inputs.confidence[1:2], inputs.image_size, inputs.fps)
    with torch.no_grad():
        poses = lifter.lift(inputs)
        assert torch.equal(poses, lifter.lift(inputs))
        torch.testing.assert_close(lifter.lift(one), poses[1:2], rtol=0, atol=1e-3)


@pytest.mark.parametrize("rootrel", [True, False])
def test_the_doubled_batch_makes_a_mirror_image_of_a_mirror_image(rootrel: bool) -> None:
    module, inputs, mirrored = filled(rootrel=rootrel), some_inputs(), HUMAN36M_17.mirrored
    tag = resolve_model("motionbert")
    lifter = LoadedLifter(module, module.spec, tag, {}, None)
    both = doubled(inputs, mirrored)
    turned = LifterInputs(both.keypoints[3:], both.confidence[3:], inputs.image_size, inputs.fps)
    with torch.no_grad():
        poses, mirror = (lift(lifter, HUMAN36M_17, shown, flip=True).poses[:, 0] for shown in (inputs, turned))
        alone = lift(lifter, HUMAN36M_17, turned, flip=False).poses[:, 0]
    expected = poses[..., list(mirrored), :] * torch.tensor([-1.0, 1.0, 1.0]) + torch.tensor([1000.0, 0.0, 0.0])
    torch.testing.assert_close(mirror, expected, rtol=0, atol=1e-2)
    assert (alone - expected).abs().max() > 1  # which the network alone does not promise


def test_training_sees_metres() -> None:
    lifter = filled(output="root_relative", normalize="person")
    inputs = some_inputs()
    with torch.no_grad():
        windows = lifter.normalise(inputs.keypoints, inputs.image_size)
        torch.testing.assert_close(lifter(windows, inputs.confidence), lifter.lift(inputs))
    assert lifter.spec.space == "root_relative"
    with pytest.raises(UsageError, match="output: root_relative"):
        filled()(windows, inputs.confidence)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"output": "metres"}, r"'metres'.*image25d, camera, root_relative"), ({"normalize": "person"}, "no way back")],
)
def test_an_impossible_configuration_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MotionBERT(**SMALL, **wrong)
