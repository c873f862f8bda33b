"""From the statistics of sequences to the numbers of a table, the same bits for any sharding and any order of arrival."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor

from posebench.errors import UsageError
from posebench.metrics.calibration import expected_calibration_error
from posebench.metrics.samples import ECE, SAMPLE_AGGREGATES, SAMPLES
from posebench.protocols.protocol import Scoring
from posebench.protocols.sample_scoring import Observed
from posebench.protocols.scoring import SequenceStatistics, Statistic

#: aggregate -> metric -> number
Numbers = dict[str, dict[str, float]]


@dataclass(frozen=True)
class ScoredSequence:
    """What combining needs of a sequence: its id to sort by, its clip, its statistics by action."""

    id: str
    clip: str
    statistics: SequenceStatistics
    observed: dict[str, Observed] = field(default_factory=dict)
    """Of each action, where the rule asks for a calibration error."""


@dataclass(frozen=True)
class _Part:
    """What one sequence has of one group."""

    statistics: dict[str, dict[str, Statistic]]
    observed: Observed | None


@dataclass(frozen=True)
class Headline:
    """`overall[aggregate][metric]`, and the same by action and by clip where the rule averages over clips.

    A metric without any frame is left out.
    """

    overall: Numbers
    by_group: dict[str, Numbers]


def combine(scoring: Scoring, rows: Iterable[ScoredSequence]) -> Headline:
    """Combine the sequences of a whole split or of any part of it.

    Sums are exactly rounded (`math.fsum`), so that their order cannot matter.
    Raises `UsageError` when there are none, or when the rule has no weight for one of its groups.
    """
    ordered = sorted(rows, key=lambda row: row.id)
    if not ordered:
        raise UsageError("There are no scored sequences to combine.")
    groups: dict[str, list[_Part]] = {}
    for row in ordered:
        for action, statistics in row.statistics.items():
            part = _Part(statistics, row.observed.get(action))
            groups.setdefault(row.clip if scoring.averaging == "clips" else action, []).append(part)
    by_group = {name: _ratios(scoring, groups[name]) for name in sorted(groups)}
    if scoring.averaging == "frames":
        return Headline(_ratios(scoring, [part for parts in groups.values() for part in parts]), by_group)
    return Headline(_mean_of_groups(scoring, by_group), by_group)


def _mean_of_groups(scoring: Scoring, by_group: dict[str, Numbers]) -> Numbers:
    weights = dict(scoring.group_weights) if scoring.group_weights else dict.fromkeys(by_group, 1)
    if missing := by_group.keys() - weights.keys():
        raise UsageError(
            f"The rule {scoring.rule!r} has no weight for {sorted(missing)[0]!r}; it has {', '.join(weights)}."
        )
    overall: Numbers = {}
    for aggregate, metric in _named(scoring):
        found = [
            (numbers[aggregate][metric], weights[name])
            for name, numbers in by_group.items()
            if metric in numbers.get(aggregate, {})
        ]
        if found:
            total = math.fsum(value * weight for value, weight in found)
            overall.setdefault(aggregate, {})[metric] = total / math.fsum(weight for _, weight in found)
    return overall


def _ratios(scoring: Scoring, parts: list[_Part]) -> Numbers:
    result: Numbers = {}
    for aggregate, metric in _named(scoring):
        found = [part.statistics[aggregate][metric] for part in parts if metric in part.statistics.get(aggregate, {})]
        weight = math.fsum(statistic.weight for statistic in found)
        if weight:
            result.setdefault(aggregate, {})[metric] = math.fsum(statistic.sum for statistic in found) / weight
    counted = [part.observed for part in parts if part.observed is not None]
    if counted:
        result.setdefault(SAMPLES, {})[ECE] = float(expected_calibration_error(observed_share(counted)))
    return result


def observed_share(counted: Iterable[Observed]) -> Tensor:
    """(quantiles, joints): how often the truth was within each quantile of the hypotheses, over all that was counted."""
    whole = list(counted)
    counts = torch.tensor([part.counts for part in whole], dtype=torch.float64).sum(dim=0)
    share: Tensor = counts / sum(part.frames for part in whole)
    return share


def _named(scoring: Scoring) -> Iterator[tuple[str, str]]:
    """Every aggregate with every metric that it can have, in the order of tables."""
    yield from product(scoring.aggregates, scoring.metrics)
    yield from product(SAMPLE_AGGREGATES, scoring.samples)
