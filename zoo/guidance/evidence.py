"""What an image says about where the joints are: the logarithm of heatmaps, at any blur.

A heatmap H is a density over the image. While a pose is known up to a deviation r, what the image says of it is H
blurred by r, for that is H averaged over where the joint may be; so far from a peak there is a gradient, and at the end
the map itself is left. The blur is drawn where it is asked for, as two products with Gaussian rows and columns: every
joint of every sample has its own, and nothing but the maps is kept.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

#: Weights of cells that are drawn together on a CPU: what fits the caches is written and read again without waiting for memory.
ROOM = 2**17
#: Least share of a map's largest value: beneath it is noise, and a logarithm without end.
FLOOR = 1e-8
#: The same of what a blurred map has about a place, which may be far away.
LEAST_MASS = 1e-30
#: Weights beneath this power of e are nothing beside that, and processors are slow at numbers that are nearly none.
LEAST_EXPONENT = -80.0
#: Deviation in cells of the narrowest Gaussian that sums over cells still follow.
SHARPEST = 0.5


@dataclass(frozen=True)
class Nearby:
    """What heatmaps say about joints that are known up to a deviation r; both of shape (n, m, joints).

    `place`
        (n, m, joints, 2): mean in pixels of where they are, given the map too. By Tweedie's formula this is
        u + r^2 grad log H_r(u).
    `variance`
        In square pixels, mean of both directions, about that place.
    """

    place: Tensor
    variance: Tensor


@dataclass(frozen=True)
class HeatmapEvidence:
    """Heatmaps of `n` frames.

    `maps`
        (n, joints, height, width), the largest value of each 1.
    `crop`
        (n, 4): left, top, right, bottom in pixels of what a map shows.
    `weight`
        (n, joints): how much each joint counts; 0 for one without evidence.
    `centre`
        (n, joints, 2): mean of each map in pixels, to begin with.
    """

    maps: Tensor
    crop: Tensor
    weight: Tensor
    centre: Tensor

    @classmethod
    def of_maps(cls, maps: Tensor, crop: Tensor) -> "HeatmapEvidence":
        """Of maps (n, joints, height, width), not negative, and their crops (n, 4).

        Every map that has any mass counts fully: how far a joint is to be trusted is the width of its map.
        """
        height, width = maps.shape[2:]
        tiny = torch.finfo(maps.dtype).tiny
        mass = maps.sum(dim=(-2, -1))
        share = maps / mass.clamp(min=tiny)[..., None, None]
        across, down = (_middles(size, maps.device) for size in (width, height))
        cell = torch.stack([(share.sum(-2) * across).sum(-1) / width, (share.sum(-1) * down).sum(-1) / height], dim=-1)
        centre = crop[:, None, :2] + cell * (crop[:, None, 2:] - crop[:, None, :2])
        top = maps.amax(dim=(-2, -1), keepdim=True).clamp(min=tiny)
        return cls(maps / top, crop, (mass > 0).to(maps.dtype), centre)

    @classmethod
    def of_keypoints(cls, pixels: Tensor, confidence: Tensor, deviation: Tensor, side: int = 64) -> "HeatmapEvidence":
        """The special case of keypoints (n, joints, 2): Gaussians of `deviation` (n,) pixels, on maps drawn about them.

        They count as far as their confidence (n, joints) says. A joint that is NaN has no evidence. Nothing is drawn
        sharper than a cell, which is what a map can show.
        """
        known = torch.isfinite(pixels).all(-1)
        filled = torch.where(known[..., None], pixels, torch.zeros_like(pixels))
        big = torch.finfo(pixels.dtype).max
        low = torch.where(known[..., None], filled, filled.new_full((), big)).amin(1)
        high = torch.where(known[..., None], filled, filled.new_full((), -big)).amax(1)
        low, high = (torch.where(known.any(1)[:, None], value, torch.zeros_like(value)) for value in (low, high))
        half = ((high - low).amax(-1, keepdim=True) / 2 + 4 * deviation[:, None]).expand(-1, 2)
        middle = (low + high) / 2
        crop = torch.cat([middle - half, middle + half], dim=-1)
        place = (torch.arange(side, device=pixels.device) + 0.5) / side
        cells = crop[:, None, :2] + place[None, :, None] * (2 * half)[:, None]
        drawn = torch.maximum(deviation, 2 * half[:, 0] / side)
        apart = (cells[:, None] - filled[:, :, None]) / drawn[:, None, None, None]
        across, down = (torch.exp(-0.5 * apart[..., axis].square()) for axis in (0, 1))
        maps = down[..., :, None] * across[..., None, :] * known[..., None, None]
        made = cls.of_maps(maps, crop)
        return cls(made.maps, made.crop, made.weight * confidence.nan_to_num(), made.centre)

    @property
    def cell(self) -> Tensor:
        """Width and height of a cell in pixels, (n, 2)."""
        return (self.crop[:, 2:] - self.crop[:, :2]) / self.crop.new_tensor(self.maps.shape[:1:-1])

    def slope(self, pixels: Tensor, deviation: Tensor) -> Tensor:
        """Gradient (n, m, joints, 2) by pixels of the logarithm of the maps, blurred by deviations (n, m, joints) in pixels.

        Of a blurred map it is the way to the mean of what is nearby, divided by the square of the blur. Where that has
        less than `LEAST_MASS`, it is the way to the nearest cell: a joint outside of a map is drawn back, one inside
        stays. Beneath a cell there is little to blur: there the map's own logarithm, bilinear between the middles of
        cells, takes over by and by. A joint without evidence has 0.
        """
        place, blur = self._in_cells(pixels.detach(), deviation)
        middle = self._about(place, blur)
        there = torch.stack([axis.beside for axis in middle], dim=-1)
        slope = there / blur.clamp(min=SHARPEST).square()
        sharp = (1 - blur.square().mean(-1, keepdim=True)).clamp(min=0)
        # Shapes alone say nothing of what is sharp.
        if sharp.is_meta or sharp.any():
            slope = sharp * self._read_slope(place) + (1 - sharp) * slope
        slope = _by_joint_last(slope, len(pixels)) / self.cell[:, None, None]
        return torch.where(self.weight[:, None, :, None] > 0, slope, torch.zeros_like(slope))

    def nearby(self, pixels: Tensor, deviation: Tensor) -> Nearby:
        """Where joints are that are known up to deviations (n, m, joints) about pixels (n, m, joints, 2).

        A deviation beneath `SHARPEST` cells counts as that: nothing finer can be summed over cells. Where a map has
        nothing, a place stays and is as uncertain as it was.
        """
        place, blur = self._in_cells(pixels.detach(), deviation)
        middle = self._about(place, blur)
        wide = blur.clamp(min=SHARPEST).square()
        moved = torch.stack([torch.where(axis.known, axis.beside, 0.0) for axis in middle], dim=-1)
        spread = [torch.where(axis.known, axis.variance, wide[..., way]) for way, axis in enumerate(middle)]
        cell = self.cell[:, None, None]
        variance = (_by_joint_last(torch.stack(spread, dim=-1), len(pixels)) * cell.square()).mean(-1)
        return Nearby(pixels.detach() + _by_joint_last(moved, len(pixels)) * cell, variance)

    @property
    def _maps(self) -> Tensor:
        return self.maps.flatten(0, 1)

    @cached_property
    def _logarithms(self) -> Tensor:
        return self._maps.clamp(min=FLOOR).log()[:, None]

    def _in_cells(self, pixels: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """Places and deviations in cells, each (n * joints, m, 2)."""
        cell = self.cell[:, None, None]
        place = ((pixels - self.crop[:, None, None, :2]) / cell).transpose(1, 2).flatten(0, 1)
        return place, (deviation[..., None] / cell).transpose(1, 2).flatten(0, 1)

    def _about(self, place: Tensor, blur: Tensor) -> tuple["_Axis", "_Axis"]:
        """What the maps have about places, across and down."""
        some = ROOM // (len(place) * max(self.maps.shape[2:])) if place.device.type == "cpu" else place.shape[1]
        together = max(1, some)
        chosen = [slice(first, first + together) for first in range(0, place.shape[1], together)]
        parts = [self._about_some(place[:, part], blur[:, part]) for part in chosen]
        across, down = (
            _Axis(*(torch.cat(pieces, dim=1) for pieces in zip(*way, strict=True))) for way in zip(*parts, strict=True)
        )
        return across, down

    def _about_some(self, place: Tensor, blur: Tensor) -> tuple["_Axis", "_Axis"]:
        (columns, left), (rows, above) = (
            _kernel(place[..., axis], blur[..., axis], size) for axis, size in enumerate(self.maps.shape[:1:-1])
        )
        # Shares of the columns and of the rows in what is nearby.
        across = (rows @ self._maps).mul_(columns)
        down = (columns @ self._maps.transpose(-2, -1)).mul_(rows)
        return _axis(across, place[..., 0], left), _axis(down, place[..., 1], above)

    def _read_slope(self, place: Tensor) -> Tensor:
        """Gradient (n * joints, m, 2) in cells of the logarithm of the maps themselves."""
        with torch.enable_grad():
            varied = place.detach().requires_grad_(True)
            # NaN, or a place whose number no integer holds, would be read from memory that is not the map's.
            grid = (2 * varied / varied.new_tensor(self.maps.shape[:1:-1]) - 1).nan_to_num().clamp(-2, 2)
            read = functional.grid_sample(
                self._logarithms, grid[:, :, None], mode="bilinear", padding_mode="border", align_corners=False
            )
            (slope,) = torch.autograd.grad(read.sum(), varied)
        return slope


class _Axis(NamedTuple):
    """Along one axis of the maps, in cells, each (n * joints, m)."""

    beside: Tensor
    """From a place to the mean of what is nearby; to the nearest cell where that is nothing."""
    variance: Tensor
    known: Tensor


def _kernel(place: Tensor, blur: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Gaussian weights (n * joints, m, size) of cells, the nearest 1, and the way (n * joints, m) to the nearest."""
    nearest = place.floor().clamp(0, size - 1) + 0.5 - place
    narrow = (math.sqrt(0.5) / blur.clamp(min=SHARPEST))[..., None]
    apart = (_middles(size, place.device) - place[..., None]).mul_(narrow)
    # Without the nearest nothing would be left of the sum far outside of the map.
    exponent = torch.addcmul((nearest[..., None] * narrow).square(), apart, apart, value=-1, out=apart)
    return exponent.clamp_(min=LEAST_EXPONENT).exp_(), nearest


def _axis(share: Tensor, place: Tensor, nearest: Tensor) -> _Axis:
    """Of shares (n * joints, m, cells)."""
    # Moments about the place itself: about any other the digits of what is near by would be lost in the distance.
    beside = _middles(share.shape[-1], share.device) - place[..., None]
    total = share.sum(-1)
    first, second = torch.linalg.vecdot(share, beside), torch.linalg.vecdot(share, beside.square_())
    known = total > LEAST_MASS
    total = total.clamp(min=LEAST_MASS)
    mean = first / total
    variance = (second / total - mean.square()).clamp(min=0)
    return _Axis(torch.where(known, mean, nearest), variance, known)


def _middles(cells: int, device: torch.device) -> Tensor:
    return torch.arange(cells, device=device) + 0.5


def _by_joint_last(values: Tensor, n: int) -> Tensor:
    """(n * joints, m, 2) to (n, m, joints, 2)."""
    return values.view(n, -1, *values.shape[1:]).transpose(1, 2)
