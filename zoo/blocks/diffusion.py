"""Diffusion of poses: the cosine schedule, and DDIM steps of a network that predicts the clean pose.

Nichol and Dhariwal, ICML 2021 (schedule); Song, Meng, Ermon, ICLR 2021 (DDIM), equation 12 with eta 1; Shan et al., ICCV
2023 (D3DP), section 3.3, for the clean pose and the order of the steps.
"""

import math
from collections.abc import Callable
from contextlib import nullcontext
from itertools import accumulate, pairwise
from operator import mul

import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.sizes import check_counts, check_positive

TIMESTEPS = 1000
#: Keeps the first noise from vanishing; no step adds more than this share.
OFFSET, MOST = 0.008, 0.999


def cosine_schedule(timesteps: int = TIMESTEPS) -> tuple[float, ...]:
    """The share of the clean pose's variance that is left after each step."""
    shares = [math.cos((step / timesteps + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2 for step in range(timesteps + 1)]
    kept = (1 - min(max(1 - after / before, 0.0), MOST) for before, after in pairwise(shares))
    return tuple(accumulate(kept, mul))


def ddim_times(steps: int, timesteps: int = TIMESTEPS) -> list[tuple[int, int]]:
    """Pairs of a time and the next, from all noise to the clean pose, whose time is -1."""
    times = torch.linspace(-1, timesteps - 1, steps + 1, device="cpu").int().tolist()[::-1]
    return list(pairwise(times))


def ddim_step(
    noisy: Tensor, clean: Tensor, left: tuple[float, ...], time: int, after: int, noise: Tensor, eta: float = 1.0
) -> Tensor:
    """From a noisy pose at `time` and what the network makes of it to the pose at `after`.

    `left` is `cosine_schedule`, `noise` standard normal in the shape of the pose, `eta` the share of fresh noise.
    """
    now, then = left[time], left[after]
    predicted_noise = (noisy - math.sqrt(now) * clean) / math.sqrt(1 - now)
    sigma = eta * math.sqrt((1 - now / then) * (1 - then) / (1 - now))
    direction = math.sqrt(max(0.0, 1 - then - sigma**2))
    return math.sqrt(then) * clean + direction * predicted_noise + sigma * noise


def sample_poses(
    denoise: Callable[[Tensor, int], Tensor],
    noise: Callable[[], Tensor],
    steps: int,
    early: torch.dtype | None = None,
) -> Tensor:
    """From noise to poses in `steps` steps: D3DP's sampler.

    `denoise` maps noisy poses and their time to float32 clean ones; `noise` draws standard normal noise in their shape.
    With `early` all steps but the last are computed under autocast to it: they only say where the last begins.
    """
    left = cosine_schedule()
    poses = noise()
    for time, after in ddim_times(steps):
        with nullcontext() if early is None or after < 0 else torch.autocast(poses.device.type, early):
            clean = denoise(poses, time)
        poses = clean if after < 0 else ddim_step(poses, clean, left, time, after, noise())
    return poses


def check_sampling(hypotheses: int, steps: int, bound: float) -> None:
    """Raise `UsageError` for what cannot be sampled: no poses, more steps than there are times, no room for a pose."""
    check_positive(bound=bound)
    if not all(isinstance(count, int) and count >= 1 for count in (hypotheses, steps)) or steps > TIMESTEPS:
        raise UsageError(
            f"{hypotheses} hypotheses in {steps} steps cannot be sampled; give whole numbers of 1 or more, "
            f"steps up to {TIMESTEPS}."
        )


def add_noise(clean: Tensor, noise: Tensor, left: Tensor) -> Tensor:
    """Poses as they are when the shares `left` (batch,) of their variance are left: what training denoises."""
    share = left.view(-1, *[1] * (clean.ndim - 1))
    return share.sqrt() * clean + (1 - share).sqrt() * noise


def expected_share(spread: float) -> tuple[float, ...]:
    """What noisy coordinates at each time are multiplied by to be the clean ones that are expected, from noise alone.

    Of clean coordinates about 0 with standard deviation `spread`: Wiener's sqrt(a) s^2 / (a s^2 + 1 - a). Of noise alone
    nothing is left, of a clean pose everything, and a network need not learn that (Karras et al., NeurIPS 2022, section 5,
    scale what a denoiser is shown for the same reason).
    """
    return tuple(math.sqrt(share) * spread**2 / (share * spread**2 + 1 - share) for share in cosine_schedule())


def mirrored(points: Tensor) -> Tensor:
    """Points (..., 17, 2 or 3) of Human3.6M's joints with x reversed, and left and right exchanged."""
    sign = torch.ones(points.shape[-1], device=points.device)
    sign[0] = -1
    return points[..., list(HUMAN36M_17.mirrored), :] * sign


class TimeEmbedding(nn.Module):
    """Timesteps (batch,) to conditions (batch, dim): sines of many periods through a perceptron.

    Raises `UsageError` for a width that has not as many sines as cosines, of two periods at least.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        check_counts(dim=dim)
        if dim % 2 or dim < 4:
            raise UsageError(f"dim is {dim}; give an even number of 4 or more, half for sines and half for cosines.")
        self.dim = dim
        self.perceptron = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, time: Tensor) -> Tensor:
        """See the class."""
        half = self.dim // 2
        place = torch.arange(half, device=time.device, dtype=torch.float32)
        angle = time[:, None].float() * torch.exp(place * (-math.log(10000) / (half - 1)))
        return self.perceptron(torch.cat([angle.sin(), angle.cos()], dim=-1))  # type: ignore[no-any-return]
