"""Lifters that remember what they were shown are not believed, whatever they remember, and a busy machine changes no verdict."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cheating_lifters import CachesByContent, Honest, register
from tiny import TinyAdapter
from torch import Tensor, nn

from posebench.datasets.adapter import Adapter
from posebench.datasets.clip import Clip
from posebench.prediction.joints import joints_between
from posebench.protocols.open_sets import open_standard
from posebench.protocols.protocol import ProtocolFamily
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.decorators import register_dataset, register_protocol
from posebench.timing.measure import measure
from posebench.timing.options import TimingSettings
from posebench.timing.prepare import open_lifter, place, read_material
from posebench.timing.repeats import WIDEST, Repeats, capped_ratio, compare_repeats, decide
from posebench.timing.subject import Subject, make_subject

CPU = torch.device("cpu")


def subject(dataset: str, factory: Callable[[], nn.Module]) -> Subject:
    lifter = open_lifter(register("suspect", factory), TimingSettings(), None, False)
    material = read_material(resolve_protocol(None, dataset), 0)
    pool = place(lifter, material, CPU, 0)
    joints = joints_between(lifter.spec, lifter.name, dataset, material.dataset.skeleton)
    return make_subject(lifter, joints, pool, "fp32", False, False)


def compared(dataset: str, factory: Callable[[], nn.Module], size: int = 1) -> Repeats:
    return compare_repeats(subject(dataset, factory), size, CPU, 1.0, seed=0)


class WorksForTheSameTensor(CachesByContent):
    """Remembers by content, but works where it is handed the very tensor that it saw last."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Tensor] = []

    def __deepcopy__(self, memo: Any) -> "WorksForTheSameTensor":
        return type(self)()

    def lift(self, inputs: Any) -> Tensor:
        if any(inputs.keypoints is held for held in self.held):
            return Honest.lift(self, inputs)
        self.held = [*self.held[-3:], inputs.keypoints]
        return super().lift(inputs)


class RemembersInLargeBatches(CachesByContent):
    """Remembers clip by clip, but only in batches."""

    def lift(self, inputs: Any) -> Tensor:
        if len(inputs.keypoints) == 1:
            return Honest.lift(self, inputs)
        parts = [replace(inputs, keypoints=inputs.keypoints[i : i + 1]) for i in range(len(inputs.keypoints))]
        return torch.cat([super(RemembersInLargeBatches, self).lift(part) for part in parts])


class RemembersAThird(CachesByContent):
    """Serves one call in three from what it remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.random = np.random.RandomState(0)

    def lift(self, inputs: Any) -> Tensor:
        return super().lift(inputs) if self.random.rand() < 1 / 3 else Honest.lift(self, inputs)


@pytest.mark.parametrize("size", [1, 4])
def test_an_honest_lifter_does_not_cache(tiny: str, size: int) -> None:
    threads = torch.get_num_threads()
    found = compared(tiny, Honest, size)
    assert found.verdict == "valid", found
    assert (found.clock, found.batch_size, found.objection) == ("process-cpu", size, None)
    assert found.pairs >= 20
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("factory", "size"),
    [
        (CachesByContent, 1),
        (CachesByContent, 8),
        (WorksForTheSameTensor, 1),
        (RemembersInLargeBatches, 8),
        (RemembersAThird, 1),
    ],
)
def test_who_remembers_is_not_believed(tiny: str, factory: Callable[[], nn.Module], size: int) -> None:
    found = compared(tiny, factory, size)
    assert found.verdict != "valid", found
    assert f"at batch {size} repeated inputs take 0." in str(found.objection)


class OneClip(TinyAdapter):
    """One camera and two motions: whole sequences of them are one clip."""

    name = "one-clip"
    rows = (("S1", "sway", "0", "train", 30), ("S2", "sway", "0", "test", 30))  # type: ignore[assignment]

    def clips(self, source: Path | None, form: Any) -> Iterator[Clip]:
        for clip in super().clips(source, form):
            yield replace(clip, views=clip.views[:1])


@pytest.fixture
def one_clip(registry: None) -> str:
    @register_dataset("one-clip", summary="for tests", licence="none", obtain="nothing to get")
    def make() -> Adapter:
        return OneClip()

    @register_protocol("one-clip/standard")
    def standard() -> ProtocolFamily:
        return open_standard("one-clip", default_source="gt")

    return "one-clip"


def test_few_clips_hide_nothing(one_clip: str) -> None:
    assert compared(one_clip, CachesByContent).verdict == "caches"


@pytest.mark.parametrize("factory", [CachesByContent, RemembersInLargeBatches])
def test_in_the_timed_loop_there_is_nothing_to_remember(one_clip: str, factory: Callable[[], nn.Module]) -> None:
    suspect = subject(one_clip, factory)
    measured = [part for size in (1, 4) for part in measure([suspect], size, CPU, 0.2, seed=0)]
    shown = {m.batch_size: m.warm_up_passes + len(m.laps) for m in measured}
    # 30 clips; an entry each time that one of them is shown.
    large = shown[4] if factory is CachesByContent else 4 * shown[4]
    assert len(suspect.lifter.module.made) == large + (shown[1] if factory is CachesByContent else 0)  # type: ignore[arg-type]


def laps(repeated: Any, fresh: Any, wall: Any = 1.0) -> Any:
    """(pairs, 2, 2) of times on the judged clock; on the wall clock the repeated ones take `wall` times as long."""
    one, two = np.asarray(repeated, float), np.asarray(fresh, float)
    return np.stack([np.stack([one, wall * one], -1), np.stack([two, two], -1)], axis=1)


def busy(count: int, seed: int) -> Any:
    """Laps of a busy machine: a tenth of noise, and one in ten is held up for up to ten times as long."""
    random = np.random.RandomState(seed)
    return (1 + 0.1 * random.rand(count)) * np.where(random.rand(count) < 0.1, random.uniform(1, 10, count), 1)


@pytest.mark.parametrize("seed", range(5))
def test_what_laps_say(seed: int) -> None:
    fresh = busy(40, seed)
    assert decide(1, CPU, laps(busy(40, 100 + seed), fresh)).verdict == "valid"
    assert decide(1, CPU, laps(0.8 * busy(40, 100 + seed), fresh)).verdict == "caches"
    assert decide(1, CPU, laps(0.01 * busy(40, 100 + seed), fresh)).verdict == "caches"
    served = np.random.RandomState(200 + seed).rand(40) < 1 / 3
    assert decide(1, CPU, laps(np.where(served, 0.01, 1) * busy(40, 100 + seed), fresh)).verdict != "valid"


def test_too_scattered_to_tell_is_not_believed() -> None:
    random = np.random.RandomState(0)
    found = decide(8, CPU, laps(random.uniform(0.1, 2, 20), random.uniform(0.1, 2, 20)))
    assert found.error > WIDEST
    assert found.verdict == "not shown"
    assert "not shown: at batch 8" in str(found.objection)


def test_the_wall_clock_objects_to_work_in_another_process() -> None:
    found = decide(1, CPU, laps(busy(40, 0), busy(40, 1), wall=0.1))
    assert found.ratio > 0.95
    assert found.verdict == "caches"
    assert f"{found.wall.median:.2f} by the wall clock" in str(found.objection)


def test_the_standard_error_is_that_of_repetitions() -> None:
    random = np.random.RandomState(0)
    found = [capped_ratio(1 + 0.2 * random.rand(60), 1 + 0.2 * random.rand(60)) for _ in range(500)]
    ratios, errors = np.array(found).T
    assert np.mean(ratios) == pytest.approx(1, abs=0.002)
    assert np.mean(errors) == pytest.approx(np.std(np.log(ratios)), rel=0.2)
