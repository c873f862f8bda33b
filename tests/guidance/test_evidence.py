"""Heatmaps as an energy of pixels, and where a pose stands by the rays of its joints."""

import math

import pytest
import torch
from torch import Tensor

from posebench.cameras import Camera
from posebench.cameras import project as exact_project
from zoo.guidance.camera import assumed_lens, project, rays
from zoo.guidance.evidence import BLURS, HeatmapEvidence
from zoo.guidance.placement import FAR, NEAR, place_root

SIZE = 64
CROP = torch.tensor([[100.0, 200.0, 740.0, 840.0]])
CAMERA = Camera(
    "one", 1000, 1002, (1145.0, 1143.8), (512.5, 515.5), (-0.2, 0.24, -0.002), (-0.0009, -0.0016), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
)  # fmt: skip
LENS = torch.tensor(CAMERA.lens)


def gaussian(x: float, y: float, deviation: float = 2.0) -> Tensor:
    """A map with a peak at a place in cells."""
    place = torch.arange(SIZE) + 0.5
    down, across = (-0.5 * ((place - at) / deviation).square() for at in (y, x))
    return torch.exp(down[:, None] + across[None])


def evidence(*maps: Tensor, weight: float = 1.0) -> HeatmapEvidence:
    stacked = torch.stack(maps)[None]
    return HeatmapEvidence.of_maps(stacked, CROP, torch.full((1, len(maps)), weight))


def at(made: HeatmapEvidence, level: int) -> Tensor:
    """The same blur for every joint."""
    return torch.full(made.weight.shape, level % len(BLURS))


# Evidence


def test_the_density_is_greatest_at_the_peak_and_follows_the_gaussian() -> None:
    made = evidence(gaussian(20.5, 30.5))
    # Cell (30, 20) has its middle at pixel 100 + 20.5 * 10, 200 + 30.5 * 10; a cell has 10 pixels.
    peak = torch.tensor([305.0, 505.0])
    shifts = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, -40.0]])
    density = made.log_density((peak + shifts)[None, :, None], at(made, -1))[0, :, 0]
    assert density.tolist() == pytest.approx([0.0, -0.5, -2.0], abs=1e-3)


def test_every_blur_points_home_and_the_widest_from_far_away() -> None:
    made = evidence(gaussian(20.5, 30.5))
    peak, far = torch.tensor([305.0, 505.0]), torch.tensor([655.0, 255.0])
    for level, blur in enumerate(BLURS[:-2]):
        total = math.hypot(blur, 2.0)
        # A Gaussian of both: the mean of what is near is blur^2 / total^2 of the way to the peak.
        near = made.nearby((peak + 25)[None, None, None], at(made, level))[0, 0, 0]
        expected = peak + 25 - 25 * blur**2 / total**2
        torch.testing.assert_close(near, expected, rtol=0, atol=1.0)
    moved = made.nearby(far[None, None, None], at(made, 0))[0, 0, 0]
    assert (moved - peak).norm() < 0.2 * (far - peak).norm()
    # The map itself is flat there.
    assert torch.equal(made.nearby(far[None, None, None], at(made, -1))[0, 0, 0], far)


def test_two_peaks_are_two_places_to_go() -> None:
    made = evidence(gaussian(15.5, 30.5) + gaussian(45.5, 30.5))
    left, right = torch.tensor([255.0, 505.0]), torch.tensor([555.0, 505.0])
    seen = torch.stack([left + 30, right - 30])[None, :, None]
    for _ in range(30):
        seen = made.nearby(seen, at(made, 7))
    torch.testing.assert_close(seen[0, :, 0], torch.stack([left, right]), rtol=0, atol=2.0)


def test_a_joint_without_evidence_contributes_nothing() -> None:
    made = evidence(gaussian(20.5, 30.5), torch.zeros(SIZE, SIZE))
    assert made.weight.tolist() == [[1.0, 0.0]]
    seen = torch.tensor([[305.0, 505.0], [640.0, 300.0]])[None, None]
    for level in range(len(BLURS)):
        density = made.log_density(seen, at(made, level))
        assert torch.isfinite(density).all()
        assert density[..., 1] == 0


def test_a_joint_outside_of_the_crop_is_drawn_back() -> None:
    made = evidence(gaussian(20.5, 30.5))
    outside = torch.tensor([900.0, 505.0])[None, None, None]
    for level in range(len(BLURS)):
        moved = made.nearby(outside, at(made, level))[0, 0, 0]
        assert moved[0] < 900
        assert moved[1].item() == pytest.approx(505.0, abs=60)


def test_keypoints_are_gaussian_heatmaps() -> None:
    pixels = torch.tensor([[[300.0, 500.0], [420.0, 640.0], [torch.nan, torch.nan]]])
    made = HeatmapEvidence.of_keypoints(pixels, torch.tensor([[0.9, 0.5, 0.7]]), torch.tensor([8.0]))
    torch.testing.assert_close(made.weight, torch.tensor([[0.9, 0.5, 0.0]]))
    seen = pixels.nan_to_num(400.0)
    shifted = seen + torch.tensor([8.0, 0.0])
    energy = made.log_density(torch.stack([seen[0], shifted[0]])[None], at(made, -1))[0]
    torch.testing.assert_close(energy[0, :2], torch.zeros(2), rtol=0, atol=0.02)
    torch.testing.assert_close(energy[1, :2], torch.full((2,), -0.5), rtol=0, atol=0.05)
    torch.testing.assert_close(made.centre[0, :2], pixels[0, :2], rtol=0, atol=0.5)


def test_keypoints_of_nobody_have_no_evidence() -> None:
    made = HeatmapEvidence.of_keypoints(torch.full((1, 2, 2), torch.nan), torch.ones(1, 2), torch.tensor([8.0]))
    assert not made.weight.any()
    assert torch.isfinite(made.logarithms).all()


def test_a_level_is_the_blur_nearest_above() -> None:
    made = evidence(gaussian(20.5, 30.5))
    assert made.cell.tolist() == [10.0]
    deviations = [500.0, 160.0, 159.0, 100.0, 7.0, 1.0, 0.0]
    found = [int(made.level(torch.tensor([[deviation]]))) for deviation in deviations]
    assert found == [0, 0, 0, 1, 9, 9, 10]


# The camera


def test_projection_is_posebench_s_with_gradients() -> None:
    points = torch.tensor([[0.3, -0.5, 4.0], [-1.0, 0.9, 5.5]], dtype=torch.float64, requires_grad=True)
    seen = project(points, LENS.double())
    expected = exact_project(points.detach().numpy() * 1000, CAMERA)
    torch.testing.assert_close(seen.detach(), torch.from_numpy(expected))
    seen.sum().backward()
    assert points.grad is not None
    assert points.grad.abs().min() > 0
    # A joint behind the camera is no reason for infinity.
    assert torch.isfinite(project(torch.tensor([[0.1, 0.1, -1.0]]), LENS)).all()


def test_rays_are_the_way_back() -> None:
    points = torch.tensor([[0.3, -0.5, 4.0], [-1.0, 0.9, 5.5]])
    along = rays(project(points, LENS), LENS)
    torch.testing.assert_close(along, points / points.norm(dim=-1, keepdim=True), rtol=0, atol=1e-5)


def test_an_assumed_lens_is_plain() -> None:
    lens = assumed_lens(torch.tensor([1920.0, 1080.0]), 1.15)
    assert lens.tolist() == pytest.approx([2208.0, 2208.0, 960.0, 540.0, 0, 0, 0, 0, 0])


# The root


def person() -> Tensor:
    return torch.randn(3, 17, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.3


def test_the_root_is_found_exactly_where_the_rays_meet() -> None:
    poses, root = person(), torch.tensor([[0.4, 0.2, 4.5], [-1.0, 0.1, 7.0], [0.0, 0.0, 3.0]], dtype=torch.float64)
    seen = poses + root[:, None]
    seen = seen / seen.norm(dim=-1, keepdim=True)
    found = place_root(poses, seen, torch.ones(3, 17, dtype=torch.float64))
    torch.testing.assert_close(found, root, rtol=1e-3, atol=1e-4)


def test_weights_take_wrong_rays_away() -> None:
    poses, root = person()[:1], torch.tensor([[0.4, 0.2, 4.5]], dtype=torch.float64)
    seen = poses + root[:, None]
    seen = seen / seen.norm(dim=-1, keepdim=True)
    seen[:, 3] = torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64)
    weight = torch.ones(1, 17, dtype=torch.float64)
    assert (place_root(poses, seen, weight) - root).norm() > 0.05
    weight[:, 3] = 0
    torch.testing.assert_close(place_root(poses, seen, weight), root, rtol=1e-3, atol=1e-4)


def test_it_is_the_least_squares_solution() -> None:
    poses = person()[:1]
    noise = torch.randn(1, 17, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.05
    seen = poses + torch.tensor([0.4, 0.2, 4.5]) + noise
    seen = seen / seen.norm(dim=-1, keepdim=True)
    weight = torch.rand(1, 17, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def cost(root: Tensor) -> float:
        standing = poses + root
        beside = standing - (standing * seen).sum(-1, keepdim=True) * seen
        return float((weight * beside.square().sum(-1)).sum())

    found = place_root(poses, seen, weight)[0]
    for shift in torch.eye(3, dtype=torch.float64).repeat(2, 1) * torch.tensor([0.02] * 3 + [-0.02] * 3)[:, None]:
        assert cost(found + shift) > cost(found)


@pytest.mark.parametrize("joints", [0, 1])
def test_too_little_evidence_still_gives_a_place_in_view(joints: int) -> None:
    poses = person()[:1]
    seen = torch.tensor([0.1, 0.0, 1.0], dtype=torch.float64).expand(1, 17, 3)
    weight = torch.zeros(1, 17, dtype=torch.float64)
    weight[:, :joints] = 1
    found = place_root(poses, seen / seen.norm(dim=-1, keepdim=True), weight)
    assert torch.isfinite(found).all()
    assert NEAR <= found[0, 2] <= FAR
