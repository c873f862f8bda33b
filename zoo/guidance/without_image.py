"""A prior on its own: poses drawn, completed from joints that are known, and freed of noise. Millimetres in and out."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from posebench.errors import UsageError
from posebench.prediction.lazy_streams import Streams
from zoo.blocks.diffusion import cosine_schedule
from zoo.blocks.pose_prior import JOINTS, PosePrior
from zoo.guidance.sampler import FIRST_TIME, Guidance, sample

MILLIMETRES = 1000.0


def noise_of(streams: Streams, hypotheses: int, frames: int, device: torch.device) -> Callable[[], Tensor]:
    """What draws standard normal noise (windows, hypotheses, frames, 16, 3), each window from its own stream."""

    def draw() -> Tensor:
        shape = (hypotheses, frames, JOINTS, 3)
        return torch.stack([torch.randn(shape, generator=stream) for stream in streams]).to(device)

    return draw


def generate(prior: PosePrior, guidance: Guidance, streams: Streams) -> Tensor:
    """Poses (windows, frames, 17, 3) of the prior alone."""
    noise = noise_of(streams, 1, prior.frames, prior.mean.device)
    return sample(prior, None, guidance, noise).poses[:, 0] * MILLIMETRES


def denoise(
    prior: PosePrior, guidance: Guidance, noisy: Tensor, deviation: float, hypotheses: int, streams: Streams
) -> Tensor:
    """Poses (windows, hypotheses, frames, 17, 3) that noisy ones (windows, frames, 17, 3) may have been.

    The steps begin at the time whose noise is as strong as that of `deviation` mm is on the average joint: a diffusion
    has one time for all joints, and in standardised coordinates the noise of a wrist is less than that of a hip.
    """
    start = time_of(prior, deviation)
    standard = prior.inward(noisy / MILLIMETRES)[:, None].expand(-1, hypotheses, -1, -1, -1)
    noise = noise_of(streams, hypotheses, prior.frames, prior.mean.device)
    begun = (math.sqrt(cosine_schedule()[start]) * standard, start)
    return sample(prior, None, guidance, noise, start=begun).poses * MILLIMETRES


def time_of(prior: PosePrior, deviation: float) -> int:
    """The time whose sqrt((1 - a) / a) is nearest to `deviation` mm, in standardised coordinates: the root mean square over joints.

    Raises `UsageError` for noise that is stronger than where sampling begins.
    """
    level = float((deviation / MILLIMETRES / prior.deviation).square().mean().sqrt())
    levels = [math.sqrt((1 - share) / share) for share in cosine_schedule()[: FIRST_TIME + 1]]
    if level > levels[-1]:
        raise UsageError(f"Noise of {deviation:g} mm leaves nothing of a pose that could be restored; give less.")
    return min(range(len(levels)), key=lambda time: abs(levels[time] - level))
