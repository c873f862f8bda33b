"""Test-time flip: what is mirrored, what is swapped, and for whom it is refused."""

import pytest
import torch

from posebench.errors import UsageError
from posebench.prediction.flip import averaged, check_flip, doubled
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec
from posebench.seeding import torch_generator
from posebench.skeletons import HUMAN36M_17

MIRRORED = HUMAN36M_17.mirrored


@pytest.fixture
def inputs() -> LifterInputs:
    stream = torch.Generator().manual_seed(0)
    return LifterInputs(
        keypoints=1000 * torch.rand(3, 4, 17, 2, generator=stream),
        confidence=torch.rand(3, 4, 17, generator=stream),
        image_size=torch.tensor([1000.0, 800.0]),
        fps=50.0,
        noise_streams=tuple(torch_generator("t", i) for i in range(3)),
    )


def test_the_second_half_is_the_mirror_image(inputs: LifterInputs) -> None:
    both = doubled(inputs, MIRRORED)
    plain, flipped = both.keypoints.chunk(2)
    torch.testing.assert_close(plain, inputs.keypoints)
    left_wrist, right_wrist = 13, 16
    torch.testing.assert_close(flipped[..., left_wrist, 0], 1000 - plain[..., right_wrist, 0])
    torch.testing.assert_close(flipped[..., left_wrist, 1], plain[..., right_wrist, 1])
    torch.testing.assert_close(both.confidence[3:, :, left_wrist], inputs.confidence[:, :, right_wrist])
    assert both.noise(2).shape == (6, 2)


def test_averaging_undoes_the_mirror(inputs: LifterInputs) -> None:
    poses = torch.randn(3, 4, 17, 3)
    mirror = (poses * torch.tensor([-1.0, 1.0, 1.0]))[..., list(MIRRORED), :]
    torch.testing.assert_close(averaged(torch.cat([poses, mirror]), MIRRORED), poses)
    # A constant push to one side is not symmetric, and the average takes it out.
    push = torch.tensor([50.0, 0.0, 0.0])
    torch.testing.assert_close(averaged(torch.cat([poses + push, mirror + push]), MIRRORED), poses)


def test_pixels_are_mirrored_about_the_middle_of_the_image(inputs: LifterInputs) -> None:
    both = doubled(inputs, MIRRORED)
    poses = torch.cat([both.keypoints, both.keypoints[..., :1]], dim=-1)
    poses[3:, ..., 2] = poses[:3, ..., 2][..., list(MIRRORED)]
    torch.testing.assert_close(averaged(poses, MIRRORED, inputs.image_size[0]), poses[:3], rtol=0, atol=1e-3)


def test_flip_is_refused_where_a_mirror_image_means_nothing() -> None:
    check_flip(LifterSpec(), "plain")
    check_flip(LifterSpec(space="image25d"), "pixels")
    with pytest.raises(UsageError, match="camera"):
        check_flip(LifterSpec(space="camera"), "absolute")
    with pytest.raises(UsageError, match="intrinsics"):
        check_flip(LifterSpec(privileges=("intrinsics",)), "lens")
