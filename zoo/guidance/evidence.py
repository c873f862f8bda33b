"""What an image says about where the joints are: the logarithm of heatmaps, at any blur.

A heatmap H is a density over the image. While a pose is known up to a deviation r, what the image says of it is H
blurred by r, for that is H averaged over where the joint may be; so far from a peak there is a gradient, and at the end
the map itself is left. The blur is drawn where it is asked for, as two products with Gaussian rows and columns: every
joint of every sample has its own, and nothing but the maps is kept.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

#: Least share of a map's largest value: beneath it is noise, and a logarithm without end.
FLOOR = 1e-8
#: The same of what a blurred map has about a place, which may be far away.
LEAST_MASS = 1e-30
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

    def log_density(self, pixels: Tensor, deviation: Tensor) -> Tensor:
        """Logarithm (n, m, joints) of the maps, blurred by deviations (n, m, joints) in pixels, at pixels (n, m, joints, 2).

        Far from all mass it falls with the square of the distance, so a joint outside of a map is drawn back. Beneath a cell
        there is little to blur: there the map's own logarithm, bilinear between the middles of cells, takes over by and by.
        A joint without evidence has 0.
        """
        place, blur = self._in_cells(pixels, deviation)
        across, down, left_out = self._kernels(place, blur)
        mass = (down * (across @ self._maps.transpose(-2, -1))).sum(-1)
        area = math.tau * blur.clamp(min=SHARPEST).prod(-1)
        blurred = mass.clamp(min=LEAST_MASS).log() - left_out - area.log()
        sharp = (1 - blur.square().mean(-1)).clamp(min=0)
        density = _by_joint_last(sharp * self._read(place) + (1 - sharp) * blurred, len(pixels))
        return torch.where(self.weight[:, None] > 0, density, torch.zeros_like(density))

    def nearby(self, pixels: Tensor, deviation: Tensor) -> Nearby:
        """Where joints are that are known up to deviations (n, m, joints) about pixels (n, m, joints, 2).

        A deviation beneath `SHARPEST` cells counts as that: nothing finer can be summed over cells.
        """
        place, blur = self._in_cells(pixels.detach(), deviation)
        across, down, _ = self._kernels(place, blur)
        # Shares of the columns and of the rows in what is nearby.
        shares = (down @ self._maps) * across, (across @ self._maps.transpose(-2, -1)) * down
        means, variances = [], []
        for axis, share in enumerate(shares):
            beside = _middles(share.shape[-1], place.device) - place[..., axis, None]
            total = share.sum(-1)
            known = total > LEAST_MASS
            total = total.clamp(min=LEAST_MASS)
            mean = (share * beside).sum(-1) / total
            wide = blur[..., axis].clamp(min=SHARPEST).square()
            means.append(_by_joint_last(mean, len(pixels)))
            # Where there is nothing, the place is as uncertain as it was.
            square = torch.where(known, (share * beside.square()).sum(-1) / total - mean.square(), wide)
            variances.append(_by_joint_last(square.clamp(min=0), len(pixels)))
        cell = self.cell[:, None, None]
        variance = (torch.stack(variances, dim=-1) * cell.square()).mean(-1)
        return Nearby(pixels.detach() + torch.stack(means, dim=-1) * cell, variance)

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

    def _kernels(self, place: Tensor, blur: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gaussian weights of columns (n * joints, m, width) and rows (..., height), the nearest 1; what that left out."""
        weights, left_out = [], torch.zeros_like(place[..., 0])
        for axis, size in enumerate(self.maps.shape[:1:-1]):
            beside = _middles(size, place.device) - place[..., axis, None]
            apart = 0.5 * (beside / blur[..., axis, None].clamp(min=SHARPEST)).square()
            # Else nothing would be left of the sum far outside of the map.
            nearest = apart.amin(-1)
            weights.append(torch.exp(nearest[..., None] - apart))
            left_out = left_out + nearest
        return weights[0], weights[1], left_out

    def _read(self, place: Tensor) -> Tensor:
        """Logarithm (n * joints, m) of the maps themselves."""
        # NaN, or a place whose number no integer holds, would be read from memory that is not the map's.
        grid = (2 * place / place.new_tensor(self.maps.shape[:1:-1]) - 1).nan_to_num().clamp(-2, 2)
        read = functional.grid_sample(
            self._logarithms, grid[:, :, None], mode="bilinear", padding_mode="border", align_corners=False
        )
        return read[:, 0, :, 0]


def _middles(cells: int, device: torch.device) -> Tensor:
    return torch.arange(cells, device=device) + 0.5


def _by_joint_last(values: Tensor, n: int) -> Tensor:
    """(n * joints, m) to (n, m, joints)."""
    return values.view(n, -1, values.shape[-1]).transpose(1, 2)
