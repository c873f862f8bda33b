"""An unconditional prior of poses: the noise in a noisy pose, or in a short motion, at every time of a diffusion.

Ho, Jain, Abbeel, NeurIPS 2020 (DDPM): noise prediction. One pose goes through residual layers over all its coordinates, a
motion through attention over joints and frames; both have one interface.
"""

import torch
from torch import Tensor, nn

from posebench.skeletons import HUMAN36M_17
from zoo.blocks.diffusion import TimeEmbedding
from zoo.blocks.sizes import check_counts, check_shares
from zoo.blocks.space_time import SpaceTimeTransformer
from zoo.blocks.transformer import EPSILON

#: The root is the origin, so it is no part of a pose here.
JOINTS = HUMAN36M_17.num_joints - 1


class TimedLayer(nn.Module):
    """x + perceptron(norm(x) scaled and shifted by the time)."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=EPSILON)
        self.modulate = nn.Linear(dim, 2 * dim)
        self.perceptron = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Dropout(dropout), nn.Linear(dim, dim))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(batch, dim) and (batch, dim)."""
        scale, shift = self.modulate(time).chunk(2, dim=-1)
        added: Tensor = self.perceptron(self.norm(x) * (1 + scale) + shift)
        return x + added


class SinglePose(nn.Module):
    """Noise in poses (batch, 1, joints, 3) at times (batch,)."""

    def __init__(self, dim: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.time = TimeEmbedding(dim)
        self.embed = nn.Linear(3 * JOINTS, dim)
        self.layers = nn.ModuleList(TimedLayer(dim, dropout) for _ in range(depth))
        self.head = nn.Sequential(nn.LayerNorm(dim, eps=EPSILON), nn.Linear(dim, 3 * JOINTS))

    def forward(self, noisy: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        when = self.time(time)
        x = self.embed(noisy.flatten(1))
        for layer in self.layers:
            x = layer(x, when)
        return self.head(x).view(noisy.shape)  # type: ignore[no-any-return]


class ShortMotion(nn.Module):
    """Noise in motions (batch, frames, joints, 3) at times (batch,)."""

    def __init__(self, frames: int, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.time = TimeEmbedding(dim)
        self.transformer = SpaceTimeTransformer(frames, JOINTS, 3, dim, depth, heads, drop_path=0.0)

    def forward(self, noisy: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        noise: Tensor = self.transformer(noisy, self.time(time))
        return noise


class PosePrior(nn.Module):
    """The prior over standardised coordinates, and how these come of metres.

    `mean`, `deviation`
        (joints, 3) of the training poses, in metres: they travel with the weights.

    Raises `UsageError` for sizes that cannot be.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, frames: int, dim: int, depth: int, heads: int, dropout: float) -> None:
        super().__init__()
        check_counts(frames=frames, depth=depth)
        check_shares(dropout=dropout)
        self.frames = frames
        self.noise = SinglePose(dim, depth, dropout) if frames == 1 else ShortMotion(frames, dim, depth, heads)
        self.register_buffer("mean", torch.zeros(JOINTS, 3))
        self.register_buffer("deviation", torch.ones(JOINTS, 3))

    def standardise(self, poses: Tensor) -> None:
        """Take mean and deviation of poses (n, 17, 3) in metres about their root."""
        joints = poses[:, 1:].double()
        self.mean.copy_(joints.mean(0))
        # One deviation for all directions: cameras see people from everywhere.
        self.deviation.copy_(joints.std(0).square().mean(-1, keepdim=True).sqrt().expand(-1, 3))

    def inward(self, poses: Tensor) -> Tensor:
        """Metres (..., 17, 3) about the root to standardised coordinates (..., 16, 3)."""
        return (poses[..., 1:, :] - self.mean) / self.deviation

    def outward(self, standard: Tensor) -> Tensor:
        """Standardised coordinates (..., 16, 3) to metres (..., 17, 3) about the root."""
        joints = standard * self.deviation + self.mean
        return torch.cat([torch.zeros_like(joints[..., :1, :]), joints], dim=-2)

    def forward(self, noisy: Tensor, time: Tensor) -> Tensor:
        """The noise in standardised poses (batch, frames, 16, 3) at times (batch,)."""
        return self.noise(noisy, time)  # type: ignore[no-any-return]
