"""What an image says about where the joints are: the logarithm of heatmaps, at any blur.

A heatmap H is a density over the image. While a pose is known up to a deviation r, what the image says of it is H
blurred by r, for that is H averaged over where the joint may be; so far from a peak there is a gradient, and at the end
the map itself is left. With Tweedie's formula, u + r^2 grad log H_r(u) is the mean of the place given both, which is where
the root is solved from and what a sample is drawn to.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

#: Deviations of the blurs in cells, each 1.41 times the next; the last is the map itself.
BLURS = (16.0, 11.3, 8.0, 5.66, 4.0, 2.83, 2.0, 1.41, 1.0, 0.71, 0.0)
#: Least share of a map's largest value: beneath it is noise, and a logarithm without end.
FLOOR = 1e-8


@dataclass(frozen=True)
class HeatmapEvidence:
    """Heatmaps of `n` frames, each at every blur.

    `logarithms`
        (blurs, n * joints, height, width): logarithm of each map, its largest value 0.
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
        height, width = maps.shape[2:]
        mass = maps.sum(dim=(-2, -1))
        weight = torch.where(mass > 0, confidence, torch.zeros_like(confidence))
        share = maps / mass.clamp(min=torch.finfo(maps.dtype).tiny)[..., None, None]
        across = torch.arange(width, device=maps.device) + 0.5
        down = torch.arange(height, device=maps.device) + 0.5
        cell = torch.stack([(share.sum(-2) * across).sum(-1) / width, (share.sum(-1) * down).sum(-1) / height], dim=-1)
        centre = crop[:, None, :2] + cell * (crop[:, None, 2:] - crop[:, None, :2])
        levels = torch.stack([_logarithm(_blurred(maps.flatten(0, 1), blur)) for blur in BLURS])
        return cls(levels, crop, weight, centre)

    @classmethod
    def of_keypoints(cls, pixels: Tensor, confidence: Tensor, deviation: Tensor, side: int = 64) -> "HeatmapEvidence":
        """The special case of keypoints (n, joints, 2): Gaussians of `deviation` (n,) pixels, on maps drawn about them.

        A joint that is NaN has no evidence. Nothing is drawn sharper than a cell, which is what a map can show.
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
        return cls.of_maps(maps, crop, torch.where(known, confidence, torch.zeros_like(confidence)))

    @property
    def cell(self) -> Tensor:
        """Side of a cell in pixels, (n,): the mean of both directions."""
        size = (self.crop[:, 2:] - self.crop[:, :2]) / self.crop.new_tensor(self.logarithms.shape[:1:-1])
        return size.mean(-1)

    def level(self, deviation: Tensor) -> Tensor:
        """The number (n, joints) of the blur that is nearest above deviations (n, joints) in pixels; the widest above all."""
        blurs = self.cell[:, None, None] * self.crop.new_tensor(BLURS)
        return (blurs >= deviation[..., None]).sum(-1).clamp(min=1) - 1

    def log_density(self, pixels: Tensor, level: Tensor) -> Tensor:
        """Logarithm (n, m, joints) of the maps, blurred as `level` (n, joints) says, at pixels (n, m, joints, 2).

        Bilinear between the middles of cells, largest value 0. Beyond a map's border it falls off with the square of the
        distance in cells, so that a joint far outside is drawn back.
        """
        n, m, joints, _ = pixels.shape
        size = self.crop[:, 2:] - self.crop[:, :2]
        place = 2 * (pixels - self.crop[:, None, None, :2]) / size[:, None, None] - 1
        maps = self.logarithms[level.flatten(), torch.arange(n * joints, device=level.device)]
        grid = place.transpose(1, 2).reshape(n * joints, m, 1, 2)
        read = functional.grid_sample(maps[:, None], grid, mode="bilinear", padding_mode="border", align_corners=False)
        beyond = (place.abs() - 1).clamp(min=0) * self.logarithms.shape[-1] / 2
        fall = 0.5 * (beyond / max(BLURS)).square().sum(-1)
        return read.view(n, joints, m).transpose(1, 2) - fall

    def nearby(self, pixels: Tensor, level: Tensor) -> Tensor:
        """The mean place (n, m, joints, 2) of joints at pixels of that shape that are known up to the blur of their level.

        Of a map that is not blurred a cell stands for it: nothing finer is in a map.
        """
        with torch.enable_grad():
            here = pixels.detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(self.log_density(here, level).sum(), here)
        deviation = self.crop.new_tensor(BLURS)[level].clamp(min=1.0) * self.cell[:, None]
        return pixels.detach() + deviation[:, None, :, None].square() * slope


def _logarithm(maps: Tensor) -> Tensor:
    top = maps.amax(dim=(-2, -1), keepdim=True)
    share = torch.where(top > 0, maps / top.clamp(min=torch.finfo(maps.dtype).tiny), torch.ones_like(maps))
    return share.clamp(min=FLOOR).log()


def _blurred(maps: Tensor, deviation: float) -> Tensor:
    """Maps (count, height, width) through a Gaussian of so many cells; as they are for 0."""
    if deviation == 0:
        return maps
    for _ in range(2):
        place = torch.arange(maps.shape[-1], device=maps.device, dtype=maps.dtype)
        kernel = torch.exp(-0.5 * ((place[:, None] - place[None]) / deviation).square())
        maps = (maps @ kernel).transpose(-2, -1)
    return maps
