"""From records to the rows of each protocol's table, and what makes a record unfit for one."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from posebench.errors import CheckFailedError
from posebench.hashing import hash_value
from posebench.metrics.samples import SAMPLE_AGGREGATES
from posebench.protocols.protocol import Scoring
from posebench.results.moved import MOST_MM
from posebench.results.record import Column, Record, read_records, settings_words
from posebench.results.score import by_column, headline_of

#: Records of these kinds carry accuracies that may stand in a table.
RANKED_KINDS = ("score", "external")
#: Rows whose training data includes the test split, or is not known, are shown without a rank.
UNRANKED_DOMAINS = ("contaminated", "unknown")


@dataclass(frozen=True)
class Row:
    """One aggregate of one lifter in one column of a protocol's table."""

    column: Column
    aggregate: str
    record: Record

    @property
    def metrics(self) -> dict[str, float]:
        """The headline numbers."""
        return self.record.results[self.column][self.aggregate]

    @property
    def lifter(self) -> str:
        """The lifter's name with the settings that make a row of its own."""
        extras = settings_words(self.record)
        return self.record.lifter.name + (f" ({', '.join(extras)})" if extras else "")

    @property
    def ranked(self) -> bool:
        """Whether the row takes part in the ranking."""
        return self.record.lifter.domain not in UNRANKED_DOMAINS


@dataclass(frozen=True)
class Board:
    """The rows of one protocol, each column sorted by its headline metric."""

    protocol: str
    scoring: Scoring
    record: Record
    """Any of the records: protocol and data set are the same in all."""
    rows: dict[Column, list[Row]]
    samples: dict[Column, list[Row]]
    """What is said of all hypotheses together, where the rule asks: sorted by energy score."""


def verify_record(path: Path, record: Record, folder: Path) -> None:
    """Raise `CheckFailedError` when a record is not where it belongs or does not follow from its own evidence."""
    place = path.relative_to(folder)
    if place != record.location:
        raise CheckFailedError(f"The record {place} belongs at {record.location}; move it.")
    for half in ("inputs", "scoring"):
        if hash_value(getattr(record.protocol, half)) != getattr(record.protocol, f"{half}_hash"):
            raise CheckFailedError(
                f"The record {place} names a hash of its {half} half that is not the hash of what it holds."
            )
    scoring = Scoring.from_json(record.protocol.scoring)
    headline = headline_of(scoring, record.sequences)
    if by_column(headline.overall, record.run.granted) != record.results:
        raise CheckFailedError(f"The results of the record {place} do not follow from its sequences; it was altered.")
    if (record.moved is None) != (record.lifter.settings.fast is None):
        raise CheckFailedError(
            f"The record {place} of a fast run must say how far it moved, and no other; it was altered."
        )
    if record.moved is not None and not abs(record.moved.mpjpe_mm) < MOST_MM:
        raise CheckFailedError(f"The record {place} moved by {record.moved.mpjpe_mm} mm; {MOST_MM} mm are too many.")
    actions = {action: by_column(numbers, record.run.granted) for action, numbers in headline.by_group.items()}
    if actions != record.by_group:
        raise CheckFailedError(
            f"The per-action results of the record {place} do not follow from its sequences; it was altered."
        )


def collect(folder: Path) -> list[Board]:
    """The boards of a records folder, sorted by protocol id.

    Of several records of the same lifter, settings and protocol the newest
    stands. Raises `CheckFailedError` for a record that fails `verify_record`,
    and for records that share a protocol id but not its hashes or its data.
    """
    boards: dict[str, dict[tuple[str, str, str], Record]] = defaultdict(dict)
    common: dict[str, tuple[Path, tuple[str, ...]]] = {}
    for path, record in read_records(folder):
        verify_record(path, record, folder)
        if record.kind not in RANKED_KINDS:
            continue
        value = (
            record.protocol.inputs_hash,
            record.protocol.scoring_hash,
            record.data.fingerprint,
            str(record.data.frame_list_sha256),
        )
        first, expected = common.setdefault(record.protocol.id, (path, value))
        if value != expected:
            raise CheckFailedError(
                f"The records {first.relative_to(folder)} and {path.relative_to(folder)} name the same protocol but "
                "differ in its value or in the data set's fingerprint; remove the outdated one."
            )
        key = (
            record.lifter.name,
            hash_value(record.lifter.settings.model_dump(mode="json")),
            str(record.run.hypotheses),
        )
        rows = boards[record.protocol.id]
        if key not in rows or (rows[key].created, rows[key].id) < (record.created, record.id):
            rows[key] = record
    return [_board(protocol, list(records.values())) for protocol, records in sorted(boards.items())]


def _board(protocol: str, records: list[Record]) -> Board:
    scoring = Scoring.from_json(records[0].protocol.scoring)
    columns: tuple[Column, ...] = ("honest", "assisted", "oracle")
    every = [
        Row(column, aggregate, record)
        for column in columns
        for record in records
        for aggregate in record.results.get(column, {})
    ]
    rows: dict[Column, list[Row]] = {}
    samples: dict[Column, list[Row]] = {}
    for row in sorted(every, key=lambda row: (columns.index(row.column), _order(row, scoring))):
        (samples if row.aggregate in SAMPLE_AGGREGATES else rows).setdefault(row.column, []).append(row)
    return Board(protocol, scoring, records[0], rows, samples)


def _order(row: Row, scoring: Scoring) -> tuple[bool, float, str]:
    """Ranked rows first, the best first; without the number that sorts, by name."""
    by = scoring.samples[0] if row.aggregate in SAMPLE_AGGREGATES else scoring.metrics[0]
    return not row.ranked, row.metrics.get(by, 0.0), row.lifter
