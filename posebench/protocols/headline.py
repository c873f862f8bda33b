"""From the statistics of sequences to the numbers of a table, the same bits for any sharding and any order of arrival."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from posebench.errors import UsageError
from posebench.protocols.protocol import Scoring
from posebench.protocols.scoring import SequenceStatistics, Statistic


@dataclass(frozen=True)
class Headline:
    """`overall[aggregate][metric]` and `by_action[action][aggregate][metric]`; a metric without any frame is left out."""

    overall: dict[str, dict[str, float]]
    by_action: dict[str, dict[str, dict[str, float]]]


def combine(scoring: Scoring, rows: Iterable[tuple[str, str, SequenceStatistics]]) -> Headline:
    """Combine `(sequence id, action, statistics)` of a whole split or of any part of it.

    Sums are exactly rounded (`math.fsum`) over sequences sorted by id.
    """
    ordered = sorted(rows, key=lambda row: row[0])
    if not ordered:
        raise UsageError("There are no scored sequences to combine.")
    actions = sorted({action for _, action, _ in ordered})
    by_action = {
        action: _ratios(scoring, [statistics for _, name, statistics in ordered if name == action])
        for action in actions
    }
    if scoring.averaging == "frames":
        return Headline(_ratios(scoring, [statistics for _, _, statistics in ordered]), by_action)
    overall: dict[str, dict[str, float]] = {}
    for aggregate in scoring.aggregates:
        for metric in scoring.metrics:
            means = [v[aggregate][metric] for v in by_action.values() if metric in v.get(aggregate, {})]
            if means:
                overall.setdefault(aggregate, {})[metric] = math.fsum(means) / len(means)
    return Headline(overall, by_action)


def _ratios(scoring: Scoring, rows: list[SequenceStatistics]) -> dict[str, dict[str, float]]:
    result: dict[str, dict[str, float]] = {}
    for aggregate in scoring.aggregates:
        for metric in scoring.metrics:
            found: list[Statistic] = [row[aggregate][metric] for row in rows if aggregate in row]
            weight = math.fsum(statistic.weight for statistic in found)
            if weight:
                result.setdefault(aggregate, {})[metric] = math.fsum(statistic.sum for statistic in found) / weight
    return result
