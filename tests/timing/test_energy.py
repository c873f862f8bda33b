"""Energy per pose, of a GPU whose counter is played: what lies between the stretches of passes does not count."""

from typing import Any

import pytest
import torch
from cheating_lifters import Honest, register

from posebench.prediction.joints import joints_between
from posebench.protocols.resolve import resolve_protocol
from posebench.timing import energy
from posebench.timing.energy import measure_energy
from posebench.timing.options import TimingSettings
from posebench.timing.prepare import open_lifter, place, read_material
from posebench.timing.subject import Subject, make_subject

CPU = torch.device("cpu")


class Counting(Honest):
    """Tells how often it was called."""

    calls = 0

    def lift(self, inputs: Any) -> Any:
        type(self).calls += 1
        return super().lift(inputs)


class Meter:
    """A counter that has gone up by 2 joules a pass, and by 1000 more whenever it is read before a stretch."""

    def __init__(self) -> None:
        self.reads = 0

    def joules(self) -> float:
        self.reads += 1
        return 2.0 * Counting.calls + 1000.0 * ((self.reads + 1) // 2)


class Mute:
    def joules(self) -> None:
        return None


@pytest.fixture
def subject(tiny: str) -> Subject:
    lifter = open_lifter(register("suspect", Counting), TimingSettings(), None, False)
    material = read_material(resolve_protocol(None, tiny), 0)
    pool = place(lifter, material, CPU, 0)
    joints = joints_between(lifter.spec, lifter.name, tiny, material.dataset.skeleton)
    return make_subject(lifter, joints, pool, "fp32", False, False)


def test_joules_are_those_of_the_passes(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "LEAST_SECONDS", 0.1)
    # A pass takes 10 ms.
    monkeypatch.setattr(energy.time, "perf_counter", lambda: 0.01 * Counting.calls)
    monkeypatch.setattr(Counting, "calls", 0)
    meter: Any = Meter()
    found = measure_energy(subject, 4, CPU, meter, 0.01)
    assert found is not None
    assert found.joules == 2 * Counting.calls
    # A clip of a single frame is a pose.
    assert found.frames == 4 * Counting.calls
    assert found.joules_per_pose == 0.5
    assert found.seconds == pytest.approx(0.01 * Counting.calls)
    assert found.seconds >= 0.1 - 1e-9
    assert meter.reads >= 4


def test_inputs_of_a_stretch_have_their_bounds(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = subject.pool.batches(4, "energy")
    assert len(list(energy._gathered(subject, batches, 7))) == 7
    monkeypatch.setattr(energy, "MOST_BYTES", 1)
    assert len(list(energy._gathered(subject, batches, 7))) == 1


def test_a_gpu_that_does_not_count_has_none(subject: Subject) -> None:
    mute: Any = Mute()
    assert measure_energy(subject, 1, CPU, mute, 0.01) is None
