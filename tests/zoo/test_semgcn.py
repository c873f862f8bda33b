"""SemGCN: the public layout and arithmetic with and without non-local layers, and what the lifter promises."""

import json
import re
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
from posebench.skeletons import HUMAN36M_16
from zoo.blocks.graph import SemanticGraphConvolution
from zoo.conversions.semgcn import CONVERSION, PUBLISHED_GROUPS
from zoo.lifters.semgcn import SemGCN
from zoo.specs import semgcn as specs

PAIRS = [list(pair) for pair in PUBLISHED_GROUPS]
FOURS = [[0, 1, 2, 3], [15, 14, 13, 12], [4, 6, 5, 7], [8, 9, 10, 11]]
#: One joint is left over: as in the public code no group has it.
THREES = [[5, 4, 3], [0, 1, 2], [6, 7, 8], [9, 10, 11], [12, 13, 14], [15]]

#: What the network gave, filled by rule, when it reproduced the public code.
GOLDEN = {
    False: [0.155969, 0.337823, 0.360794, 0.024672, 0.261927, 0.375994, 0.043118, 0.282017, 0.388279],
    True: [-0.218081, 0.398811, 0.828136, -0.047384, 0.573921, 0.925301, -0.100844, 0.528261, 0.908917],
}


def filled(**config: object) -> SemGCN:
    """Weights that no generator has a part in: slow sines of their own position."""
    module = SemGCN(**{"dim": 8, "layers": 2, **config}).eval()  # type: ignore[arg-type]
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            ramp = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + len(name)).reshape(value.shape)
            value.copy_(1.5 + ramp if name.endswith("running_var") else ramp / 2)
    return module


def keypoints(batch: int = 3) -> Tensor:
    return torch.sin(torch.arange(batch * 32.0)).reshape(batch, 16, 2)


# The public layout and arithmetic


def plain(weights: dict[str, Tensor], x: Tensor, groups: list[list[int]] | None) -> Tensor:
    """The network as the public code computes it, in float64, from the public keys; every edge by itself."""
    w = {key: value.double() for key, value in weights.items()}
    ways = [(a, b) for bone in HUMAN36M_16.bones for a, b in (bone, bone[::-1])]
    heard = sorted(ways + [(joint, joint) for joint in range(16)])

    def convolution(x: Tensor, name: str) -> Tensor:
        scores = w[f"{name}.e"][0].exp()
        totals = [sum(scores[at] for at, (a, _) in enumerate(heard) if a == joint) for joint in range(16)]
        rows = [w[f"{name}.bias"].expand(len(x), -1).clone() for _ in range(16)]
        for at, (a, b) in enumerate(heard):
            rows[a] += scores[at] / totals[a] * (x[:, b] @ w[f"{name}.W"][0 if a == b else 1])
        return torch.stack(rows, dim=1)

    def norm(x: Tensor, name: str) -> Tensor:
        scale = w[f"{name}.weight"] / (w[f"{name}.running_var"] + 1e-5).sqrt()
        return (x - w[f"{name}.running_mean"]) * scale + w[f"{name}.bias"]

    def layer(x: Tensor, name: str) -> Tensor:
        return functional.relu(norm(convolution(x, f"{name}.gconv"), f"{name}.bn"))

    def non_local(x: Tensor, name: str) -> Tensor:
        def project(x: Tensor, part: str) -> Tensor:
            return x @ w[f"{name}.{part}.weight"][..., 0].T + w[f"{name}.{part}.bias"]

        assert groups is not None
        order = [joint for group in groups for joint in group]
        size = len(groups[0])
        pools = [order[first : first + size] for first in range(0, len(order) - size + 1, size)]
        theta = project(x, "theta")
        phi, g = (torch.stack([project(x, part)[:, p].amax(1) for p in pools], dim=1) for part in ("phi.0", "g.0"))
        taken = torch.zeros_like(theta)
        for joint in range(16):
            for pool in range(len(pools)):
                both = torch.cat([theta[:, joint], phi[:, pool]], dim=-1)
                weight = functional.relu(both @ w[f"{name}.concat_project.0.weight"].flatten())
                taken[:, joint] += weight[:, None] / len(pools) * g[:, pool]
        return x + norm(project(taken, "W.0"), f"{name}.W.1")

    x = layer(x.double(), "gconv_input.0")
    if groups:
        x = non_local(x, "gconv_input.1.nonlocal")
    for index in range(1 + max(int(key.split(".")[1]) for key in w if key.startswith("gconv_layers."))):
        name = f"gconv_layers.{index}"
        if f"{name}.nonlocal.theta.weight" in w:
            x = non_local(x, f"{name}.nonlocal")
        else:
            x = x + layer(layer(x, f"{name}.gconv1"), f"{name}.gconv2")
    return convolution(x, "gconv_output")


def public_weights(module: SemGCN, non_local: str = "nonlocal") -> dict[str, Tensor]:
    """The module's weights under the public keys."""
    renamed = {"theta": "theta", "phi": "phi.0", "g": "g.0", "weigh": "concat_project.0", "out": "W.0", "bn": "W.1"}

    def public(found: re.Match[str]) -> str:
        return f"{found[1]}.{non_local}.{renamed[found[2]]}."

    pattern = r"(gconv_(?:input\.1|layers\.\d+))\.(theta|phi|g|weigh|out|bn)\."
    return {re.sub(pattern, public, name): value for name, value in module.network.state_dict().items()}


def convert(weights: dict[str, Tensor], **given: object) -> SemGCN:
    """Our lifter with a public state dict: inferred configuration, declared rules, strict load."""
    config = {**CONVERSION.infer({key: tuple(value.shape) for key, value in weights.items()}), **given}
    module = SemGCN(**config)
    keys = map_keys(CONVERSION, list(weights))
    module.load_state_dict({keys[key]: value for key, value in weights.items()}, strict=True)
    return module.eval()


def test_network_reproduces_the_public_code(shared: Path) -> None:
    models = shared / "conformance" / "models"
    described = json.loads((models / "semgcn.json").read_text())
    weights = load_file(models / "semgcn.safetensors")
    module = convert(weights, **CONVERSION.translate({**described["config"], **described}))
    assert sum(parameter.numel() for parameter in module.parameters()) == described["parameters"]
    example = np.load(models / "semgcn_io.npz")
    with torch.no_grad():
        output = CONVERSION.run(module, example).numpy()
    np.testing.assert_allclose(output, example["output"], rtol=0, atol=1e-6)
    as_read = plain(weights, torch.from_numpy(example["keypoints_2d"]), None)
    np.testing.assert_allclose(as_read, example["output"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("groups", [None, PAIRS, FOURS, THREES], ids=["local", "pairs", "fours", "threes"])
@pytest.mark.parametrize(("dim", "layers"), [(8, 1), (12, 3)])
def test_network_agrees_with_the_plain_reading(dim: int, layers: int, groups: list[list[int]] | None) -> None:
    weights = public_weights(filled(dim=dim, layers=layers, groups=groups))
    x = keypoints().double()
    with torch.no_grad():
        output = convert(weights, groups=groups).double().network(x)
    torch.testing.assert_close(output, plain(weights, x, groups), rtol=0, atol=1e-9)


@pytest.mark.parametrize("non_local", [False, True])
def test_golden_values(non_local: bool) -> None:
    module = filled(groups=PAIRS if non_local else None)
    with torch.no_grad():
        output = module.network(keypoints(1))
    np.testing.assert_allclose(output[0, :9:3].flatten().tolist(), GOLDEN[non_local], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("config", "parameters"), [({}, 267_343), ({"groups": PAIRS}, 434_703)])
def test_published_sizes(config: dict[str, object], parameters: int) -> None:
    found = resolve_model("semgcn.h36m")
    with torch.device("meta"):
        module = build_module(found, {**found.config, **config})
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters


# Conversion


@pytest.mark.parametrize("non_local", ["nonlocal", "non_local", "nonlocal_", "nonlocal1"])
def test_configuration_is_read_from_keys_and_shapes(non_local: str) -> None:
    # The authors' name is a keyword of Python 3.
    weights = public_weights(filled(dim=12, layers=3, groups=PAIRS), non_local)
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    assert CONVERSION.infer(shapes) == {"dim": 12, "layers": 3, "groups": PAIRS}
    convert(weights)
    local = public_weights(filled(dim=12, layers=3))
    assert CONVERSION.infer({key: tuple(value.shape) for key, value in local.items()}) == {"dim": 12, "layers": 3}


def test_translation() -> None:
    edges = [[child, parent] for parent, child in reversed(HUMAN36M_16.bones)]
    public = {"hid_dim": 64, "num_layers": 2, "nodes_group": PAIRS, "p_dropout": None, "edges": edges}
    assert CONVERSION.translate(public) == {"dim": 64, "layers": 2, "groups": PAIRS}
    assert CONVERSION.translate({"hid_dim": 64}) == {"dim": 64}
    with pytest.raises(WeightsError, match=r"not the bones of human36m-16"):
        CONVERSION.translate({**public, "edges": [*edges[:-1], [3, 9]]})


def test_a_key_of_another_architecture_is_named() -> None:
    with pytest.raises(WeightsError, match=r"'gconv_layers.1.attention.weight'.*garyzhao/SemGCN"):
        map_keys(CONVERSION, ["gconv_input.0.gconv.e", "gconv_layers.1.attention.weight"])


# The layers


def test_weights_of_edges_stand_in_the_order_of_rows() -> None:
    # A chain 0 - 1 - 2: rows (0, 0), (0, 1); (1, 0), (1, 1), (1, 2); (2, 1), (2, 2).
    layer = SemanticGraphConvolution(1, 1, 3, [(0, 1), (1, 2)])
    with torch.no_grad():
        layer.e.copy_(torch.tensor([[3, 1, 1, 2, 5, 1, 1.0]]).log())
        layer.W.copy_(torch.tensor([1.0, 10.0]).view(2, 1, 1))
        layer.bias.fill_(0.5)
        output = layer(torch.tensor([[[1.0], [2.0], [4.0]]]))
    own = torch.tensor([3 / 4 * 1, 2 / 8 * 2, 1 / 2 * 4])
    others = torch.tensor([1 / 4 * 2, 1 / 8 * 1 + 5 / 8 * 4, 1 / 2 * 2])
    torch.testing.assert_close(output.flatten(), own + 10 * others + 0.5)


@pytest.mark.parametrize("groups", [[[0, 1], [2, 3]], [[0, 0], *PAIRS[1:]], [[]]])
def test_groups_must_have_each_joint_once(groups: list[list[int]]) -> None:
    with pytest.raises(UsageError, match=r"groups is .*16 joints once"):
        SemGCN(dim=8, layers=1, groups=groups)


def test_an_untrained_non_local_layer_adds_nothing() -> None:
    layer = SemGCN(dim=8, layers=1, groups=PAIRS).eval().network.gconv_input[1]
    x = torch.rand(2, 16, 8)
    with torch.no_grad():
        assert torch.equal(layer(x), x)


# The lifter


def test_spec() -> None:
    spec = specs.spec({})
    assert (spec.skeleton, spec.window, spec.stride, spec.space) == ("human36m-16", 1, 1, "root_relative")
    assert (spec.privileges, spec.fps) == ((), 50.0)
    assert SemGCN(dim=8, layers=1, fps=60.0).spec == specs.spec({"fps": 60.0})


def test_contract_of_the_published_size() -> None:
    run = mock("semgcn.h36m", device="meta")
    assert (run.input_shape, run.output_shape) == ((2, 1, 16, 2), (2, 1, 1, 16, 3))


def test_lift_is_forward_on_the_screen_in_mm() -> None:
    module = filled(groups=PAIRS)
    pixels = 500 + 400 * keypoints(3)[:, None]
    screen = torch.stack([pixels[..., 0] / 500 - 1, pixels[..., 1] / 500 - 1.002], dim=-1)
    inputs = LifterInputs(pixels, torch.ones(pixels.shape[:-1]), torch.tensor([1000.0, 1002.0]), 50.0)
    with torch.no_grad():
        poses = module.lift(inputs)
        assert poses.shape == (3, 1, 16, 3)
        torch.testing.assert_close(poses[:, 0], 1000 * module.network(screen[:, 0]), rtol=1e-4, atol=0.05)
        torch.testing.assert_close(poses[:, 0], module(screen), rtol=1e-4, atol=0.05)


@pytest.mark.parametrize("groups", [None, PAIRS])
def test_training_reaches_every_parameter(groups: list[list[int]] | None) -> None:
    module = filled(groups=groups)
    module.train()(keypoints(6)[:, None]).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        # A bias before a BatchNorm moves nothing.
        assert name.endswith("bias") or parameter.grad.any(), name
    assert not any(name.endswith((".heard", ".order")) for name in module.state_dict())
