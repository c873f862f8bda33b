"""Cheating lifters are caught, honest ones are not."""

from collections.abc import Callable

import pytest
import torch
from cheating_lifters import (
    CachesByContent,
    CachesByPointer,
    Honest,
    LiftsHalf,
    ReturnsThePrevious,
    StopsEverywhere,
    StopsWorking,
    register,
)
from torch import nn

from posebench.prediction.lifter import Lifted
from posebench.protocols.resolve import resolve_protocol
from posebench.timing.honesty import Honesty, anchor, distance, judge, repeat_ratio
from posebench.timing.measure import measure
from posebench.timing.options import DType, TimingSettings
from posebench.timing.prepare import open_lifter, place, read_material
from posebench.timing.subject import make_subject

CPU = torch.device("cpu")


def tried(
    dataset: str, factory: Callable[[], nn.Module], dtype: DType = "fp32", sizes: tuple[int, ...] = (1, 4)
) -> Honesty:
    from posebench.prediction.joints import joints_between

    lifter = open_lifter(register("suspect", factory), TimingSettings(), None, False)
    material = read_material(resolve_protocol(None, dataset), 0)
    pool = place(lifter, material, CPU, 0)
    joints = joints_between(lifter.spec, lifter.name, dataset, material.dataset.skeleton)
    subject = make_subject(lifter, joints, pool, dtype, False, False)
    anchors = anchor(subject)
    measured = [part for size in sizes for part in measure([subject], size, CPU, 0.2, seed=0)]
    return judge(subject, measured, anchors, repeat_ratio(subject, CPU, 1.0, seed=0))


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_an_honest_lifter_is_believed(tiny: str, dtype: DType) -> None:
    honesty = tried(tiny, Honest, dtype)
    assert honesty.valid, honesty.reasons
    assert honesty.clips_compared >= 6
    assert honesty.worst <= honesty.tolerance
    assert honesty.repeated is not None
    assert honesty.repeated.high >= 0.9


def test_a_cache_by_content_is_caught_by_repeating(tiny: str) -> None:
    honesty = tried(tiny, CachesByContent)
    assert honesty.worst < 1e-6  # its poses are right
    assert len(honesty.reasons) == 1
    assert honesty.reasons[0].startswith("caches: a repeated input takes 0.")


def test_a_cache_by_pointer_is_caught(tiny: str) -> None:
    assert any(reason.startswith("caches") or "sampled" in reason for reason in tried(tiny, CachesByPointer).reasons)


@pytest.mark.parametrize("factory", [StopsWorking, ReturnsThePrevious])
def test_outputs_of_the_timed_loop_are_compared(tiny: str, factory: Callable[[], nn.Module]) -> None:
    honesty = tried(tiny, factory)
    assert any("sampled in the timed loop are not those" in reason for reason in honesty.reasons)


def test_state_that_copies_share_is_caught_by_the_scored_path_itself(tiny: str) -> None:
    assert any("scored path itself" in reason for reason in tried(tiny, StopsEverywhere).reasons)


def test_work_left_out_of_large_batches_is_caught(tiny: str) -> None:
    assert any("sampled" in reason for reason in tried(tiny, LiftsHalf, sizes=(1, 8)).reasons)


def test_distance_is_in_the_size_of_the_pose() -> None:
    poses = 300 * torch.randn((2, 1, 3, 17, 3), generator=torch.Generator().manual_seed(0))
    poses = poses - poses[..., :1, :]
    one = Lifted(poses)
    assert distance(one, one, "root_relative") == 0
    assert distance(Lifted(1.01 * poses), one, "root_relative") == pytest.approx(0.01, rel=1e-4)
    # A root five metres away hides nothing of the pose.
    far = torch.tensor([0.0, 0.0, 5000.0])
    assert distance(Lifted(1.01 * poses + far), Lifted(poses + far), "camera") == pytest.approx(0.01, rel=1e-3)
    assert distance(Lifted(poses + 1.02 * far), Lifted(poses + far), "camera") == pytest.approx(0.02, rel=1e-3)
    # The worst clip counts, not their mean.
    spoiled = poses.clone()
    spoiled[1] = 0
    assert distance(Lifted(spoiled), one, "root_relative") == pytest.approx(1.0)


def test_what_is_no_number_or_of_another_shape_is_infinitely_far() -> None:
    poses = torch.ones((1, 1, 1, 17, 3))
    assert distance(Lifted(torch.full_like(poses, float("nan"))), Lifted(poses), "root_relative") == float("inf")
    assert distance(Lifted(poses[:, :, :, :16]), Lifted(poses), "root_relative") == float("inf")
    assert distance(Lifted(poses, root=torch.ones(1, 1, 3)), Lifted(poses), "root_relative") == float("inf")


class Lazy(torch.Tensor):
    """A tensor that could still be at work when it is handed out."""


def test_a_tensor_of_its_own_kind_is_not_believed() -> None:
    poses = torch.ones((1, 1, 1, 17, 3))
    assert distance(Lifted(poses.as_subclass(Lazy)), Lifted(poses), "root_relative") == float("inf")  # type: ignore[no-untyped-call]
