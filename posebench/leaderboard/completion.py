"""Tables of pose completion, from records of their own: a protocol's lifters and the baselines beside them."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from posebench.errors import CheckFailedError
from posebench.generation.baselines import BASELINES
from posebench.generation.record import CompletionRecord, CompletionRow, read_completions, results_of
from posebench.hashing import hash_value
from posebench.leaderboard.collect import UNRANKED_DOMAINS
from posebench.metrics.hypotheses import AGGREGATES
from posebench.metrics.table import METRICS
from posebench.protocols.completion import CompletionSpec
from posebench.results.record import Column

COLUMNS: tuple[Column, ...] = ("honest", "assisted", "oracle")
COLUMN_NOTES = {
    "honest": "The lifter knew the joints that are not hidden (and 2D, where the protocol shows it), and nothing of the others.",
    "assisted": "Leans on the true lens. Not comparable with the honest rows.",
    "oracle": "Hypotheses chosen with the true poses. A bound, not a result.",
}


@dataclass(frozen=True)
class CompletionBoard:
    """The newest rows of one protocol: lifters and baselines, each with the record that it stands in."""

    spec: CompletionSpec
    record: CompletionRecord
    """Any of the records: protocol and data set are the same in all."""
    rows: tuple[tuple[CompletionRecord, CompletionRow], ...]


def verify_completion(path: Path, record: CompletionRecord, folder: Path) -> None:
    """Raise `CheckFailedError` when a record is not where it belongs or does not follow from its own evidence."""
    place = path.relative_to(folder)
    if place != record.location:
        raise CheckFailedError(f"The completion record {place} belongs at {record.location}; move it.")
    spec = CompletionSpec.from_json(record.protocol.spec)
    if hash_value(record.protocol.spec) != record.protocol.hash or spec.id != record.protocol.id:
        raise CheckFailedError(f"The completion record {place} names a hash or an id that is not that of its protocol.")
    for row in record.rows:
        granted = () if row.baseline else record.lifter.granted
        if results_of(spec, row.clips, granted) != row.results:
            raise CheckFailedError(
                f"The results of {row.name} in the completion record {place} do not follow from its clips; it was altered."
            )


def collect_completions(folder: Path) -> list[CompletionBoard]:
    """The boards of a folder of completion records, sorted by protocol id.

    Of several rows of one name, number of hypotheses and steps the newest stands; baselines have no steps. Raises
    `CheckFailedError` as `verify_completion`, and for records of one protocol that differ in its value or the data.
    """
    boards: dict[str, dict[tuple[str, int, int | None], tuple[CompletionRecord, CompletionRow]]] = defaultdict(dict)
    common: dict[str, tuple[Path, tuple[str, str]]] = {}
    for path, record in read_completions(folder):
        verify_completion(path, record, folder)
        if record.kind != "completion":
            continue
        value = (record.protocol.hash, record.data.fingerprint)
        first, expected = common.setdefault(record.protocol.id, (path, value))
        if value != expected:
            raise CheckFailedError(
                f"The completion records {first.relative_to(folder)} and {path.relative_to(folder)} name the same protocol but "
                "differ in its value or in the data set's fingerprint; remove the outdated one."
            )
        rows = boards[record.protocol.id]
        for row in record.rows:
            key = (row.name, row.hypotheses, None if row.baseline else record.steps)
            if key not in rows or (rows[key][0].created, rows[key][0].id) < (record.created, record.id):
                rows[key] = (record, row)
    made = []
    for _, found in sorted(boards.items()):
        some = tuple(found.values())
        made.append(CompletionBoard(CompletionSpec.from_json(some[0][0].protocol.spec), some[0][0], some))
    return made


def board_rows(board: CompletionBoard) -> list[dict[str, Any]]:
    """All rows, column after column, by aggregate and then by the headline metric; numbers unrounded."""
    headline = board.spec.metrics[0]
    order = {name: place for place, name in enumerate(board.spec.aggregates)}
    values = []
    for column in COLUMNS:
        found = [
            _values(record, row, column, aggregate, numbers)
            for record, row in board.rows
            for aggregate, numbers in row.results.get(column, {}).items()
        ]
        values += sorted(
            found, key=lambda value: (order[value["aggregate"]], value["metrics"][headline], value["lifter"])
        )
    return values


def _values(
    record: CompletionRecord, row: CompletionRow, column: Column, aggregate: str, numbers: dict[str, float]
) -> dict[str, Any]:
    drawn = f" (H={row.hypotheses})" if row.baseline else f" (H={row.hypotheses}, K={record.steps})"
    domain = "fitted" if row.baseline else record.lifter.domain
    return {
        "column": column,
        "lifter": row.name + drawn,
        "baseline": row.baseline,
        "aggregate": aggregate,
        "trained": domain,
        "ranked": domain not in UNRANKED_DOMAINS,
        "granted": [] if row.baseline else list(record.lifter.granted),
        "metrics": numbers,
        "frames": record.data.frames,
        "record": record.id,
        "weights_sha256": None if row.baseline else record.lifter.weights_sha256,
    }


def render_completions(folder: Path) -> dict[str, str]:
    """Every file that the records under `folder` give: relative path to content; nothing without records."""
    boards = collect_completions(folder) if folder.is_dir() else []
    files = {"README.md": to_index(boards)} if boards else {}
    for board in boards:
        for suffix, make in ((".md", to_markdown), (".csv", to_csv), (".json", to_json)):
            files[f"{board.spec.id}{suffix}"] = make(board)
    return files


def to_json(board: CompletionBoard) -> str:
    """The protocol's value and every row."""
    value = {
        "protocol": board.spec.id,
        "spec": board.spec.to_json(),
        "hash": board.spec.hash,
        "dataset_fingerprint": board.record.data.fingerprint,
        "rows": board_rows(board),
    }
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"


def to_csv(board: CompletionBoard) -> str:
    """One line a row, metrics as columns with their units, unrounded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = board.spec.metrics
    plain = ("column", "lifter", "aggregate", "trained", "frames", "record")
    writer.writerow([*plain, *(f"{name} [{METRICS[name].unit}]" for name in names)])
    for row in board_rows(board):
        writer.writerow([*(row[key] for key in plain), *(repr(row["metrics"][name]) for name in names)])
    return out.getvalue()


def to_markdown(board: CompletionBoard) -> str:
    """A page: honest, assisted and oracle rows in tables of their own."""
    spec, data = board.spec, board.record.data
    hidden = ", ".join(spec.joints) if spec.joints else f"{spec.random} joints, drawn for each frame"
    seen = (
        "no 2D"
        if not spec.shows_keypoints
        else f"2D of all joints, `{spec.inputs.source}` {spec.inputs.source_version}"
    )
    parts = [
        f"# {spec.id}\n",
        f"Completion of poses of `{data.dataset}` version {data.version}, split `{spec.inputs.split}`, every "
        f"{spec.inputs.keep_every}th frame: {data.frames:,} camera frames. Hidden: {hidden}. Known: all other joints about the "
        f"root, exactly; {seen}. Errors are over the hidden joints, averaged over frames. Protocol `{spec.hash[:12]}`, data "
        f"`{data.fingerprint[:12]}`.\n",
        "Baselines, of "
        + f"{data.training_poses:,} poses of the training split: "
        + "; ".join(f"`{name}`, {what}" for name, what in BASELINES.items())
        + ".\n",
    ]
    values = board_rows(board)
    for column in COLUMNS:
        rows = [row for row in values if row["column"] == column]
        if rows:
            parts.append(f"## {column.capitalize()}\n\n{COLUMN_NOTES[column]}\n")
            parts.append(_table(spec, rows) + "\n")
    return "\n".join(parts)


def _table(spec: CompletionSpec, rows: Iterable[dict[str, Any]]) -> str:
    headers = [
        "row",
        "of the hypotheses",
        *(f"{METRICS[n].title} ({METRICS[n].unit})" for n in spec.metrics),
        "trained",
        "record",
    ]
    lines = [
        [
            row["lifter"],
            AGGREGATES[row["aggregate"]].title,
            *(f"{row['metrics'][name]:.1f}" for name in spec.metrics),
            row["trained"] if row["ranked"] else f"{row['trained']}, not ranked",
            row["record"],
        ]
        for row in rows
    ]
    return tabulate(lines, headers=headers, tablefmt="github", disable_numparse=True)


def to_index(boards: Iterable[CompletionBoard]) -> str:
    """The page of all protocols: the best lifter and the best baseline by the mean of the hypotheses."""
    lines = []
    for board in boards:
        rows = [row for row in board_rows(board) if row["aggregate"] == "p-agg" and row["ranked"]]
        best = [next((row for row in rows if row["baseline"] is kind), None) for kind in (False, True)]
        shown = [
            "–" if row is None else f"{row['lifter']}: {row['metrics'][board.spec.metrics[0]]:.1f}" for row in best
        ]
        lines.append([f"[{board.spec.id}]({board.spec.id}.md)", board.record.data.frames, *shown])
    headers = ("protocol", "frames", "best lifter (MPJPE of hidden joints, mm)", "best baseline")
    return (
        "# Completion of poses\n\nMade by `posebench leaderboard build` from the records in `records/`, which "
        "`posebench complete` writes; `posebench leaderboard check` fails when they disagree.\n\n"
        + tabulate(lines, headers=headers, tablefmt="github", disable_numparse=True)
        + "\n"
    )
