"""A prior on its own: poses drawn, completed from joints that are known, and freed of noise. Millimetres in and out."""

from collections.abc import Callable

import torch
from torch import Tensor

from posebench.prediction.lazy_streams import Streams
from zoo.blocks.pose_prior import JOINTS, PosePrior
from zoo.guidance.conditioning import sample_given
from zoo.guidance.sampler import Guidance, sample

MILLIMETRES = 1000.0
#: Millimetres up to which a joint that is known is known.
EXACT = 1.0


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


def complete(prior: PosePrior, guidance: Guidance, known: Tensor, hypotheses: int, streams: Streams) -> Tensor:
    """Poses (windows, hypotheses, frames, 17, 3) of which some joints are known (windows, frames, 17, 3), NaN where not."""
    return _given(prior, guidance, known, EXACT, hypotheses, streams)


def denoise(
    prior: PosePrior, guidance: Guidance, noisy: Tensor, deviation: float, hypotheses: int, streams: Streams
) -> Tensor:
    """Poses (windows, hypotheses, frames, 17, 3) that (windows, frames, 17, 3) with noise of `deviation` mm may have been."""
    return _given(prior, guidance, noisy, deviation, hypotheses, streams)


def _given(
    prior: PosePrior, guidance: Guidance, observed: Tensor, deviation: float, hypotheses: int, streams: Streams
) -> Tensor:
    noise = noise_of(streams, hypotheses, prior.frames, prior.mean.device)
    # What was made in inference mode has no gradients, and the sampler needs those of the network.
    with torch.inference_mode(False):
        standard = prior.inward(observed.clone() / MILLIMETRES)[:, None].expand(-1, hypotheses, -1, -1, -1)
        strength = deviation / MILLIMETRES / prior.deviation[:, :1]
        return sample_given(prior, guidance, noise, standard, strength) * MILLIMETRES
