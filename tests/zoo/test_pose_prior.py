"""The prior of poses and motions: its coordinates, what it says before it has learned, and what is measured of it."""

import math

import pytest
import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.diffusion import add_noise, cosine_schedule
from zoo.blocks.pose_prior import BOUND, ERROR_TIMES, JOINTS, PosePrior

LEFT = torch.tensor(cosine_schedule(), dtype=torch.float32)


def motions(count: int = 4000, frames: int = 5) -> Tensor:
    """Poses (count, frames, 17, 3) in metres about their root, which drift: joint j by j / 17 of a metre."""
    generator = torch.Generator().manual_seed(0)
    size = 0.1 + torch.arange(17)[:, None] / 17
    standing = torch.tensor([0.1, 0.5, -0.2]) + size * torch.randn(count, 1, 17, 3, generator=generator)
    moving = 0.2 * size * torch.randn(count, frames, 17, 3, generator=generator)
    poses = standing + moving
    poses[:, :, 0] = 0
    return poses


def unlearned(frames: int = 5, frequencies: int = 2) -> PosePrior:
    """Its layers say nothing."""
    made = PosePrior(frames, 8, 1, 0.0, frequencies)
    for parameter in made.head[1].parameters():
        nn.init.zeros_(parameter)
    return made.requires_grad_(False)


def test_coordinates_are_standard_and_go_back() -> None:
    made, poses = unlearned(), motions()
    made.standardise([poses[:1000], poses[1000:]])
    standard = made.inward(poses)
    assert standard.shape == (4000, 5, JOINTS, 3)
    torch.testing.assert_close(standard.mean((0, 1)), torch.zeros(JOINTS, 3), rtol=0, atol=1e-4)
    torch.testing.assert_close(standard.std((0, 1)).mean(-1), torch.ones(JOINTS), rtol=0, atol=0.02)
    torch.testing.assert_close(made.outward(standard), poses, rtol=0, atol=1e-5)
    # One deviation for all directions.
    assert torch.equal(made.deviation[:, 0], made.deviation[:, 2])
    one, other = zip(*HUMAN36M_17.bones, strict=True)
    expected = (poses[:, :, list(one)] - poses[:, :, list(other)]).norm(dim=-1).mean((0, 1))
    torch.testing.assert_close(made.bones, expected)


def test_the_variance_is_that_of_the_frequencies() -> None:
    made, poses = unlearned(), motions()
    made.standardise([poses])
    # What stands has all of its variance in the first; of what moves at random each has the same.
    moving = 0.04 / 1.04
    expected = torch.tensor([5 / 1.04 + moving] + 4 * [moving])
    torch.testing.assert_close(made.variance.mean(-1), expected, rtol=0.03, atol=0)
    assert made.variance.sum(0).mean().item() == pytest.approx(5, rel=0.02)


@pytest.mark.parametrize("time", [0, 200, 600, 999])
def test_before_it_learns_it_is_the_best_of_a_gaussian(time: int) -> None:
    """Of every frequency Wiener's filter; what is left over is no smaller for any other factor."""
    made, poses = unlearned(), motions()
    made.standardise([poses])
    clean = made.inward(poses)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    noisy = add_noise(clean, noise, LEFT[torch.full((len(clean),), time)])
    found = made(noisy, torch.full((len(clean),), time))
    error = (found - clean).square().mean()
    share = LEFT[time]
    expected = ((1 - share) * made.variance / (share * made.variance + 1 - share)).mean()
    assert error.item() == pytest.approx(expected.item(), rel=0.03)
    for factor in (0.9, 1.1):
        assert (factor * found - clean).square().mean() >= error


def test_the_layers_see_the_lowest_frequencies_alone() -> None:
    torch.manual_seed(0)
    made = PosePrior(5, 8, 1, 0.0, 2).requires_grad_(False)
    time, noisy = torch.tensor([500]), torch.randn(1, 5, JOINTS, 3)
    # The highest frequency changes its sign from frame to frame and has no part in the lower ones.
    high = made.cosines[4][:, None, None].expand(5, JOINTS, 3)
    change = made(noisy + high, time) - made(noisy, time)
    share = LEFT[500]
    torch.testing.assert_close(change[0], share.sqrt() * high, rtol=0, atol=1e-5)
    # The lowest is what they see, and they say something of it.
    low = made.cosines[0][:, None, None].expand(5, JOINTS, 3)
    assert (made(noisy + low, time) - made(noisy, time) - share.sqrt() * low).abs().max() > 1e-3


def test_errors_are_measured_by_time_and_joint() -> None:
    """Of a Gaussian they are known: sqrt(v (1 - a) / (a v + 1 - a)) of each frequency."""
    made, poses = unlearned(), motions()
    made.standardise([poses])
    made.measure([poses[:1500], poses[1500:]], torch.Generator().manual_seed(2))
    for time in (0, 130, 500, 990):
        share = LEFT[time]
        frequencies = (1 - share) * made.variance / (share * made.variance + 1 - share)
        torch.testing.assert_close(made.uncertainty(time), frequencies.mean(0).sqrt(), rtol=0.05, atol=1e-3)
    assert made.uncertainty(999).tolist() == made.errors[-1].tolist()
    assert made.uncertainty(40).tolist() == made.errors[2].tolist()
    # They travel with the weights.
    assert "errors" in made.state_dict()


def test_before_it_is_measured_a_noisy_pose_is_known_by_its_noise() -> None:
    made = unlearned()
    for time in ERROR_TIMES:
        assert made.uncertainty(time).tolist() == pytest.approx([math.sqrt(1 - LEFT[time])] * JOINTS, rel=1e-3)


def test_errors_of_poses_beyond_the_bound_count_within_it() -> None:
    made = unlearned(1, 1)
    far = made.outward(torch.full((50, 1, JOINTS, 3), 2 * BOUND))
    made.measure([far], torch.Generator().manual_seed(0))
    assert made.errors[0].tolist() == pytest.approx([BOUND] * JOINTS, rel=0.01)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"frames": 0}, "frames is 0"),
        ({"depth": 0}, "depth is 0"),
        ({"dim": 7}, "dim is 7"),
        ({"dim": 2}, "dim is 2"),
        ({"dim": -3}, "dim is -3"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"frequencies": 0}, "frequencies is 0"),
        ({"frequencies": 6}, "a motion of 5 frames has 5 at most"),
    ],
)
def test_impossible_sizes_are_refused(wrong: dict[str, float], message: str) -> None:
    sizes = {"frames": 5, "dim": 8, "depth": 1, "dropout": 0.0, "frequencies": 2} | wrong
    with pytest.raises(UsageError, match=message):
        PosePrior(**sizes)  # type: ignore[arg-type]
