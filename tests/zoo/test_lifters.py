"""The trivial predictors and the two baselines: their layouts are the public ones, their promises are kept."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from posebench.cameras import Camera, look_at, project, world_to_camera
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.errors import DataMissingError, LifterContractError, UsageError
from posebench.prediction.lifter import LifterInputs
from posebench.skeletons import HUMAN36M_17
from zoo import specs
from zoo.lifters.mean_pose import MeanPose
from zoo.lifters.normalisation import find_normaliser, to_person, to_screen
from zoo.lifters.simple_baseline import ResidualPerceptron, SimpleBaseline
from zoo.lifters.videopose3d import TemporalNetwork, VideoPose3D
from zoo.lifters.zero_depth import ZeroDepth

CAMERA = Camera(
    "one",
    1000,
    1002,
    (1145.0, 1144.0),
    (512.5, 515.5),
    (-0.2, 0.24, -0.003),
    (-0.001, -0.0014),
    look_at((4500.0, 1500.0, 1500.0), (0, 0, 900)),
    (4500.0, 1500.0, 1500.0),
)


#: What the networks gave, filled by `fill_by_rule`, when they reproduced the public code.
GOLDEN_PERCEPTRON = [-0.225274, 0.47218, -2.156363, -0.187899, 0.43698, -2.123923]
GOLDEN_TEMPORAL = {
    False: [-1.272831, 0.859385, 0.230161, -1.280774, 0.862987, 0.232541],
    True: [-1.297682, 0.871468, 0.236351, -1.305626, 0.87507, 0.238732],
}


def fill_by_rule(module: nn.Module) -> nn.Module:
    """Weights that no generator has a part in: slow sines of their own position."""
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            ramp = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + len(name)).reshape(value.shape)
            value.copy_(1.5 + ramp if name.endswith("running_var") else ramp / math.sqrt(max(1, value[:1].numel())))
    return module.eval()


def make_sequence(poses: np.ndarray, name: str = "0") -> Sequence:
    info = SequenceInfo("made", "S1", "stand", name, "one", "train", len(poses), 50.0)
    return Sequence(info, HUMAN36M_17, CAMERA, poses.astype(np.float32))


def make_inputs(pixels: Tensor, lens: Tensor | None = None) -> LifterInputs:
    return LifterInputs(pixels, torch.ones(pixels.shape[:-1]), torch.tensor([1000.0, 1002.0]), 50.0, lens=lens)


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(7)


# The public layouts


@pytest.mark.parametrize(
    ("name", "network"), [("simple_baseline", ResidualPerceptron), ("videopose3d", TemporalNetwork)]
)
def test_network_reproduces_the_public_code(shared: Path, name: str, network: type[nn.Module]) -> None:
    models = shared / "conformance" / "models"
    described = json.loads((models / f"{name}.json").read_text())
    module = network(**described["config"]).eval()
    module.load_state_dict(load_file(models / f"{name}.safetensors"), strict=True)
    assert sum(parameter.numel() for parameter in module.parameters()) == described["parameters"]
    example = np.load(models / f"{name}_io.npz")
    with torch.no_grad():
        output = module(torch.from_numpy(example["keypoints_2d"])).numpy()
    np.testing.assert_allclose(output, example["output"], rtol=0, atol=1e-5)


def test_published_sizes() -> None:
    with torch.device("meta"):
        counts = [sum(p.numel() for p in net.parameters()) for net in (ResidualPerceptron(), TemporalNetwork())]
    assert counts == [4_291_632, 16_952_371]


def test_perceptron_golden_values() -> None:
    net = fill_by_rule(ResidualPerceptron(linear_size=16))
    with torch.no_grad():
        output = net(torch.linspace(-1, 1, 64).reshape(2, 32))
    np.testing.assert_allclose(output[:, ::16].flatten().tolist(), GOLDEN_PERCEPTRON, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_temporal_network_golden_values(causal: bool) -> None:
    net = fill_by_rule(TemporalNetwork((3, 3), channels=8, causal=causal))
    with torch.no_grad():
        output = net(torch.linspace(-1, 1, 10 * 34).reshape(1, 10, 17, 2))
    assert output.shape == (1, 2, 17, 3)
    np.testing.assert_allclose(output[0, :, ::8, 0].flatten().tolist(), GOLDEN_TEMPORAL[causal], atol=1e-5)


# VideoPose3D


@pytest.mark.parametrize("widths", [(1,), (3,), (3, 3, 3), (5, 3)])
@pytest.mark.parametrize("causal", [False, True])
def test_strided_twin_agrees_on_the_same_weights(
    widths: tuple[int, ...], causal: bool, random: torch.Generator
) -> None:
    net = fill_by_rule(TemporalNetwork(widths, channels=12, causal=causal))
    windows = torch.randn(4, specs.receptive_field(widths), 17, 2, generator=random)
    with torch.no_grad():
        torch.testing.assert_close(net.forward_window(windows), net(windows), rtol=0, atol=1e-5)


def test_twin_trains_the_same_parameters(random: torch.Generator) -> None:
    net = TemporalNetwork((3, 3), channels=12, dropout=0.0)
    windows = torch.randn(8, 9, 17, 2, generator=random)
    gradients = []
    for forward in (net.eval().forward_window, net.eval().forward):
        net.zero_grad()
        forward(windows).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in net.parameters()])
    for strided, dense in zip(*gradients, strict=True):
        torch.testing.assert_close(strided, dense, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("causal", "seen"), [(False, range(6, 15)), (True, range(2, 11))])
def test_output_depends_on_its_window_alone(causal: bool, seen: range) -> None:
    lifter = VideoPose3D((3, 3), channels=8, causal=causal)
    fill_by_rule(lifter)
    spec = lifter.spec
    assert spec.window == 9
    assert spec.look_ahead == (0 if causal else 4)
    pixels = torch.linspace(0, 1000, 20 * 34).reshape(1, 20, 17, 2).requires_grad_()
    # Row 10 - first_output of the valid output is frame 10 of the sequence.
    lifter.lift(make_inputs(pixels))[0, 10 - spec.first_output].sum().backward()
    used = pixels.grad[0].abs().sum(dim=(1, 2)).nonzero().flatten().tolist()
    assert used == list(seen)


def test_videopose3d_returns_mm_of_every_frame() -> None:
    lifter = VideoPose3D((3, 3), channels=8)
    fill_by_rule(lifter)
    pixels = torch.linspace(0, 1000, 2 * 30 * 34).reshape(2, 30, 17, 2)
    with torch.no_grad():
        poses = lifter.lift(make_inputs(pixels))
        metres = lifter.network(torch.stack([pixels[..., 0] / 500 - 1, pixels[..., 1] / 500 - 1.002], dim=-1))
    assert poses.shape == (2, 22, 17, 3)
    torch.testing.assert_close(poses, 1000 * metres, rtol=1e-4, atol=0.05)


# The simple baseline


def test_simple_baseline_standardises_both_ends(random: torch.Generator) -> None:
    lifter = SimpleBaseline(linear_size=16, normalize="screen").eval()
    inputs = torch.randn(500, 17, 2, generator=random) * 3 + 1
    poses = torch.randn(500, 17, 3, generator=random) * 200 + 40
    poses[:, 0] = 0
    lifter.standardise(inputs, poses)
    seen: list[Tensor] = []
    lifter.network.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    nn.init.zeros_(lifter.network.w2.weight)
    nn.init.zeros_(lifter.network.w2.bias)
    with torch.no_grad():
        output = lifter(inputs[:, None])
    # A network that says nothing stands for the mean pose, its Hip exactly at the origin.
    torch.testing.assert_close(output, poses.mean(0).expand(500, 1, 17, 3), rtol=1e-4, atol=1e-2)
    assert not output[:, :, 0].any()
    torch.testing.assert_close(seen[0].mean(0), torch.zeros(32), rtol=0, atol=1e-4)
    torch.testing.assert_close(seen[0].std(0), torch.ones(32), rtol=0, atol=1e-4)
    # Statistics travel with the weights.
    assert {"mean_2d", "deviation_2d", "mean_3d", "deviation_3d"} < lifter.state_dict().keys()


def test_simple_baseline_does_not_see_neck_nose(random: torch.Generator) -> None:
    lifter = SimpleBaseline(linear_size=16).eval()
    pixels = torch.rand(3, 1, 17, 2, generator=random) * 1000
    moved = pixels.clone()
    moved[:, :, 9] += 50
    with torch.no_grad():
        poses = lifter.lift(make_inputs(pixels))
        assert poses.shape == (3, 1, 17, 3)
        assert torch.equal(poses, lifter.lift(make_inputs(moved)))
        moved[:, :, 8] += 50
        assert not torch.equal(poses, lifter.lift(make_inputs(moved)))
    # Its output has a Neck/Nose, its input has not.
    assert poses[:, :, 9].abs().sum() > 0


# Normalisation


def test_screen_keeps_the_aspect() -> None:
    corners = torch.tensor([[0.0, 0.0], [1000.0, 500.0], [500.0, 250.0]])
    expected = torch.tensor([[-1.0, -0.5], [1.0, 0.5], [0.0, 0.0]])
    torch.testing.assert_close(to_screen(corners, torch.tensor([1000.0, 500.0])), expected)


def test_person_is_the_same_nearer_and_elsewhere(random: torch.Generator) -> None:
    size = torch.tensor([1000.0, 1000.0])
    pixels = torch.rand(5, 17, 2, generator=random) * 300
    moved = (pixels - pixels[:, :1]) * 2.5 + torch.tensor([400.0, 300.0])
    torch.testing.assert_close(to_person(pixels, size)[:, 1:], to_person(moved, size)[:, 1:], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(to_person(moved, size)[:, 0], torch.tensor([[-0.2, -0.4]]).expand(5, 2))
    # All joints in one point are no reason for NaN.
    assert to_person(torch.full((17, 2), 3.0), size).isfinite().all()


def test_unknown_normalisation_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'box'.*pixels, screen, person"):
        find_normaliser("box")


# What is declared


def test_specs_need_no_torch() -> None:
    code = "import sys, zoo.specs; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_specs() -> None:
    published = specs.videopose3d({})
    assert (published.window, published.stride, published.look_ahead, published.fps) == (243, None, 121, 50.0)
    assert published.privileges == ("future_frames",)
    causal = specs.videopose3d({"filter_widths": [3, 3], "causal": True, "fps": 60.0})
    assert (causal.window, causal.first_output, causal.privileges, causal.fps) == (9, 8, (), 60.0)
    assert specs.videopose3d({"filter_widths": [1]}).privileges == ()
    assert specs.simple_baseline({}).window == 1
    assert specs.zero_depth({}).space == "camera"
    assert specs.mean_pose({}).accepts_missing


@pytest.mark.parametrize("widths", [[], [4], [3, -3], [3, 2.0]])
def test_impossible_filter_widths_are_refused(widths: list[int]) -> None:
    with pytest.raises(UsageError, match=r"filter_widths.*odd"):
        specs.videopose3d({"filter_widths": widths})
    with pytest.raises(UsageError, match=r"filter_widths.*odd"):
        VideoPose3D(widths, channels=8)


# Trivial predictors


def test_mean_pose_is_the_mean_of_the_frames_it_saw() -> None:
    random = np.random.RandomState(3)
    long, short = random.normal(0, 300, (9, 17, 3)), random.normal(0, 300, (2, 17, 3))
    long[4:, 10] = np.nan
    lifter = MeanPose()
    lifter.fit(iter([make_sequence(long), make_sequence(short, "1")]))
    both = np.concatenate([long, short])
    expected = np.nanmean(both - both[:, :1], axis=0)
    poses = lifter.lift(make_inputs(torch.full((4, 1, 17, 2), torch.nan)))
    assert poses.shape == (4, 1, 17, 3)
    np.testing.assert_allclose(poses[2, 0], expected, atol=1e-3)


def test_zero_depth_is_exact_for_a_flat_person_at_the_mean_depth() -> None:
    random = np.random.RandomState(4)
    flat = np.concatenate([random.uniform(-900, 900, (6, 17, 2)), np.full((6, 17, 1), 5000.0)], axis=-1)
    step = np.array([0, 0, 1000.0])
    deeper, nearer = flat + step, flat - step
    lifter = ZeroDepth()
    lifter.fit([make_sequence(deeper), make_sequence(nearer, "1")])
    pixels = torch.from_numpy(project(flat, CAMERA)).float()[:, None]
    poses = lifter.lift(make_inputs(pixels, torch.tensor(CAMERA.lens)))
    np.testing.assert_allclose(poses[:, 0], flat, atol=0.05)
    with pytest.raises(LifterContractError, match="intrinsics"):
        lifter.lift(make_inputs(pixels))


def test_zero_depth_sees_the_camera_and_no_depth() -> None:
    world = np.random.RandomState(5).uniform(-800, 800, (3, 17, 3)) + np.array([0, 0, 900])
    poses = world_to_camera(world, CAMERA)
    lifter = ZeroDepth()
    lifter.fit([make_sequence(poses)])
    lifted = lifter.lift(make_inputs(torch.from_numpy(project(poses, CAMERA)).float(), torch.tensor(CAMERA.lens)))
    rays = poses[..., :2] / poses[..., 2:] * poses[:, 0, 2].mean()
    np.testing.assert_allclose(lifted[..., :2], rays, atol=0.05)
    assert torch.equal(lifted[..., 2].unique(), lifter.root_depth[None])


@pytest.mark.parametrize("lifter", [MeanPose, ZeroDepth])
def test_nothing_to_fit_is_said(lifter: type[MeanPose] | type[ZeroDepth]) -> None:
    with pytest.raises(DataMissingError, match="training split"):
        lifter().fit([])
