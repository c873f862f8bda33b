"""Guided samples of a prior that is known exactly: independent Gaussian coordinates."""

import math

import pytest
import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.diffusion import cosine_schedule
from zoo.blocks.pose_prior import ERROR_TIMES, JOINTS, PosePrior
from zoo.guidance.camera import project
from zoo.guidance.evidence import HeatmapEvidence
from zoo.guidance.sampler import Guidance, Samples, sample
from zoo.guidance.steering import Seen

LENS = torch.tensor([1150.0, 1150.0, 500.0, 500.0, 0.0, 0.0, 0.0, 0.0, 0.0])
LEFT = torch.tensor(cosine_schedule())
ROOT = torch.tensor([0.2, 0.1, 4.0])
#: Deviation of every coordinate of the prior, in metres.
DEVIATION = 0.1


def standing() -> Tensor:
    """Mean pose (16, 3) in metres: joints around the root, at several depths."""
    return 0.4 * torch.randn(JOINTS, 3, generator=torch.Generator().manual_seed(3))


def prior() -> PosePrior:
    made = PosePrior(1, 8, 1, 0.0, 1)
    # Nothing beside a Gaussian of its variance.
    for parameter in made.head[1].parameters():
        nn.init.zeros_(parameter)
    made.requires_grad_(False)
    one, other = zip(*HUMAN36M_17.bones, strict=True)
    made.bones.copy_((true_pose()[list(one)] - true_pose()[list(other)]).norm(dim=-1))
    made.mean.copy_(standing())
    made.deviation.fill_(DEVIATION)
    return made


class Noise:
    def __init__(self, *shape: int) -> None:
        self.shape, self.generator, self.drawn = shape, torch.Generator().manual_seed(0), 0

    def __call__(self) -> Tensor:
        self.drawn += 1
        return torch.randn(self.shape, generator=self.generator)


def _parts(evidence: HeatmapEvidence) -> tuple[Tensor, ...]:
    return evidence.maps, evidence.crop, evidence.weight, evidence.centre


def true_pose() -> Tensor:
    """A pose (17, 3) that the prior can well have, its root at 0."""
    joints = standing() + 0.8 * DEVIATION * torch.randn(JOINTS, 3, generator=torch.Generator().manual_seed(4))
    return torch.cat([torch.zeros(1, 3), joints])


def keypoints(deviation: float = 6.0, missing: tuple[int, ...] = (), confidence: float = 1.0) -> HeatmapEvidence:
    pixels = project(true_pose() + ROOT, LENS)
    pixels[list(missing)] = torch.nan
    return HeatmapEvidence.of_keypoints(pixels[None], torch.full((1, 17), confidence), torch.tensor([deviation]))


def drawn(evidence: HeatmapEvidence | None, count: int = 200, **guidance: object) -> Samples:
    seen = None if evidence is None else Seen(evidence, LENS)
    made = Guidance(**({"steps": 40} | guidance))  # type: ignore[arg-type]
    return sample(prior(), seen, made, Noise(1, count, 1, JOINTS, 3))


def misses(samples: Samples) -> Tensor:
    """Pixels (count, 17, 2) that the samples project beside the true ones."""
    assert samples.roots is not None
    seen = project(samples.poses[0, :, 0] + samples.roots[0, :, 0, None], LENS)
    return seen - project(true_pose() + ROOT, LENS)


@pytest.mark.parametrize("ancestral", [0.0, 1.0])
def test_without_evidence_the_samples_are_the_prior_s(ancestral: float) -> None:
    samples = drawn(None, ancestral=ancestral)
    assert samples.roots is None
    assert samples.poses.shape == (1, 200, 1, 17, 3)
    assert not samples.poses[..., 0, :].any()
    standard = (samples.poses[0, :, 0, 1:] - standing()) / DEVIATION
    assert standard.mean().item() == pytest.approx(0, abs=0.05)
    assert standard.std().item() == pytest.approx(1, abs=0.07)


def test_a_scale_of_nothing_is_the_prior() -> None:
    one, other = drawn(None), drawn(keypoints(), scale=0.0)
    assert torch.equal(one.poses, other.poses)
    assert other.roots is not None


@pytest.mark.parametrize("through_network", [True, False])
def test_samples_agree_with_what_is_seen_and_keep_the_prior_s_depth(through_network: bool) -> None:
    samples = drawn(keypoints(), through_network=through_network)
    before = drawn(None)
    # What is seen is known up to 6 pixels, so its length is 7.5 on average; the prior alone knows 29 pixels.
    assert misses(samples)[:, 1:].norm(dim=-1).mean() < 8
    assert samples.roots is not None
    # Its x and y are seen; its depth is known as well as the size of a person: of 16 joints about 0.4 m off the root to the
    # right and down, each known up to 0.1 m, that is 0.1 / sqrt(32) / 0.4 = 4.4 %.
    assert (samples.roots[0, :, 0] - ROOT)[:, :2].norm(dim=-1).median() < 0.05
    depth = samples.roots[0, :, 0, 2]
    assert depth.std().item() == pytest.approx(0.044 * float(ROOT[2]), rel=0.3)
    # This very person is larger than the prior's mean, by about as much.
    assert (depth.mean() - ROOT[2]).abs() < 2 * 0.044 * ROOT[2]
    # Nobody saw depth, so it is as uncertain as the prior.
    spread, free = (made.poses[0, :, 0, 1:].std(dim=0).mean(dim=0) for made in (samples, before))
    assert spread[2] > 0.8 * free[2]
    assert spread[:2].max() < 0.4 * free[:2].min()


@pytest.mark.parametrize("deviation", [6.0, 12.0, 24.0])
def test_the_spread_is_that_of_the_exact_posterior(deviation: float) -> None:
    """Where the root stands is given, so prior and evidence are both Gaussian in x and y, about 1150 / 4 pixels a metre."""
    roots = ROOT.view(1, 1, 1, 3)
    seen = Seen(keypoints(deviation), LENS, roots)
    samples = sample(prior(), seen, Guidance(steps=100), Noise(1, 300, 1, JOINTS, 3))
    spread = misses(samples)[:, 1:].std(dim=0)
    wide = DEVIATION * LENS[0] / (true_pose()[1:, 2] + ROOT[2])
    expected = 1 / (1 / wide.square() + 1 / deviation**2).sqrt()
    assert (spread.mean(-1) / expected).mean().item() == pytest.approx(1, abs=0.1)
    # So is the mean: between what is seen and what the prior expects.
    expects = project(torch.cat([torch.zeros(1, 3), standing()]) + ROOT, LENS)[1:]
    shown = project(true_pose() + ROOT, LENS)[1:]
    share = (expected / deviation).square()[:, None]
    mean = misses(samples)[:, 1:].mean(dim=0) + shown
    assert (mean - (share * shown + (1 - share) * expects)).norm(dim=-1).mean() < 0.25 * deviation


def test_a_missing_joint_is_left_to_the_prior() -> None:
    samples, whole = drawn(keypoints(missing=(13,))), drawn(keypoints())
    free = drawn(None).poses[0, :, 0, 13, :2].std(dim=0).mean()
    assert samples.poses[0, :, 0, 13, :2].std(dim=0).mean() > 0.8 * free
    assert whole.poses[0, :, 0, 13, :2].std(dim=0).mean() < 0.5 * free


def test_less_confidence_pulls_less() -> None:
    strong, weak = (misses(drawn(keypoints(confidence=c))).norm(dim=-1).mean() for c in (1.0, 0.05))
    assert strong < weak


def test_two_peaks_give_two_groups_of_poses() -> None:
    """A wrist seen in two places, equally likely: some samples have it here, some there, few between."""
    pixels = project(true_pose() + ROOT, LENS)
    other = pixels.clone()
    apart = torch.tensor([70.0, 0.0])
    pixels[13], other[13] = pixels[13] - apart / 2, other[13] + apart / 2
    left, right = (
        HeatmapEvidence.of_keypoints(torch.cat([seen[None]]), torch.ones(1, 17), torch.tensor([6.0])) for seen in (pixels, other)
    )  # fmt: skip
    maps = left.maps + right.maps
    torch.testing.assert_close(left.crop, right.crop, rtol=0, atol=40)
    both = HeatmapEvidence.of_maps(maps, (left.crop + right.crop) / 2)
    samples = drawn(both)
    assert samples.roots is not None
    seen = project(samples.poses[0, :, 0] + samples.roots[0, :, 0, None], LENS)[:, 13, 0] - (pixels + other)[13, 0] / 2
    groups = (seen < -15).float().mean(), (seen > 15).float().mean()
    assert min(groups) > 0.2
    assert sum(groups) > 0.8


def test_one_batch_is_a_loop_over_hypotheses_and_windows() -> None:
    """No hypothesis and no window depends on another, at any level of blur."""
    other = keypoints(15.0, missing=(3, 13))
    crops = torch.cat([keypoints().crop, other.crop])
    both = HeatmapEvidence(*(torch.cat(parts) for parts in zip(_parts(keypoints()), _parts(other), strict=True)))
    assert torch.equal(both.crop, crops)
    made, noise = Guidance(steps=30), Noise(2, 3, 1, JOINTS, 3)
    draws = [noise() for _ in range(31)]
    stream = iter(draws)
    whole = sample(prior(), Seen(both, LENS), made, lambda: next(stream))
    assert whole.roots is not None
    for window, evidence in enumerate((keypoints(), other)):
        for number in range(3):
            own = iter([step[window : window + 1, number : number + 1] for step in draws])
            alone = sample(prior(), Seen(evidence, LENS), made, lambda own=own: next(own))  # type: ignore[misc]
            assert alone.roots is not None
            torch.testing.assert_close(alone.poses[0, 0], whole.poses[window, number], rtol=0, atol=1e-5)
            torch.testing.assert_close(alone.roots[0, 0], whole.roots[window, number], rtol=0, atol=1e-5)


def test_what_is_nearly_the_same_gives_nearly_the_same() -> None:
    """No threshold decides: noise that differs in its last bits differs by as little in the poses."""
    poses = []
    for scale in (1.0, 1.0 + 1e-6):
        noise = Noise(1, 50, 1, JOINTS, 3)
        poses.append(sample(prior(), Seen(keypoints(), LENS), Guidance(), lambda: scale * noise()).poses)  # noqa: B023
    assert (poses[0] - poses[1]).abs().max() < 1e-4


def test_a_root_that_is_given_is_taken() -> None:
    roots = ROOT.view(1, 1, 1, 3)
    noise = Noise(1, 20, 1, JOINTS, 3)
    samples = sample(prior(), Seen(keypoints(), LENS, roots), Guidance(steps=20), noise)
    assert samples.roots is not None
    assert torch.equal(samples.roots, roots.expand(1, 20, 1, 3))
    assert misses(samples).norm(dim=-1).mean() < 12


class Together(PosePrior):
    """All coordinates are the same one: x0 is the mean of what is left of each, and its Jacobian is that of all."""

    def forward(self, noisy: Tensor, time: Tensor) -> Tensor:
        share = LEFT[time].view(-1, 1, 1, 1)
        count = 3 * JOINTS
        # Of a common z ~ N(0, 1): the mean of z given `count` noisy copies.
        common = share.sqrt() * noisy.sum(dim=(2, 3), keepdim=True) / (count * share + 1 - share)
        return common.expand_as(noisy)


def test_what_is_known_tells_of_the_rest() -> None:
    made = Together(1, 8, 1, 0.0, 1).requires_grad_(False)
    made.errors.copy_(
        torch.tensor([math.sqrt((1 - LEFT[t]) / (48 * LEFT[t] + 1 - LEFT[t])) for t in ERROR_TIMES])[:, None]
    )
    known = torch.full((1, 200, 1, JOINTS, 3), torch.nan)
    known[..., 3, :] = 1.5
    found = sample(made, None, Guidance(steps=100), Noise(1, 200, 1, JOINTS, 3), known).poses[0, :, 0, 1:]
    assert found.mean().item() == pytest.approx(1.5, abs=0.1)
    assert found.mean((1, 2)).std() < 0.2


def test_what_is_known_stays() -> None:
    known = torch.full((1, 5, 1, JOINTS, 3), torch.nan)
    known[..., 3, :] = 0.7
    samples = sample(prior(), None, Guidance(steps=10), Noise(1, 5, 1, JOINTS, 3), known)
    expected = standing()[3] + 0.7 * DEVIATION
    torch.testing.assert_close(samples.poses[0, :, 0, 4], expected.expand(5, 3), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"steps": 1001}, "1001 steps cannot be sampled"),
        ({"scale": -1.0}, "scale is -1.0; give a number from 0\\."),
        ({"scale": math.nan}, "scale is nan"),
        ({"scale": math.inf}, "scale is inf"),
        ({"ancestral": 2.0}, "ancestral is 2.0; give a number from 0 to 1"),
        ({"through_network": "no"}, "through_network is 'no'"),
    ],
)
def test_impossible_guidance_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Guidance(**wrong)  # type: ignore[arg-type]
