"""Cheating lifters are caught, honest ones are not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cheating_lifters
import pytest
import torch
from cheating_lifters import (
    CachesByPointer,
    Honest,
    LiftsHalf,
    ReturnsThePrevious,
    StopsEverywhere,
    StopsWorking,
    register,
)
from torch import Tensor, nn

from posebench.errors import LifterContractError
from posebench.prediction.joints import joints_between
from posebench.prediction.lifter import Lifted
from posebench.protocols.resolve import resolve_protocol
from posebench.timing.honesty import Honesty, anchor, distance, judge
from posebench.timing.measure import WARM_UP_PASSES, measure
from posebench.timing.options import DType, TimingSettings
from posebench.timing.prepare import open_lifter, place, read_material
from posebench.timing.subject import make_subject

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits before it cheats waits for the warm-up alone: a busy machine has no more than one pass a block beyond it."""
    monkeypatch.setattr(cheating_lifters, "PATIENCE", WARM_UP_PASSES)


def tried(
    dataset: str, factory: Callable[[], nn.Module], dtype: DType = "fp32", sizes: tuple[int, ...] = (1, 4)
) -> Honesty:
    """What the outputs of the timed loop say; `test_repeats.py` has the rest."""
    lifter = open_lifter(register("suspect", factory), TimingSettings(), None, False)
    material = read_material(resolve_protocol(None, dataset), 0)
    pool = place(lifter, material, CPU, 0)
    joints = joints_between(lifter.spec, lifter.name, dataset, material.dataset.skeleton)
    subject = make_subject(lifter, joints, pool, dtype, False, False)
    anchors = anchor(subject)
    measured = [part for size in sizes for part in measure([subject], size, CPU, 0.2, seed=0)]
    return judge(subject, measured, anchors, ())


def test_an_honest_lifter_is_believed(tiny: str) -> None:
    honesty = tried(tiny, Honest)
    assert honesty.valid, honesty.reasons
    assert honesty.clips_compared >= 6
    assert honesty.worst == honesty.to_float32 <= honesty.tolerance


class Linear(nn.Module):
    """A product, which bf16 rounds."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.randn((2, 3), generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(weight, requires_grad=False)

    def lift(self, inputs: Any) -> Tensor:
        poses: Tensor = (inputs.keypoints - inputs.keypoints[:, :, :1]) @ self.weight
        return poses - poses[:, :, :1]


def test_bf16_is_compared_with_a_run_in_bf16(tiny: str) -> None:
    honesty = tried(tiny, Linear, "bf16")
    assert honesty.valid, honesty.reasons
    assert honesty.worst < 1e-6
    assert 1e-4 < honesty.to_float32 < 1e-2


def test_a_cache_by_pointer_gives_wrong_poses(tiny: str) -> None:
    assert any("sampled" in reason for reason in tried(tiny, CachesByPointer).reasons)


def test_outputs_of_the_timed_loop_are_compared(tiny: str) -> None:
    honesty = tried(tiny, ReturnsThePrevious)
    assert any("sampled in the timed loop are not those" in reason for reason in honesty.reasons)


def test_who_stops_working_is_caught_by_one_or_the_other(tiny: str) -> None:
    assert not tried(tiny, StopsWorking).valid


def test_state_that_copies_share_is_caught_by_the_scored_path_itself(tiny: str) -> None:
    assert any("scored path itself" in reason for reason in tried(tiny, StopsEverywhere).reasons)


def test_work_left_out_of_large_batches_is_caught(tiny: str) -> None:
    assert any("sampled" in reason for reason in tried(tiny, LiftsHalf, sizes=(1, 8)).reasons)


class Lazy(Tensor):
    """A tensor that begins to work when it is first looked into."""

    work: Callable[[], Tensor]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") == "__get__":
            return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]
        done = [part.work() if isinstance(part, Lazy) else part for part in args]
        with torch._C.DisableTorchFunctionSubclass():
            return func(*done, **(kwargs or {}))


class HandsOutLazy(Honest):
    """Right poses, only later."""

    honest_calls = 0

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def lift(self, inputs: Any) -> Any:
        self.calls += 1
        if self.calls <= self.honest_calls:
            return super().lift(inputs)
        real = super().lift
        poses = torch.empty(1).expand(*inputs.keypoints.shape[:-1], 3)[:, None].as_subclass(Lazy)
        poses.work = lambda: real(inputs)[:, None]
        return poses


class HandsOutLazyLater(HandsOutLazy):
    """From its first pass on the clock on."""

    honest_calls = WARM_UP_PASSES


@dataclass(frozen=True)
class LazyLifted(Lifted):
    """Looks up its poses when it is asked for them."""

    work: Any = None

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, "work")() if name == "poses" else object.__getattribute__(self, name)


class HandsOutLazyLifted(Honest):
    """Right poses, only later."""

    def lift(self, inputs: Any) -> Any:
        real = super().lift
        return LazyLifted(torch.empty(0), work=lambda: real(inputs)[:, None])


class HandsOutLazyWeight(Honest):
    """Poses at once, the weights of its hypotheses later."""

    def lift(self, inputs: Any) -> Any:
        poses = super().lift(inputs)[:, None]
        return Lifted(poses, weight=torch.ones(poses.shape[:3]).as_subclass(Lazy))


@pytest.mark.parametrize("factory", [HandsOutLazy, HandsOutLazyLater, HandsOutLazyLifted, HandsOutLazyWeight])
def test_work_after_the_clock_has_stopped_is_refused(tiny: str, factory: Callable[[], nn.Module]) -> None:
    with pytest.raises(LifterContractError, match="when the clock has stopped"):
        tried(tiny, factory)


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
