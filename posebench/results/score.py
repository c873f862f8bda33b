"""Scoring a prediction folder, with no lifter in sight."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from posebench.datasets.frame_lists import read_frame_list
from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.inputs.frames import wanted_frames
from posebench.inputs.missing import interpolate_missing
from posebench.inputs.sources import find_source
from posebench.metrics.hypotheses import AGGREGATES, AssistedAggregate, OracleSelection
from posebench.metrics.samples import PLACED, SAMPLE_AGGREGATES
from posebench.prediction.folder import PredictionFolder
from posebench.prediction.spec import ASSISTING
from posebench.protocols.headline import Headline, ScoredSequence, combine
from posebench.protocols.protocol import Protocol, Scoring
from posebench.protocols.sample_scoring import Observed, score_samples
from posebench.protocols.scoring import SequenceStatistics, Statistic, needs_keypoints, score_sequence
from posebench.results.record import Column, ObservedPart, SequencePart

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Scores:
    """A scored prediction folder: rows of evidence and the headline made of them."""

    sequences: tuple[SequencePart, ...]
    headline: Headline
    predictions_sha256: str
    hypotheses: int


def score_predictions(
    folder: PredictionFolder,
    dataset: Dataset,
    protocol: Protocol,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
) -> Scores:
    """Score every sequence of a folder, or `only` those of these ids, under a protocol's scoring half.

    Raises `UsageError` when the folder was predicted under another inputs half
    or from another state of the data set; what `score_sequence` raises otherwise.
    """
    made = folder.manifest
    if made.inputs.hash != protocol.inputs.hash:
        ours, theirs = protocol.inputs.to_json(), made.inputs.to_json()
        differs = next(key for key in ours if ours[key] != theirs[key])
        raise UsageError(
            f"These predictions were made with {differs} {theirs[differs]!r}, the protocol {protocol.id} wants "
            f"{ours[differs]!r}; predict again under that protocol."
        )
    if made.inputs.frame_list and made.frame_list_sha256 != read_frame_list(dataset, made.inputs.frame_list).sha256:
        raise UsageError(
            f"The frame list {made.inputs.frame_list!r} has changed since these predictions were made; predict again."
        )
    if made.dataset_fingerprint != dataset.fingerprint:
        raise UsageError(
            f"These predictions were made on another state of {dataset.name} "
            f"({made.dataset_fingerprint[:12]}…, here {dataset.fingerprint[:12]}…); predict again."
        )
    wanted = [
        item
        for item in wanted_frames(dataset, made.inputs, made.limit)
        if item.info.id.rpartition("/")[0] not in protocol.scoring.left_out and (only is None or item.info.id in only)
    ]
    rows: list[SequencePart] = []
    hypotheses = 1
    for done, item in enumerate(wanted, start=1):
        prediction = folder.read(item.info.id)
        hypotheses = prediction.poses.shape[0]
        sequence = dataset.read(item.info)
        keypoints = None
        if protocol.scoring.samples or (hypotheses > 1 and needs_keypoints(protocol.scoring)):
            keypoints, _ = interpolate_missing(find_source(made.inputs.source).read(sequence), item.info.id)
        statistics = score_sequence(
            protocol.scoring, sequence, prediction, item, space=made.space, tail=made.tail, keypoints=keypoints
        )
        observed = None
        if protocol.scoring.samples and keypoints is not None:
            samples = score_samples(
                protocol.scoring, sequence, prediction, item, space=made.space, tail=made.tail, keypoints=keypoints
            )
            for action, aggregates in samples.statistics.items():
                statistics[action].update(aggregates)
            observed = {
                action: ObservedPart(frames=counted.frames, counts=counted.counts)
                for action, counted in samples.observed.items()
            }
        rows.append(
            SequencePart(
                id=item.info.id,
                subject=item.info.subject,
                action=item.info.action,
                clip=item.info.clip,
                camera=item.info.camera,
                frames=len(item.frames),
                interpolated=prediction.interpolated,
                statistics={
                    action: {
                        aggregate: {metric: (value.sum, value.weight) for metric, value in metrics.items()}
                        for aggregate, metrics in aggregates.items()
                    }
                    for action, aggregates in statistics.items()
                },
                observed=observed or None,
            )
        )
        if progress:
            progress(done, len(wanted))
    headline = headline_of(protocol.scoring, rows)
    return Scores(tuple(rows), headline, folder.hash([row.id for row in rows]), hypotheses)


def headline_of(scoring: Scoring, rows: list[SequencePart] | tuple[SequencePart, ...]) -> Headline:
    """The headline of recorded rows: what a leaderboard recomputes before it believes a record."""
    return combine(scoring, (ScoredSequence(row.id, row.clip, _statistics(row), observed_of(row)) for row in rows))


def observed_of(row: SequencePart) -> dict[str, Observed]:
    """By action, what the calibration error is made of; empty where the rule does not ask for it."""
    return {action: Observed(part.frames, part.counts) for action, part in (row.observed or {}).items()}


def _statistics(row: SequencePart) -> SequenceStatistics:
    return {
        action: {
            aggregate: {metric: Statistic(*value) for metric, value in metrics.items()}
            for aggregate, metrics in aggregates.items()
        }
        for action, aggregates in row.statistics.items()
    }


def column_of(aggregate: str, granted: tuple[str, ...]) -> Column:
    """Which column an aggregate's numbers stand in, given what the lifter was handed."""
    if aggregate in SAMPLE_AGGREGATES:
        # None is chosen with the truth; the true root and lens assist.
        return "assisted" if aggregate == PLACED or ASSISTING.intersection(granted) else "honest"
    kind = AGGREGATES[aggregate]
    if isinstance(kind, OracleSelection):
        return "oracle"
    return "assisted" if isinstance(kind, AssistedAggregate) or ASSISTING.intersection(granted) else "honest"


def by_column(
    numbers: dict[str, dict[str, float]], granted: tuple[str, ...]
) -> dict[Column, dict[str, dict[str, float]]]:
    """Sort `numbers[aggregate][metric]` into the columns honest, assisted and oracle."""
    columns: dict[Column, dict[str, dict[str, float]]] = {}
    for aggregate, metrics in numbers.items():
        columns.setdefault(column_of(aggregate, granted), {})[aggregate] = metrics
    return columns
