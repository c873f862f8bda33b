"""Heatmaps as an energy of pixels."""

import math

import pytest
import torch
from torch import Tensor

from zoo.guidance.evidence import SHARPEST, HeatmapEvidence

SIZE = 64
CROP = torch.tensor([[100.0, 200.0, 740.0, 840.0]])
#: A cell has 10 pixels.
CELL = 10.0
PEAK = torch.tensor([305.0, 505.0])


def gaussian(x: float, y: float, deviation: float = 2.0) -> Tensor:
    """A map with a peak at a place in cells."""
    place = torch.arange(SIZE) + 0.5
    down, across = (-0.5 * ((place - at) / deviation).square() for at in (y, x))
    return torch.exp(down[:, None] + across[None])


def evidence(*maps: Tensor, crop: Tensor = CROP) -> HeatmapEvidence:
    return HeatmapEvidence.of_maps(torch.stack(maps)[None], crop)


def one() -> HeatmapEvidence:
    """A peak of 2 cells at `PEAK`."""
    return evidence(gaussian(20.5, 30.5))


def asked(pixels: Tensor) -> Tensor:
    """Places (m, 2) of one joint in one frame."""
    return pixels.view(1, -1, 1, 2)


def known_to(pixels: float, count: int = 1) -> Tensor:
    return torch.full((1, count, 1), pixels)


@pytest.mark.parametrize("blur", [0.0, 3.0, 6.0, 10.0, 40.0, 160.0])
def test_a_blurred_gaussian_is_a_wider_gaussian(blur: float) -> None:
    wide = math.hypot(20, blur)
    shifts = wide * torch.tensor([[0.0, 0.0], [0.7, 0.0], [0.0, -1.5], [1.0, 1.0]])
    density = one().log_density(asked(PEAK + shifts), known_to(blur, 4))[0, :, 0]
    expected = -0.5 * (shifts / wide).square().sum(-1)
    # Beneath a cell it is between the map and the narrowest blur; lines between the middles of cells are off a little.
    rtol, atol = (0.08, 0.04) if blur < CELL else (1e-3, 1e-3)
    torch.testing.assert_close(density - density[0], expected, rtol=rtol, atol=atol)


def test_the_blur_may_be_anything_and_nothing_jumps() -> None:
    """Between any two deviations or places that are near the density is near: no step decides what a sample becomes."""
    blurs = torch.linspace(0.0, 60.0, 2001)
    places = PEAK + torch.tensor([27.0, 13.0])
    by_blur = one().log_density(asked(places.expand(2001, 2)), blurs.view(1, -1, 1))[0, :, 0]
    assert by_blur.diff().abs().max() < 0.02
    away = torch.linspace(-500.0, 900.0, 20_001)
    for blur in (0.0, 4.0, 9.0, 30.0):
        along = asked(PEAK + torch.stack([away, torch.zeros_like(away)], dim=-1))
        density = one().log_density(along, known_to(blur, len(away)))[0, :, 0]
        # The steepest slope is that of the distance over the square of the narrowest kernel.
        steepest = 900 / max(blur, SHARPEST * CELL) ** 2
        assert density.diff().abs().max() < 1.1 * steepest * float(away[1] - away[0]) + 0.01


@pytest.mark.parametrize("blur", [7.0, 12.0, 40.0, 160.0])
def test_what_is_nearby_is_the_mean_of_the_map_and_the_blur(blur: float) -> None:
    """Of two Gaussians: the mean blur^2 / total^2 of the way, the variance that of the product."""
    start = PEAK + torch.tensor([25.0, -15.0])
    near = one().nearby(asked(start), known_to(blur))
    total = 20.0**2 + blur**2
    expected = start + (PEAK - start) * blur**2 / total
    torch.testing.assert_close(near.place[0, 0, 0], expected, rtol=0, atol=0.3)
    assert near.variance.item() == pytest.approx(20.0**2 * blur**2 / total, rel=0.05)


def test_what_is_nearby_is_tweedie_s_formula() -> None:
    """u + r^2 grad log H_r(u), by automatic differentiation, of a map that is no Gaussian."""
    made = evidence(gaussian(20.5, 30.5) + 0.5 * gaussian(33.0, 24.0, 3.0))
    pixels = asked(PEAK + torch.tensor([[40.0, -20.0], [90.0, 30.0], [300.0, 0.0], [600.0, 5.0]])).requires_grad_(True)
    blur = known_to(30.0, 4)
    (slope,) = torch.autograd.grad(made.log_density(pixels, blur).sum(), pixels)
    near = made.nearby(pixels, blur)
    torch.testing.assert_close(near.place, (pixels + 900 * slope).detach(), rtol=1e-4, atol=1e-2)


def test_a_wide_blur_reaches_far_and_the_map_itself_is_flat_there() -> None:
    far = asked(torch.tensor([655.0, 255.0]))
    moved = one().nearby(far, known_to(160.0)).place[0, 0, 0]
    assert (moved - PEAK).norm() < 0.2 * (far[0, 0, 0] - PEAK).norm()
    near = one().nearby(far, known_to(0.0))
    assert torch.equal(near.place, far)
    # Nothing is known of it but the blur.
    assert near.variance.item() == pytest.approx((SHARPEST * CELL) ** 2)
    asking = far.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(one().log_density(asking, known_to(0.0)).sum(), asking)
    assert not slope.any()


def test_two_peaks_are_two_places_to_go() -> None:
    made = evidence(gaussian(15.5, 30.5) + gaussian(45.5, 30.5))
    left, right = torch.tensor([255.0, 505.0]), torch.tensor([555.0, 505.0])
    seen = asked(torch.stack([left + 30, right - 30]))
    for _ in range(60):
        seen = made.nearby(seen, known_to(15.0, 2)).place
    torch.testing.assert_close(seen[0, :, 0], torch.stack([left, right]), rtol=0, atol=2.0)


def test_a_joint_without_evidence_contributes_nothing() -> None:
    made = evidence(gaussian(20.5, 30.5), torch.zeros(SIZE, SIZE))
    assert made.weight.tolist() == [[1.0, 0.0]]
    assert torch.isfinite(made.centre).all()
    seen = torch.tensor([[305.0, 505.0], [640.0, 300.0]])[None, None].requires_grad_(True)
    for blur in (0.0, 7.0, 160.0):
        density = made.log_density(seen, torch.full((1, 1, 2), blur))
        assert density[..., 1] == 0
        (slope,) = torch.autograd.grad(density.sum(), seen)
        assert not slope[..., 1, :].any()
        near = made.nearby(seen, torch.full((1, 1, 2), blur))
        assert torch.equal(near.place[..., 1, :], seen[..., 1, :].detach())


def test_a_joint_outside_of_the_crop_is_drawn_back() -> None:
    outside = asked(torch.tensor([900.0, 505.0]))
    for blur in (5.0, 30.0, 160.0):
        asking = outside.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(one().log_density(asking, known_to(blur)).sum(), asking)
        assert slope[0, 0, 0, 0] < 0
        assert slope[0, 0, 0, 1].abs() < 1e-3
    moved = one().nearby(outside, known_to(160.0)).place[0, 0, 0]
    assert moved[0] < 400
    assert moved[1].item() == pytest.approx(505.0, abs=1)


def test_a_place_that_is_none_has_no_density() -> None:
    """And reads no memory that is not the map's, backward neither."""
    places = asked(torch.tensor([[torch.nan, 505.0], [torch.inf, 505.0], [1e30, -1e30]])).requires_grad_(True)
    density = one().log_density(places, known_to(3.0, 3))
    assert not torch.isfinite(density[0, 0])
    torch.autograd.grad(density.sum(), places)


def test_cells_need_not_be_squares() -> None:
    """Stored maps of a crop that is twice as wide as high: a peak of 2 cells is 40 pixels wide and 20 high."""
    wide = torch.tensor([[100.0, 200.0, 1380.0, 840.0]])
    made = evidence(gaussian(20.5, 30.5), crop=wide)
    assert made.cell.tolist() == [[20.0, 10.0]]
    peak = torch.tensor([510.0, 505.0])
    torch.testing.assert_close(made.centre[0, 0], peak, rtol=0, atol=0.1)
    shifts = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 36.0555]])
    density = made.log_density(asked(peak + shifts), known_to(30.0, 3))[0, :, 0]
    assert (density - density[0]).tolist() == pytest.approx([0.0, -0.5, -0.5], abs=0.01)
    # So it is outside of the map.
    outside = asked(peak - torch.tensor([[600.0, 0.0], [0.0, 600.0]])).requires_grad_(True)
    (slope,) = torch.autograd.grad(made.log_density(outside, known_to(120.0, 2)).sum(), outside)
    assert slope[0, 0, 0, 0].item() == pytest.approx(600 / (40**2 + 120**2), rel=0.02)
    assert slope[0, 1, 0, 1].item() == pytest.approx(600 / (20**2 + 120**2), rel=0.02)


def test_keypoints_are_gaussian_heatmaps() -> None:
    pixels = torch.tensor([[[300.0, 500.0], [420.0, 640.0], [torch.nan, torch.nan]]])
    made = HeatmapEvidence.of_keypoints(pixels, torch.tensor([[0.9, 0.5, 0.7]]), torch.tensor([8.0]))
    torch.testing.assert_close(made.weight, torch.tensor([[0.9, 0.5, 0.0]]))
    seen = pixels.nan_to_num(400.0)
    shifted = seen + torch.tensor([8.0, 0.0])
    energy = made.log_density(torch.stack([seen[0], shifted[0]])[None], torch.zeros(1, 2, 3))[0]
    assert (energy[1] - energy[0]).tolist() == pytest.approx([-0.5, -0.5, 0.0], abs=0.05)
    torch.testing.assert_close(made.centre[0, :2], pixels[0, :2], rtol=0, atol=0.5)


def test_keypoints_of_nobody_have_no_evidence() -> None:
    made = HeatmapEvidence.of_keypoints(torch.full((1, 2, 2), torch.nan), torch.ones(1, 2), torch.tensor([8.0]))
    assert not made.weight.any()
    assert torch.isfinite(made.maps).all()
    assert torch.isfinite(made.centre).all()


def test_memory_is_that_of_the_maps() -> None:
    made = one()
    assert sum(part.numel() for part in vars(made).values()) < 1.01 * SIZE * SIZE
