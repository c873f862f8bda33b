"""Poses given some of their coordinates, of a prior whose conditional distributions are known: a correlated Gaussian."""

import pytest
import torch
from torch import Tensor

from posebench.prediction.lazy_streams import Streams
from posebench.seeding import torch_generator
from zoo.blocks.diffusion import cosine_schedule
from zoo.blocks.pose_prior import JOINTS, PosePrior
from zoo.guidance.conditioning import conjugate_gradients, sample_given
from zoo.guidance.sampler import Guidance
from zoo.guidance.without_image import complete, denoise, generate

LEFT = torch.tensor(cosine_schedule())
SIZE = 3 * JOINTS
HYPOTHESES = 400


def covariance() -> Tensor:
    """(48, 48) of unit variances: few directions, as poses have, and a little of all."""
    mixing = torch.randn(SIZE, 6, generator=torch.Generator().manual_seed(1))
    whole = mixing @ mixing.T + 0.3 * torch.eye(SIZE)
    scale = whole.diagonal().rsqrt()
    return scale[:, None] * whole * scale


class Gaussian(PosePrior):
    """The clean pose that is made of a noisy one is its exact mean."""

    def __init__(self) -> None:
        super().__init__(1, 8, 1, 0.0, 1)
        self.requires_grad_(False)
        self.deviation.fill_(0.1)
        self.covariance = covariance()

    def forward(self, noisy: Tensor, time: Tensor) -> Tensor:
        share = LEFT[int(time[0])]
        gain = (
            share.sqrt() * self.covariance @ torch.linalg.inv(share * self.covariance + (1 - share) * torch.eye(SIZE))
        )
        return (noisy.flatten(1) @ gain.T).view(noisy.shape)


def streams(count: int, seed: int = 0) -> Streams:
    return tuple(torch_generator("conditioning", seed, number) for number in range(count))


def true_pose() -> Tensor:
    """(48,): a pose that the prior can well have."""
    root = torch.linalg.cholesky(covariance())
    return root @ torch.randn(SIZE, generator=torch.Generator().manual_seed(2))


def standard(poses: Tensor) -> Tensor:
    """Poses (1, hypotheses, 1, 17, 3) mm in standardised coordinates (hypotheses, 48)."""
    return poses[0, :, 0, 1:].flatten(1) / 100


def millimetres(coordinates: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1, 3), 100 * coordinates.view(JOINTS, 3)])[None, None]


def test_a_missing_limb_is_found_as_the_others_tell_it() -> None:
    missing = torch.zeros(JOINTS, 3, dtype=torch.bool)
    missing[14:] = True
    unknown = missing.flatten()
    whole, pose = covariance(), true_pose()
    known = millimetres(pose)
    known[..., 1:, :][..., missing] = torch.nan
    with torch.inference_mode():
        found = standard(complete(Gaussian(), Guidance(steps=60), known, HYPOTHESES, streams(1)))
    inverse = torch.linalg.inv(whole[~unknown][:, ~unknown])
    mean = whole[unknown][:, ~unknown] @ inverse @ pose[~unknown]
    spread = (
        (whole[unknown][:, unknown] - whole[unknown][:, ~unknown] @ inverse @ whole[~unknown][:, unknown])
        .diagonal()
        .sqrt()
    )
    # The prior alone is off by 1 on average.
    assert (found.mean(0)[unknown] - mean).square().mean().sqrt() < 0.1
    assert found.std(0)[unknown].mean() == pytest.approx(spread.mean().item(), rel=0.2)
    torch.testing.assert_close(found[:, ~unknown], pose[~unknown].expand(HYPOTHESES, -1), atol=0.1, rtol=0)


@pytest.mark.parametrize("deviation", [20.0, 100.0])
def test_noise_is_taken_out_as_far_as_the_prior_tells_it_from_the_pose(deviation: float) -> None:
    noise = deviation / 100
    noisy = true_pose() + noise * torch.randn(SIZE, generator=torch.Generator().manual_seed(3))
    whole = covariance()
    gain = whole @ torch.linalg.inv(whole + noise**2 * torch.eye(SIZE))
    with torch.inference_mode():
        found = standard(denoise(Gaussian(), Guidance(steps=60), millimetres(noisy), deviation, HYPOTHESES, streams(1)))
    assert (found.mean(0) - gain @ noisy).square().mean().sqrt() < 0.35 * noise * gain.diagonal().mean().sqrt()
    assert found.std(0).mean() == pytest.approx(float((whole - gain @ whole).diagonal().sqrt().mean()), rel=0.25)


def test_poses_of_the_prior_alone_have_its_covariance_and_depend_on_their_own_noise() -> None:
    with torch.inference_mode():
        found = generate(Gaussian(), Guidance(steps=60), streams(2000))
        again = generate(Gaussian(), Guidance(steps=60), streams(3))
    assert found.shape == (2000, 1, 17, 3)
    assert not found[:, :, 0].any()
    drawn = found[:, 0, 1:].flatten(1) / 100
    assert (torch.cov(drawn.T) - covariance()).abs().max() < 0.2
    torch.testing.assert_close(found[:3], again, atol=1e-2, rtol=0)


def test_what_is_observed_exactly_everywhere_is_what_comes_back() -> None:
    pose = true_pose().view(1, 1, 1, JOINTS, 3)
    noise = torch.Generator().manual_seed(0)
    found = sample_given(
        Gaussian(),
        Guidance(steps=60),
        lambda: torch.randn(pose.shape, generator=noise),
        pose,
        torch.full((JOINTS, 1), 1e-3),
    )
    torch.testing.assert_close(found[0, 0, 0, 1:], 0.1 * pose[0, 0, 0], atol=5e-3, rtol=0)


def test_conjugate_gradients_solve_each_system_and_leave_a_direction_that_is_not_positive() -> None:
    generator = torch.Generator().manual_seed(0)
    roots = torch.randn(5, 4, 4, generator=generator, dtype=torch.float64)
    systems = roots @ roots.mT + torch.eye(4, dtype=torch.float64)
    right = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    found = conjugate_gradients(lambda v: torch.einsum("nij,nj->ni", systems, v), right, 4)
    torch.testing.assert_close(found, torch.linalg.solve(systems, right))
    assert not conjugate_gradients(lambda v: -v, right, 3).any()
