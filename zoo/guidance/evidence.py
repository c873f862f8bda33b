"""What an image says about where the joints are, as an energy of pixels: heatmaps, blurred less and less.

A heatmap is a density over the image. Its energy at a pixel is minus the logarithm, read between cells. Far from a peak a
map is flat and has no gradient, so sampling begins with a map blurred widely and ends with the map itself. The
gradient of the logarithm of a density blurred by a Gaussian of deviation s, times s^2, points to the mean of the evidence near by
(Tweedie; mean shift): that is what a root is solved from.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

#: Deviations of the blurs, in cells, from the first step of sampling to the last.
BLURS = (12.0, 6.0, 3.0, 1.5, 0.0)
#: Least share of a map's largest value: beneath it is noise, and a logarithm without end.
FLOOR = 1e-6


@dataclass(frozen=True)
class HeatmapEvidence:
    """Heatmaps of `n` frames, each at every blur.

    `logarithms`
        (blurs, n * joints, 1, height, width): logarithm of each map, its largest value 0.
    `crop`
        (n, 4): left, top, right, bottom in pixels of what a map shows.
    `weight`
        (n, joints): how much each joint counts; 0 for one without evidence.
    `centre`
        (n, joints, 2): mean of each map in pixels, to begin with.
    """

    logarithms: Tensor
    crop: Tensor
    weight: Tensor
    centre: Tensor

    @classmethod
    def of_maps(cls, maps: Tensor, crop: Tensor, confidence: Tensor) -> "HeatmapEvidence":
        """Of maps (n, joints, height, width), not negative, their crops (n, 4) and confidences (n, joints)."""
        n, joints, height, width = maps.shape
        mass = maps.sum(dim=(-2, -1))
        weight = torch.where(mass > 0, confidence, torch.zeros_like(confidence))
        flat = maps.reshape(n * joints, 1, height, width)
        levels = [_logarithm(_blurred(flat, blur)) for blur in BLURS]
        share = maps / mass.clamp(min=torch.finfo(maps.dtype).tiny)[..., None, None]
        across = torch.arange(width, device=maps.device) + 0.5
        down = torch.arange(height, device=maps.device) + 0.5
        cell = torch.stack([(share.sum(-2) * across).sum(-1) / width, (share.sum(-1) * down).sum(-1) / height], dim=-1)
        centre = crop[:, None, :2] + cell * (crop[:, None, 2:] - crop[:, None, :2])
        return cls(torch.stack(levels), crop, weight, centre)

    @classmethod
    def of_keypoints(cls, pixels: Tensor, confidence: Tensor, deviation: Tensor, side: int = 64) -> "HeatmapEvidence":
        """The special case of keypoints (n, joints, 2): Gaussians of `deviation` (n,) pixels, on maps drawn about them.

        A joint that is NaN has no evidence.
        """
        known = torch.isfinite(pixels).all(-1)
        filled = torch.where(known[..., None], pixels, torch.full_like(pixels, torch.nan)).nan_to_num(nan=0.0)
        big = torch.finfo(pixels.dtype).max
        low = torch.where(known[..., None], filled, filled.new_full((), big)).amin(1)
        high = torch.where(known[..., None], filled, filled.new_full((), -big)).amax(1)
        low, high = (torch.where(known.any(1)[:, None], value, torch.zeros_like(value)) for value in (low, high))
        half = ((high - low).amax(-1, keepdim=True) / 2 + 4 * deviation[:, None]).expand(-1, 2)
        middle = (low + high) / 2
        crop = torch.cat([middle - half, middle + half], dim=-1)
        place = (torch.arange(side, device=pixels.device) + 0.5) / side
        cells = crop[:, None, :2] + place[None, :, None] * (2 * half)[:, None]
        apart = (cells[:, None] - filled[:, :, None]) / deviation[:, None, None, None]
        across, down = (torch.exp(-0.5 * apart[..., axis].square()) for axis in (0, 1))
        maps = down[..., :, None] * across[..., None, :] * known[..., None, None]
        return cls.of_maps(maps, crop, torch.where(known, confidence, torch.zeros_like(confidence)))

    def level(self, share: float) -> int:
        """The number of the blur at a share of the sampling that is done, 0 to 1."""
        return min(int(share * len(BLURS)), len(BLURS) - 1)

    def deviation(self, level: int) -> Tensor:
        """Of a blur in pixels, (n, 2); of the last level, which is not blurred, a cell: nothing finer is in a map."""
        return max(BLURS[level], 1.0) * (self.crop[:, 2:] - self.crop[:, :2]) / self.logarithms.shape[-1]

    def log_density(self, pixels: Tensor, level: int) -> Tensor:
        """Logarithm (n, m, joints) of the maps at pixels (n, m, joints, 2), bilinear, largest value 0.

        Beyond a map's border its logarithm falls off with the square of the distance in cells, so that a joint far outside
        is drawn back.
        """
        n, m, joints, _ = pixels.shape
        size = self.crop[:, 2:] - self.crop[:, :2]
        place = 2 * (pixels - self.crop[:, None, None, :2]) / size[:, None, None] - 1
        grid = place.transpose(1, 2).reshape(n * joints, m, 1, 2)
        read = functional.grid_sample(
            self.logarithms[level], grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        side = self.logarithms.shape[-1]
        beyond = (place.abs() - 1).clamp(min=0) * side / 2
        fall = 0.5 * (beyond / max(BLURS)).square().sum(-1)
        return read.view(n, joints, m).transpose(1, 2) - fall

    def energy(self, pixels: Tensor, level: int) -> Tensor:
        """(n, m): minus the weighted sum of `log_density` over joints; pixels (n, m, joints, 2)."""
        return -(self.weight[:, None] * self.log_density(pixels, level)).sum(-1)

    def nearby(self, pixels: Tensor, level: int) -> Tensor:
        """The mean of the evidence near pixels (n, m, joints, 2), in pixels, as a map at this blur has it."""
        with torch.enable_grad():
            here = pixels.detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(self.log_density(here, level).sum(), here)
        return pixels.detach() + self.deviation(level)[:, None, None].square() * slope


def _logarithm(maps: Tensor) -> Tensor:
    top = maps.amax(dim=(-2, -1), keepdim=True)
    share = torch.where(top > 0, maps / top.clamp(min=torch.finfo(maps.dtype).tiny), torch.ones_like(maps))
    return share.clamp(min=FLOOR).log()


def _blurred(maps: Tensor, deviation: float) -> Tensor:
    """Maps (count, 1, height, width) through a Gaussian of so many cells; as they are for 0."""
    if deviation == 0:
        return maps
    reach = int(3 * deviation + 0.5)
    place = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-0.5 * (place / deviation).square())
    kernel = kernel / kernel.sum()
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        pad = (reach, 0) if shape[2] == -1 else (0, reach)
        maps = functional.conv2d(maps, kernel.view(shape), padding=pad)
    return maps


assert all(one > other for one, other in pairwise(BLURS))
