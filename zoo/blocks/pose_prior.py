"""An unconditional prior of poses: what a noisy pose, or short motion, would be without noise, at every time of a diffusion.

Ho, Jain, Abbeel, NeurIPS 2020 (DDPM), whose network says what the noise is; that is the same. A motion is taken by the
frequencies of its joints' paths: a cosine transform turns noise into noise of the same size, and what people do in half a
second has few frequencies. So a motion is a longer pose, and both go through the same residual layers.

What a Gaussian of the training poses' variances would say is added to what the layers say, and these to its error (Karras
et al., NeurIPS 2022, section 5): nothing has to be learned where there is nothing but noise.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from posebench.errors import UsageError
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.dct import dct_matrix
from zoo.blocks.diffusion import TIMESTEPS, TimeEmbedding, cosine_schedule
from zoo.blocks.full_precision import FullLinear, full_linear
from zoo.blocks.sizes import check_counts, check_shares
from zoo.blocks.transformer import EPSILON

#: Times at which the error of a prior is measured.
ERROR_TIMES = (*range(0, TIMESTEPS, 20), TIMESTEPS - 1)
#: Standardised coordinates of a clean pose are kept within this.
BOUND = 5.0
#: The root is the origin, so it is no part of a pose here.
JOINTS = HUMAN36M_17.num_joints - 1
_LEFT = cosine_schedule()
_ONE, _OTHER = (list(ends) for ends in zip(*HUMAN36M_17.bones, strict=True))


class TimedLayer(nn.Module):
    """x + perceptron(norm(x) scaled and shifted by the time)."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=EPSILON)
        self.modulate = nn.Linear(dim, 2 * dim)
        self.perceptron = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Dropout(dropout), nn.Linear(dim, dim))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(batch, dim) and (batch or 1, dim)."""
        scale, shift = self.modulate(time).chunk(2, dim=-1)
        added: Tensor = self.perceptron(self.norm(x) * (1 + scale) + shift)
        return x + added


class PosePrior(nn.Module):
    """The prior over standardised coordinates, and how these come of metres.

    `frequencies`
        Of a motion, the lowest that the layers see; of higher ones they say nothing beyond their variance.
    `mean`, `deviation`
        (joints, 3) of the training poses, in metres.
    `variance`
        (frames, joints): of the frequencies of standardised motions.
    `bones`
        (bones,) mean lengths of the skeleton's bones in the training poses, in metres.
    `errors`
        (times, joints): root mean square error of a standardised coordinate of the clean pose that is made of a
        noisy one, at `ERROR_TIMES`; `measure` puts it there when training ends.

    All five travel with the weights. Raises `UsageError` for sizes that cannot be.
    """

    mean: Tensor
    deviation: Tensor
    variance: Tensor
    bones: Tensor
    errors: Tensor
    cosines: Tensor
    left: Tensor

    def __init__(self, frames: int, dim: int, depth: int, dropout: float, frequencies: int) -> None:
        super().__init__()
        check_counts(frames=frames, depth=depth, frequencies=frequencies)
        check_shares(dropout=dropout)
        if frequencies > frames:
            raise UsageError(f"frequencies is {frequencies}; a motion of {frames} frames has {frames} at most.")
        self.frames, self.frequencies = frames, frequencies
        self.time = TimeEmbedding(dim)
        self.embed = FullLinear(3 * JOINTS * frequencies, dim)
        self.layers = nn.ModuleList(TimedLayer(dim, dropout) for _ in range(depth))
        self.head = nn.Sequential(nn.LayerNorm(dim, eps=EPSILON), FullLinear(dim, 3 * JOINTS * frequencies))
        cosines = dct_matrix(frames).double()
        orthonormal = (cosines / torch.linalg.vector_norm(cosines, dim=1, keepdim=True)).float()
        self.register_buffer("cosines", orthonormal, persistent=False)
        self.register_buffer("left", torch.tensor(_LEFT, dtype=torch.float32), persistent=False)
        self.register_buffer("mean", torch.zeros(JOINTS, 3))
        self.register_buffer("deviation", torch.ones(JOINTS, 3))
        self.register_buffer("variance", torch.ones(frames, JOINTS))
        self.register_buffer("bones", torch.ones(len(_ONE)))
        # What is known before it is measured: at every time the noisy pose alone.
        untold = torch.tensor([math.sqrt(1 - _LEFT[time]) for time in ERROR_TIMES])
        self.register_buffer("errors", untold[:, None].repeat(1, JOINTS))

    @torch.no_grad()
    def standardise(self, windows: Iterable[Tensor]) -> None:
        """Take what is known of the training poses: tensors (n, frames, 17, 3) in metres about the root.

        The variance of each is the same in all directions: cameras see people from everywhere.
        """
        poses = torch.cat(list(windows)).double()
        self.bones.copy_(torch.linalg.vector_norm(poses[..., _ONE, :] - poses[..., _OTHER, :], dim=-1).mean((0, 1)))
        joints = poses[:, :, 1:]
        self.mean.copy_(joints.mean((0, 1)))
        self.deviation.copy_(joints.flatten(0, 1).var(0).mean(-1, keepdim=True).sqrt().expand(-1, 3))
        self.variance.copy_(self._paths(self.inward(poses.float())).double().square().mean((0, 3)))

    def inward(self, poses: Tensor) -> Tensor:
        """Metres (..., 17, 3) about the root to standardised coordinates (..., 16, 3)."""
        return (poses[..., 1:, :] - self.mean) / self.deviation

    def outward(self, standard: Tensor) -> Tensor:
        """Standardised coordinates (..., 16, 3) to metres (..., 17, 3) about the root."""
        joints = standard * self.deviation + self.mean
        return torch.cat([torch.zeros_like(joints[..., :1, :]), joints], dim=-2)

    def forward(self, noisy: Tensor, time: Tensor) -> Tensor:
        """What noisy poses (batch, frames, 16, 3) of times (batch,), or of one time (1,), would be without their noise.

        That is (noisy - sqrt(1 - a) noise) / sqrt(a), taken together so that it is no small difference of large numbers.
        """
        share = self.left[time].view(-1, 1, 1, 1)
        paths, variance = self._paths(noisy), self.variance[..., None]
        total = share * variance + 1 - share
        x, when = self.embed((paths / total.sqrt())[:, : self.frequencies].flatten(1)), self.time(time)
        for layer in self.layers:
            x = layer(x, when)
        said = self.head(x).view(-1, self.frequencies, JOINTS, 3)
        learned = functional.pad(said, (0, 0, 0, 0, 0, self.frames - self.frequencies))
        clean = share.sqrt() * variance / total * paths - ((1 - share) * variance / total).sqrt() * learned
        return full_linear(clean.movedim(1, -1), self.cosines.T).movedim(-1, 1)

    def _paths(self, motions: Tensor) -> Tensor:
        """Frequencies (n, frames, 16, 3) of standardised motions of that shape."""
        return full_linear(motions.movedim(1, -1), self.cosines).movedim(-1, 1)

    @torch.no_grad()
    def measure(self, windows: Sequence[Tensor], generator: torch.Generator) -> None:
        """Find `errors` on poses that it was not trained on: tensors (n, frames, 17, 3) in metres about the root."""
        clean = [self.inward(poses) for poses in windows]
        count = sum(3 * len(poses) * self.frames for poses in clean)
        for place, time in enumerate(ERROR_TIMES):
            share, total = _LEFT[time], torch.zeros(JOINTS, dtype=torch.float64)
            for poses in clean:
                noise = torch.randn(poses.shape, generator=generator).to(poses.device)
                noisy = math.sqrt(share) * poses + math.sqrt(1 - share) * noise
                times = torch.full((len(poses),), time, device=poses.device)
                total += (self(noisy, times).clamp(-BOUND, BOUND) - poses).square().double().sum((0, 1, 3)).cpu()
            self.errors[place] = (total / count).sqrt()

    def uncertainty(self, time: int) -> Tensor:
        """(joints,): how far clean poses are off that are made of noisy ones of a time, linear between `ERROR_TIMES`."""
        after = bisect_right(ERROR_TIMES, time, hi=len(ERROR_TIMES) - 1)
        one, other = ERROR_TIMES[after - 1], ERROR_TIMES[after]
        return torch.lerp(self.errors[after - 1], self.errors[after], (time - one) / (other - one))
