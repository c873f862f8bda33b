"""How far a difference between rows may come from the clips that happened to be recorded: a paired bootstrap over clips.

Every draw takes clips of each action anew, the same ones for all rows, and makes the protocol's headline of them; the
interval holds the middle 95 % of the differences. A clip comes with all of its cameras: they show one motion, and are
not independent. Of n clips of an action n - 1 are drawn, each counting n / (n - 1) times (the rescaled bootstrap; Rao,
Wu and Yue 1992): with n drawn, the few clips that an action has here would give too narrow an interval. An action
with a single clip stays as it is.

Records carry sums and weights of every sequence, so that no pose is needed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from posebench.errors import CheckFailedError, UsageError
from posebench.protocols.protocol import Scoring
from posebench.results.record import Record
from posebench.seeding import frozen_generator
from zoo.studies.evidence import HONEST

DRAWS = 2000
#: Names the random stream; part of every interval.
SEED = 0
MIDDLE = (2.5, 97.5)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClipSums:
    """One metric of one record by clip (rows) and by what the headline averages over (columns).

    `actions` are the clips' own, `shares` the weight of each column in the headline.
    """

    clips: tuple[str, ...]
    actions: tuple[str, ...]
    sums: Array
    weights: Array
    shares: Array

    def headline(self, counts: Array) -> Array:
        """(draws,) of how often each clip counts, (draws, clips)."""
        weight = counts @ self.weights
        means: Array = (counts @ self.sums) / weight @ self.shares / self.shares.sum()
        return means


@dataclass(frozen=True)
class Difference:
    """Of two rows, in the metric's unit; no ends where no action has two clips."""

    value: float
    ends: tuple[float, float] | None


def clip_sums(record: Record, metric: str, actions: Collection[str] | None = None) -> ClipSums:
    """Read a record; `actions` keeps some of them. Raises `UsageError` for a rule that averages over clips."""
    scoring = Scoring.from_json(record.protocol.scoring)
    if scoring.averaging == "clips":
        raise UsageError(f"{record.protocol.id} averages over clips, which cannot be drawn anew; study another rule.")
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    action_of: dict[str, str] = {}
    for sequence in record.sequences:
        clip = sequence.id.rpartition("/")[0]
        for action, aggregates in sequence.statistics.items():
            if (actions is None or action in actions) and metric in aggregates[HONEST]:
                column = action if scoring.averaging == "actions" else ""
                found.setdefault(clip, {}).setdefault(column, []).append(aggregates[HONEST][metric])
                action_of[clip] = sequence.action
    clips, columns = sorted(found), sorted({column for by_column in found.values() for column in by_column})
    both = np.array(
        [[np.sum(found[clip].get(column, [(0.0, 0.0)]), axis=0) for column in columns] for clip in clips]
    ).reshape(len(clips), len(columns), 2)
    shares = dict(scoring.group_weights)
    return ClipSums(
        clips=tuple(clips),
        actions=tuple(action_of[clip] for clip in clips),
        sums=both[..., 0],
        weights=both[..., 1],
        shares=np.array([float(shares.get(column, 1)) for column in columns]),
    )


def mean(runs: Sequence[ClipSums]) -> float:
    """The headline, averaged over the seeds of a row."""
    return float(_headline(runs, np.ones((1, len(runs[0].clips))))[0])


def difference(runs: Sequence[ClipSums], others: Sequence[ClipSums]) -> Difference:
    """Of the mean over the seeds of one row and that of another. Raises `CheckFailedError` for other clips."""
    first = runs[0]
    if any(run.clips != first.clips or not np.array_equal(run.weights, first.weights) for run in (*runs, *others)):
        raise CheckFailedError("Two records of one protocol do not hold the same clips; evaluate the older one again.")
    value = mean(runs) - mean(others)
    if len(set(first.actions)) == len(first.actions):
        return Difference(value, None)
    counts = _draws(first.actions)
    low, high = np.percentile(_headline(runs, counts) - _headline(others, counts), MIDDLE)
    return Difference(value, (float(low), float(high)))


@dataclass(frozen=True)
class Drawn:
    """A number and what it is in each draw (draws,): made of others by arithmetic, draw by draw.

    Numbers of the same clips are drawn together, those of other actions for themselves. `values` is None where no
    action has two clips.
    """

    value: float
    values: Array | None

    def __sub__(self, other: "Drawn") -> "Drawn":
        return Drawn(self.value - other.value, _both(np.subtract, self, other))

    def __truediv__(self, other: "Drawn") -> "Drawn":
        return Drawn(self.value / other.value, _both(np.divide, self, other))

    def __rmul__(self, factor: float) -> "Drawn":
        return Drawn(factor * self.value, None if self.values is None else factor * self.values)


def draw(run: ClipSums) -> Drawn:
    """The headline of one record, in every draw of its clips."""
    alone = len(set(run.actions)) == len(run.actions)
    return Drawn(mean([run]), None if alone else run.headline(_draws(run.actions)))


def interval(drawn: Drawn) -> tuple[float, float] | None:
    """The middle of the draws; None without any."""
    if drawn.values is None:
        return None
    low, high = np.percentile(drawn.values, MIDDLE)
    return float(low), float(high)


def _both(function: np.ufunc, one: Drawn, other: Drawn) -> Array | None:
    if one.values is None or other.values is None:
        return None
    values: Array = function(one.values, other.values)
    return values


def _headline(runs: Sequence[ClipSums], counts: Array) -> Array:
    return np.mean([run.headline(counts) for run in runs], axis=0)  # type: ignore[no-any-return]


@cache
def _draws(actions: tuple[str, ...]) -> Array:
    """(draws, clips): how often each clip counts in each draw."""
    counts = np.ones((DRAWS, len(actions)))
    for action in sorted(set(actions)):
        own = [place for place, name in enumerate(actions) if name == action]
        if (n := len(own)) > 1:
            random = frozen_generator("zoo-study-bootstrap", SEED, action)
            counts[:, own] = random.multinomial(n - 1, np.full(n, 1 / n), size=DRAWS) * (n / (n - 1))
    return counts
