"""Outputs of batches become outputs of a sequence, copied; what a lifter promised in one batch holds for the next."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posebench.errors import LifterContractError
from posebench.prediction.lazy_streams import LazyStreams
from posebench.prediction.lifter import Lifted
from posebench.prediction.outputs import SequenceOutputs
from posebench.prediction.spec import LifterSpec
from posebench.prediction.timing import ForwardClock
from posebench.prediction.windows import plan_windows


def lifted(batch: int = 2, hypotheses: int = 3, rows: int = 4) -> Lifted:
    random = torch.Generator().manual_seed(batch)
    return Lifted(
        torch.rand(batch, hypotheses, rows, 17, 3, generator=random),
        torch.rand(batch, rows, 3, generator=random),
        torch.rand(batch, hypotheses, rows, generator=random),
    )


def test_windows_stand_end_to_end_and_a_filled_up_batch_adds_only_its_real_ones() -> None:
    outputs = SequenceOutputs("lifter", 3, 4)
    first, second = lifted(), lifted(5)
    outputs.add(0, 2, first)
    outputs.add(2, 1, second)
    root, weight = outputs.root, outputs.weight
    assert root is not None
    assert weight is not None
    for window, (batch, place) in enumerate(((first, 0), (first, 1), (second, 0))):
        here = slice(4 * window, 4 * window + 4)
        assert batch.root is not None
        assert batch.weight is not None
        assert outputs.poses[here].equal(batch.poses[place].transpose(0, 1))
        assert root[here].equal(batch.root[place])
        assert weight[here].equal(batch.weight[place].T)


def test_they_are_copies() -> None:
    outputs, given = SequenceOutputs("lifter", 2, 4), lifted()
    outputs.add(0, 2, given)
    before = outputs.poses.clone()
    given.poses.zero_()
    assert outputs.poses.equal(before)


def test_a_lifter_without_root_weights_and_lens_has_none() -> None:
    outputs = SequenceOutputs("lifter", 2, 4)
    outputs.add(0, 2, Lifted(lifted().poses))
    assert outputs.root is None
    assert outputs.weight is None
    assert outputs.lens is None


def test_each_hypothesis_may_have_a_root_of_its_own() -> None:
    own = torch.rand(2, 3, 4, 3)
    outputs = SequenceOutputs("lifter", 2, 4)
    outputs.add(0, 2, replace(lifted(), root=own))
    assert outputs.root is not None
    assert outputs.root.shape == (8, 3, 3)
    assert outputs.root[5].equal(own[1, :, 1])


def test_the_lens_is_one_and_the_same_for_a_sequence() -> None:
    lens = torch.arange(9.0)
    outputs = SequenceOutputs("lifter", 4, 4)
    outputs.add(0, 2, replace(lifted(), lens=lens))
    outputs.add(2, 2, replace(lifted(), lens=lens.clone()))
    assert outputs.lens is not None
    assert outputs.lens.equal(lens)
    for other in (lens + 1, None):
        with pytest.raises(LifterContractError, match="another lens"):
            outputs.add(2, 2, replace(lifted(), lens=other))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("root", (2, 1, 3)),
        ("root", (2, 3)),
        ("root", (2, 1, 4, 3)),
        ("root", (2, 4, 3, 3)),
        ("weight", (2, 3, 1)),
        ("weight", (2, 1, 4)),
        ("lens", (2, 9)),
        ("lens", (8,)),
    ],
)
def test_a_root_weight_or_lens_of_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(LifterContractError, match=f"{name} of shape"):
        SequenceOutputs("lifter", 2, 4).add(0, 2, replace(lifted(), **{name: torch.zeros(shape)}))


@pytest.mark.parametrize("other", [lifted(hypotheses=1), Lifted(lifted().poses)])
def test_a_batch_of_other_outputs_is_refused(other: Lifted) -> None:
    outputs = SequenceOutputs("lifter", 4, 4)
    outputs.add(0, 2, lifted())
    with pytest.raises(LifterContractError, match="for the batches before"):
        outputs.add(2, 2, other)


def test_kept_rows_are_those_of_the_wanted_frames() -> None:
    spec = LifterSpec(window=4, stride=4, tail="overlap-chunk", privileges=("future_frames",))
    plan = plan_windows(spec, 6)
    wanted = np.array([1, 2, 5])
    places, frame = plan.kept(wanted, by_frame=False)
    assert (places.tolist(), frame.tolist()) == ([1, 2, 4, 7], [1, 2, 2, 5])
    places, frame = plan.kept(np.arange(6), by_frame=True)
    assert (places.tolist(), frame.tolist()) == ([0, 1, 2, 4, 3, 5, 6, 7], [0, 1, 2, 2, 3, 3, 4, 5])


def test_streams_are_made_when_they_are_asked_for_and_then_once() -> None:
    made = []

    def make() -> tuple[torch.Generator, ...]:
        made.append(1)
        return torch.Generator(), torch.Generator()

    streams = LazyStreams(2, make)
    twice = streams * 2
    assert (len(streams), len(twice), made) == (2, 4, [])
    assert [*twice] == [*streams, *streams]
    assert twice[1:3] == (streams[1], streams[0])
    assert made == [1]


def test_the_clock_of_a_run_keeps_no_laps() -> None:
    sums, laps = ForwardClock(torch.device("cpu"), keeps_laps=False), ForwardClock(torch.device("cpu"))
    for clock in (sums, laps):
        assert [clock.time(lambda: 7, frames=2) for _ in range(3)] == [7, 7, 7]
        clock.settle()
        assert (clock.passes, clock.frames) == (3, 6)
        assert clock.seconds > 0
    assert (len(sums.laps), len(laps.laps)) == (0, 3)
