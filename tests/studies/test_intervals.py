"""Means and differences are those of the protocol; intervals are as wide as the clips say."""

from pathlib import Path

import numpy as np
import pytest

from posebench.errors import CheckFailedError, UsageError
from posebench.results.record import Record, SequencePart, read_record
from zoo.studies.intervals import Difference, clip_sums, difference, mean

BOARDS = Path(__file__).resolve().parents[2] / "leaderboards"


def committed(lifter: str, protocol: str = "hdm05/standard+gt@1") -> Record:
    return read_record(min((BOARDS / "records" / protocol / lifter).glob("*.json")))


def made(errors: dict[str, list[float]], cameras: int = 1, rule: str = "actions") -> Record:
    """A record of clips with ten frames each, by action, and their MPJPE."""
    parts = [
        SequencePart(
            id=f"S/{action}/{number}/{camera}", subject="S", action=action, clip=str(number), camera=str(camera),
            frames=10, interpolated=0, statistics={action: {"p-agg": {"mpjpe": (10 * value, 10.0)}}},
        )
        for action, values in errors.items() for number, value in enumerate(values) for camera in range(cameras)
    ]  # fmt: skip
    record = committed("videopose3d.open")
    scoring = {**record.protocol.scoring, "averaging": rule}
    protocol = record.protocol.model_copy(update={"scoring": scoring})
    return record.model_copy(update={"sequences": tuple(parts), "protocol": protocol})


@pytest.mark.parametrize("metric", ["mpjpe", "p_mpjpe"])
def test_means_are_those_of_the_record(metric: str) -> None:
    record = committed("videopose3d.open")
    assert mean([clip_sums(record, metric)]) == pytest.approx(record.results["honest"]["p-agg"][metric], rel=1e-12)
    kick = clip_sums(record, metric, {"kickLFront1Reps"})
    assert mean([kick]) == pytest.approx(record.by_group["kickLFront1Reps"]["honest"]["p-agg"][metric], rel=1e-12)
    assert set(kick.actions) == {"kickLFront1Reps"}


def test_frames_are_pooled_where_the_rule_pools_them() -> None:
    errors = {"a": [10.0, 20.0], "b": [60.0]}
    assert mean([clip_sums(made(errors), "mpjpe")]) == pytest.approx(37.5)
    assert mean([clip_sums(made(errors, rule="frames"), "mpjpe")]) == pytest.approx(30.0)
    with pytest.raises(UsageError, match="averages over clips"):
        clip_sums(made(errors, rule="clips"), "mpjpe")


def test_a_difference_that_every_clip_has_is_certain() -> None:
    one = clip_sums(made({"a": [10.0, 50.0, 90.0], "b": [5.0, 7.0]}), "mpjpe")
    other = clip_sums(made({"a": [13.0, 53.0, 93.0], "b": [8.0, 10.0]}), "mpjpe")
    found = difference([other], [one])
    assert found.value == pytest.approx(3.0)
    assert found.ends == pytest.approx((3.0, 3.0))
    assert difference([one], [one]) == Difference(0.0, (0.0, 0.0))


def test_the_interval_is_as_wide_as_independent_clips_make_it() -> None:
    """Two clips an action, as the procedural test set has: drawing as many as there are would be 0.71 of this."""
    random = np.random.RandomState(0)
    one = {f"a{i}": list(random.normal(50, 10, 2)) for i in range(40)}
    none = {action: [0.0, 0.0] for action in one}
    found = difference([clip_sums(made(one), "mpjpe")], [clip_sums(made(none), "mpjpe")])
    assert found.ends is not None
    deviation = np.sqrt(sum(np.var(values, ddof=1) / 2 for values in one.values())) / len(one)
    assert found.ends[1] - found.ends[0] == pytest.approx(2 * 1.96 * deviation, rel=0.05)
    # Other cameras of the same clips say nothing new.
    more = difference([clip_sums(made(one, 4), "mpjpe")], [clip_sums(made(none, 4), "mpjpe")])
    assert more.ends == pytest.approx(found.ends)


def test_seeds_are_averaged() -> None:
    low, high = ([clip_sums(made({"a": [value, value + 4]}), "mpjpe")] for value in (10.0, 20.0))
    assert mean(low + high) == pytest.approx(17.0)
    assert difference(high, low + high).value == pytest.approx(5.0)


def test_one_clip_has_no_interval_and_other_clips_no_difference() -> None:
    alone = clip_sums(made({"a": [10.0], "b": [20.0]}), "mpjpe")
    assert difference([alone], [alone]) == Difference(0.0, None)
    with pytest.raises(CheckFailedError, match="same clips"):
        difference([alone], [clip_sums(made({"a": [10.0], "c": [20.0]}), "mpjpe")])


def test_the_draws_are_the_same_everywhere() -> None:
    errors = {"a": [10.0, 20.0, 40.0, 27.0, 33.0, 19.0], "b": [70.0, 10.0, 36.0, 51.0]}
    moved = {action: [value * (0.9 + 0.05 * (value % 7)) for value in values] for action, values in errors.items()}
    found = difference([clip_sums(made(moved), "mpjpe")], [clip_sums(made(errors), "mpjpe")])
    assert found.ends is not None
    assert (found.value, *found.ends) == pytest.approx((0.9375, -1.0983333, 2.546875), abs=1e-6)
