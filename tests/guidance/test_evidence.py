"""Heatmaps as an energy of pixels."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from zoo.guidance import evidence as module
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


def plain_density(made: HeatmapEvidence, pixels: Tensor, blur: Tensor) -> Tensor:
    """What `slope` is the gradient of, written out in double: the logarithm of the sum over cells, (n, m, joints)."""
    maps, cell = made.maps.double(), made.cell.double()
    height, width = maps.shape[2:]
    place = (pixels.double() - made.crop[:, None, None, :2]) / cell[:, None, None]
    narrow = blur.double()[..., None] / cell[:, None, None]
    across, down = (
        (torch.arange(size) + 0.5 - place[..., axis, None]) / narrow[..., axis, None].clamp(min=SHARPEST)
        for axis, size in ((0, width), (1, height))
    )
    apart = 0.5 * (down.square()[..., :, None] + across.square()[..., None, :])
    blurred = (maps.log()[:, None] - apart).flatten(-2).logsumexp(-1) - narrow.clamp(min=SHARPEST).prod(-1).log()
    grid = 2 * place / torch.tensor([width, height]) - 1
    logarithms = maps.clamp(min=module.FLOOR).log()
    read = torch.stack([
        functional.grid_sample(
            logarithms[:, joint : joint + 1], grid[:, :, joint, None], padding_mode="border", align_corners=False
        )[:, 0, :, 0]
        for joint in range(maps.shape[1])
    ], dim=-1)  # fmt: skip
    sharp = (1 - narrow.square().mean(-1)).clamp(min=0)
    return sharp * read + (1 - sharp) * blurred


@pytest.mark.parametrize("room", [1, 500, module.ROOM])
@pytest.mark.parametrize("blur", [0.0, 4.0, 9.0, 30.0, 160.0])
def test_the_slope_is_that_of_the_logarithm_written_out(
    blur: float, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM", room)
    generator = torch.Generator().manual_seed(0)
    two = gaussian(20.5, 30.5) + 0.5 * gaussian(33.0, 24.0, 3.0)
    made = HeatmapEvidence.of_maps(
        torch.stack([torch.stack([two, gaussian(50.2, 9.1)])] * 2),
        torch.cat([CROP, torch.tensor([[0.0, 0.0, 1280.0, 640.0]])]),
    )
    pixels = (made.centre[:, None] + (20 + 2 * blur) * torch.randn(2, 9, 2, 2, generator=generator)).requires_grad_(
        True
    )
    deviation = blur * (0.5 + torch.rand(2, 9, 2, generator=generator))
    (expected,) = torch.autograd.grad(plain_density(made, pixels, deviation).sum(), pixels)
    torch.testing.assert_close(made.slope(pixels, deviation), expected, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("blur", [0.0, 3.0, 6.0, 10.0, 40.0, 160.0])
def test_a_blurred_gaussian_is_a_wider_gaussian(blur: float) -> None:
    wide = math.hypot(20, blur)
    shifts = wide * torch.tensor([[0.1, 0.1], [0.7, 0.0], [0.0, -1.5], [1.0, 1.0]])
    slope = one().slope(asked(PEAK + shifts), known_to(blur, 4))[0, :, 0]
    # Beneath a cell it is between the map and the narrowest blur; a line between the middles of cells has one slope.
    rtol, atol = (0.0, 0.51 * CELL / 20**2) if blur < CELL else (1e-3, 1e-4)
    torch.testing.assert_close(slope, -shifts / wide**2, rtol=rtol, atol=atol)


def test_the_blur_may_be_anything_and_nothing_jumps() -> None:
    """Between any two deviations that are near the slope is near: no step decides what a sample becomes."""
    blurs = torch.linspace(0.0, 60.0, 2001)
    places = PEAK + torch.tensor([27.0, 13.0])
    by_blur = one().slope(asked(places.expand(2001, 2)), blurs.view(1, -1, 1))[0, :, 0]
    assert by_blur.diff(dim=0).abs().max() < 0.002
    # Nor between places, where the map is blurred and within reach.
    for blur in (10.0, 30.0):
        away = 8 * math.hypot(20, blur) * torch.linspace(-1.0, 1.0, 20_001)
        along = asked(PEAK + torch.stack([away, torch.zeros_like(away)], dim=-1))
        slope = one().slope(along, known_to(blur, len(away)))[0, :, 0]
        assert slope.diff(dim=0).abs().max() < 1.1 / blur**2 * float(away[1] - away[0])


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
    (slope,) = torch.autograd.grad(plain_density(made, pixels, blur).sum(), pixels)
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
    assert not one().slope(far, known_to(0.0)).any()


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
    seen = torch.tensor([[325.0, 505.0], [640.0, 300.0]])[None, None]
    for blur in (0.0, 7.0, 160.0):
        slope = made.slope(seen, torch.full((1, 1, 2), blur))
        assert slope[..., 0, :].any()
        assert not slope[..., 1, :].any()
        near = made.nearby(seen, torch.full((1, 1, 2), blur))
        assert torch.equal(near.place[..., 1, :], seen[..., 1, :])


def test_a_joint_outside_of_the_crop_is_drawn_back() -> None:
    outside = asked(torch.tensor([900.0, 505.0]))
    for blur in (5.0, 30.0, 160.0):
        slope = one().slope(outside, known_to(blur))
        assert slope[0, 0, 0, 0] < 0
        assert slope[0, 0, 0, 1].abs() < 1e-3
    moved = one().nearby(outside, known_to(160.0)).place[0, 0, 0]
    assert moved[0] < 400
    assert moved[1].item() == pytest.approx(505.0, abs=1)


def test_a_place_that_is_none_reads_no_memory_that_is_not_the_map_s() -> None:
    places = asked(torch.tensor([[torch.nan, 505.0], [torch.inf, 505.0], [1e30, -1e30]]))
    for blur in (0.0, 3.0, 30.0):
        assert not torch.isfinite(one().slope(places, known_to(blur, 3))[0, :2, 0, 0]).any()
        assert not torch.isfinite(one().nearby(places, known_to(blur, 3)).place[0, 0]).all()


def test_cells_need_not_be_squares() -> None:
    """Stored maps of a crop that is twice as wide as high: a peak of 2 cells is 40 pixels wide and 20 high."""
    wide = torch.tensor([[100.0, 200.0, 1380.0, 840.0]])
    made = evidence(gaussian(20.5, 30.5), crop=wide)
    assert made.cell.tolist() == [[20.0, 10.0]]
    peak = torch.tensor([510.0, 505.0])
    torch.testing.assert_close(made.centre[0, 0], peak, rtol=0, atol=0.1)
    shifts = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 36.0555]])
    slope = made.slope(asked(peak + shifts), known_to(30.0, 3))[0, :, 0]
    expected = -shifts / torch.tensor([40.0**2 + 30.0**2, 20.0**2 + 30.0**2])
    torch.testing.assert_close(slope, expected, rtol=2e-3, atol=1e-5)
    # So it is outside of the map.
    outside = asked(peak - torch.tensor([[600.0, 0.0], [0.0, 600.0]]))
    slope = made.slope(outside, known_to(120.0, 2))
    assert slope[0, 0, 0, 0].item() == pytest.approx(600 / (40**2 + 120**2), rel=0.02)
    assert slope[0, 1, 0, 1].item() == pytest.approx(600 / (20**2 + 120**2), rel=0.02)


def test_keypoints_are_gaussian_heatmaps() -> None:
    pixels = torch.tensor([[[300.0, 500.0], [420.0, 640.0], [torch.nan, torch.nan]]])
    made = HeatmapEvidence.of_keypoints(pixels, torch.tensor([[0.9, 0.5, 0.7]]), torch.tensor([8.0]))
    torch.testing.assert_close(made.weight, torch.tensor([[0.9, 0.5, 0.0]]))
    seen = pixels.nan_to_num(400.0)
    shifted = seen + torch.tensor([8.0, 0.0])
    slope = made.slope(torch.stack([seen[0], shifted[0]])[None], torch.full((1, 2, 3), 6.0))[0]
    wide = 8.0**2 + 6.0**2
    assert slope[:, :, 0].flatten().tolist() == pytest.approx([0, 0, 0, -8 / wide, -8 / wide, 0], abs=0.15 * 8 / wide)
    torch.testing.assert_close(made.centre[0, :2], pixels[0, :2], rtol=0, atol=0.5)


def test_keypoints_of_nobody_have_no_evidence() -> None:
    made = HeatmapEvidence.of_keypoints(torch.full((1, 2, 2), torch.nan), torch.ones(1, 2), torch.tensor([8.0]))
    assert not made.weight.any()
    assert torch.isfinite(made.maps).all()
    assert torch.isfinite(made.centre).all()


def test_memory_is_that_of_the_maps() -> None:
    made = one()
    assert sum(part.numel() for part in vars(made).values()) < 1.01 * SIZE * SIZE
