"""Errors of single poses, bones, motion and place, and averages of groups: values by hand and degenerate input."""

import math

import pytest
import torch
from torch import Tensor

from posebench.errors import UsageError
from posebench.metrics.absolute import absolute_mpjpe, root_error
from posebench.metrics.averages import mean_of_groups, weighted_mean
from posebench.metrics.bones import bone_length_error, bone_length_jitter, bone_lengths, symmetry_error
from posebench.metrics.motion import acceleration_error, jitter, velocity_error
from posebench.metrics.position import axis_errors, depth_error, joint_errors, mpjpe
from posebench.skeletons import HUMAN36M_17, Skeleton


def poses(seed: int, *lead: int) -> Tensor:
    return 300 * torch.randn((*lead, 17, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_axes_by_hand() -> None:
    truth = torch.zeros(1, 2, 3)
    predicted = torch.tensor([[[3.0, -4.0, 0.0], [1.0, 0.0, -6.0]]])
    assert axis_errors(predicted, truth).tolist() == [[2.0, 2.0, 3.0]]
    assert depth_error(predicted, truth).tolist() == [3.0]


def test_mpjpe_with_and_without_a_zero_root() -> None:
    predicted, truth = (x - x[:, :1] for x in (poses(0, 50), poses(1, 50)))
    torch.testing.assert_close(mpjpe(predicted, truth) * 17 / 16, mpjpe(predicted[:, 1:], truth[:, 1:]))


def test_jitter_is_of_the_prediction_alone_and_blind_to_smooth_motion() -> None:
    t = torch.arange(8, dtype=torch.float64)[:, None, None]
    smooth = torch.cat([t**2, 3 * t, 0 * t + 5], dim=-1).expand(8, 17, 3)
    assert jitter(smooth).tolist() == [0.0] * 5
    assert jitter(torch.cat([t**3, 0 * t, 0 * t], dim=-1)).tolist() == [6.0] * 5


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_clips_too_short_for_a_difference_are_empty(frames: int) -> None:
    clip = poses(0, frames)
    assert velocity_error(clip, clip).shape == (max(0, frames - 1),)
    assert acceleration_error(clip, clip).shape == (max(0, frames - 2),)
    assert jitter(clip).shape == (0,)


def test_bones_by_hand() -> None:
    skeleton = Skeleton("v", ("root", "l", "r"), (-1, 0, 0), left=(1,), right=(2,))
    truth = torch.tensor([[0.0, 0, 0], [0, 3, 4], [0, 0, 5]]).expand(2, 3, 3)
    predicted = torch.tensor([[[1.0, 1, 1], [1, 4, 5], [1, 1, 2]], [[1.0, 1, 1], [1, 7, 9], [1, 1, 2]]])
    assert bone_lengths(predicted, skeleton.bones).tolist() == [[5.0, 1.0], [10.0, 1.0]]
    assert bone_length_error(predicted, truth, skeleton.bones).tolist() == [2.0, 4.5]
    assert symmetry_error(predicted, skeleton).tolist() == [4.0, 9.0]
    assert bone_length_jitter(predicted, skeleton.bones).item() == 1.25
    assert bone_length_jitter(predicted[:1], skeleton.bones).item() == 0.0


def test_bones_do_not_see_a_rigid_motion_and_a_mirror_swaps_sides() -> None:
    body = poses(0, 4)
    torch.testing.assert_close(bone_lengths(body + 500, HUMAN36M_17.bones), bone_lengths(body, HUMAN36M_17.bones))
    mirrored = body[:, list(HUMAN36M_17.mirrored)]
    torch.testing.assert_close(symmetry_error(mirrored, HUMAN36M_17), symmetry_error(body, HUMAN36M_17))
    lopsided = body.clone()
    lopsided[:, 13] += 1000
    assert (symmetry_error(lopsided, HUMAN36M_17) - symmetry_error(body, HUMAN36M_17)).abs().min() > 10
    with pytest.raises(UsageError, match="no left and right bones"):
        symmetry_error(body, Skeleton("line", ("a", "b"), (-1, 0), (), ()))


def test_place_in_camera_space() -> None:
    truth = poses(0, 3)
    offset = torch.tensor([30.0, 40.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(root_error(truth + offset, truth), torch.full((3,), 50.0, dtype=torch.float64))
    torch.testing.assert_close(absolute_mpjpe(truth + offset, truth), torch.full((3,), 50.0, dtype=torch.float64))
    moved = truth.clone()
    moved[:, 14] += offset
    assert root_error(moved, truth).tolist() == [0.0] * 3
    assert root_error(moved, truth, root=14).tolist() == pytest.approx([50.0] * 3)


def test_collapsed_and_empty_poses_have_defined_errors() -> None:
    truth, zero = poses(0, 5), torch.zeros(5, 17, 3, dtype=torch.float64)
    torch.testing.assert_close(mpjpe(zero, truth), truth.norm(dim=-1).mean(-1))
    assert symmetry_error(zero, HUMAN36M_17).tolist() == [0.0] * 5
    assert bone_length_jitter(zero, HUMAN36M_17.bones).item() == 0.0
    torch.testing.assert_close(
        bone_length_error(zero, truth, HUMAN36M_17.bones), bone_lengths(truth, HUMAN36M_17.bones).mean(-1)
    )
    for metric in (joint_errors, mpjpe, axis_errors, depth_error, root_error):
        assert metric(zero[:0], zero[:0]).shape[0] == 0


def test_nan_stays_nan_in_the_pose_that_has_it_and_nowhere_else() -> None:
    truth, predicted = poses(0, 6), poses(1, 6)
    predicted[2, 0] = float("nan")
    for metric in (mpjpe, depth_error, root_error, absolute_mpjpe):
        assert metric(predicted, truth).isnan().tolist() == [False, False, True, False, False, False]
    assert bone_length_error(predicted, truth, HUMAN36M_17.bones).isnan().tolist() == [f == 2 for f in range(6)]
    assert symmetry_error(predicted, HUMAN36M_17).isnan().tolist() == [f == 2 for f in range(6)]
    assert velocity_error(predicted, truth).isnan().tolist() == [False, True, True, False, False]
    assert jitter(predicted).isnan().tolist() == [True] * 3
    assert bone_length_jitter(predicted, HUMAN36M_17.bones).isnan()


def test_unequal_shapes_are_refused() -> None:
    for metric in (mpjpe, axis_errors, depth_error, root_error, absolute_mpjpe):
        with pytest.raises(UsageError, match="differ in shape"):
            metric(poses(0, 4), poses(1, 1))
    with pytest.raises(UsageError, match="differ in shape"):
        bone_length_error(poses(0, 4), poses(1, 1), HUMAN36M_17.bones)


def test_three_averages_of_the_same_six_numbers() -> None:
    values = (31.327, 25.985, 11.875, 25.102, 30.608, 53.714)
    assert mean_of_groups(values) == pytest.approx(29.7685)
    assert weighted_mean(values, (603, 540, 505, 553, 276, 452)) == pytest.approx(29.2000335)
    assert weighted_mean(values, (603, 540, 506, 558, 276, 392)) == pytest.approx(28.6752845)
    assert math.isnan(mean_of_groups((1.0, float("nan"))))
    assert weighted_mean(values, (2,) * 6) == pytest.approx(mean_of_groups(values))


@pytest.mark.parametrize("counts", [(1, 2), (0, 0, 0), (-1, 1, 1), (float("nan"), 1, 1)])
def test_counts_that_weigh_nothing_are_refused(counts: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"[cC]ounts"):
        weighted_mean((1.0, 2.0, 3.0), counts)
    with pytest.raises(UsageError, match="no groups"):
        mean_of_groups(())
