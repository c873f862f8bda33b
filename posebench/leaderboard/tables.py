"""A board as Markdown, CSV and JSON. Pure functions: the same records give the same bytes."""

import csv
import io
import json
from typing import Any

from tabulate import tabulate

from posebench.leaderboard.collect import Board, Row
from posebench.leaderboard.samples import sample_rows, section
from posebench.metrics.samples import SAMPLE_METRICS
from posebench.metrics.table import METRICS
from posebench.registry.plugins import OWN

COLUMN_NOTES = {
    "honest": "The lifter saw 2D keypoints (and what `granted` names) and nothing of the truth.",
    "assisted": "Leans on a true root, camera or label. Not comparable with the honest rows.",
    "oracle": "Hypotheses chosen with the true poses. A bound, not a result.",
}

PSEUDO_TRUTH = (
    "**Pseudo ground truth**: the 3D was triangulated from the very detections that are lifted, so errors against it are "
    "a lower bound of the true ones."
)


def row_values(board: Board, row: Row, rank: int | None) -> dict[str, Any]:
    """Everything a machine may want of a row; numbers unrounded."""
    record = row.record
    return {
        "protocol": board.protocol,
        "column": row.column,
        "rank": rank,
        "lifter": row.lifter,
        "aggregate": row.aggregate,
        "domain": record.lifter.domain,
        "training_fps": record.lifter.training_fps,
        "lifted_as": record.lifter.joints,
        "granted": list(record.run.granted),
        "window": record.lifter.window,
        "look_ahead": record.lifter.look_ahead,
        "parameters": record.lifter.parameters,
        "origin": record.lifter.origin,
        "provided_by": record.provided_by.lifter if record.provided_by else None,
        "metrics": row.metrics,
        "frames": record.data.frames,
        "record": record.id,
        "created": record.created,
        "weights_sha256": record.lifter.weights_sha256,
    }


def board_rows(board: Board) -> list[dict[str, Any]]:
    """All rows of a board, column after column, ranked within their column."""
    values: list[dict[str, Any]] = []
    for rows in board.rows.values():
        rank = 0
        for row in rows:
            rank += row.ranked
            values.append(row_values(board, row, rank if row.ranked else None))
    return values


def to_json(board: Board) -> str:
    """The board as JSON: the protocol's value and every row."""
    record = board.record
    value = {
        "protocol": board.protocol,
        "inputs": record.protocol.inputs,
        "inputs_hash": record.protocol.inputs_hash,
        "scoring": record.protocol.scoring,
        "scoring_hash": record.protocol.scoring_hash,
        "dataset_fingerprint": record.data.fingerprint,
        "pseudo_truth": record.data.pseudo_truth,
        "rows": board_rows(board),
    }
    if board.scoring.samples:
        value["samples"] = sample_rows(board)
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"


def to_csv(board: Board) -> str:
    """The board as CSV: one line a row, metrics as columns with their units, unrounded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = list(board.scoring.metrics)
    plain = ("column", "rank", "lifter", "aggregate", "domain", "granted", "window", "look_ahead", "parameters")
    units = {name: METRICS[name].unit for name in names}
    units |= {name: SAMPLE_METRICS[name].unit or "1" for name in board.scoring.samples}
    writer.writerow([*plain, *(f"{name} [{unit}]" for name, unit in units.items()), "frames", "record"])
    together = [row_values(board, row, None) for rows in board.samples.values() for row in rows]
    for row in [*board_rows(board), *together]:
        cells = [" ".join(v) if isinstance(v := row[key], list) else ("" if v is None else v) for key in plain]
        writer.writerow(
            [
                *cells,
                *(repr(row["metrics"][n]) if n in row["metrics"] else "" for n in units),
                row["frames"],
                row["record"],
            ]
        )
    return out.getvalue()


def to_markdown(board: Board, picture: str | None = None) -> str:
    """The board as a Markdown page: honest, assisted and oracle rows in tables of their own; `picture` is a file beside it."""
    record, inputs = board.record, board.record.protocol.inputs
    plain = [name for name in board.scoring.metrics if METRICS[name].shown]
    form = f" in the form `{inputs['form']}`" if inputs["form"] else ""
    parts = [
        f"# {board.protocol}\n",
        f"Data set `{inputs['dataset']}` version {inputs['dataset_version']}{form}, split `{inputs['split']}`, "
        f"{record.data.frames:,} camera frames at {record.data.fps:g} Hz; 2D source `{inputs['source']}` version "
        f"{inputs['source_version']}. Rule: {board.scoring.owner}. Averaging over {board.scoring.averaging}; "
        f"predicted root {board.scoring.root}. Inputs `{record.protocol.inputs_hash[:12]}`, scoring "
        f"`{record.protocol.scoring_hash[:12]}`, data `{record.data.fingerprint[:12]}`.\n",
    ]
    if record.data.pseudo_truth:
        parts.append(PSEUDO_TRUTH + "\n")
    values = board_rows(board)
    for column, rows in board.rows.items():
        # Absolute errors only stand where a lifter estimates the root.
        shown = [name for name in plain if any(name in row.metrics for row in rows)]
        headers = [
            "#",
            "lifter",
            *(f"{METRICS[n].title} ({METRICS[n].unit})" for n in shown),
            "trained",
            "granted",
            "window",
            "parameters",
            "record",
        ]
        lines = [
            [
                "–" if row["rank"] is None else row["rank"],
                row["lifter"] if row["aggregate"] == "p-agg" else f"{row['lifter']}, {row['aggregate']}",
                *(f"{row['metrics'][n]:.1f}" if n in row["metrics"] else "–" for n in shown),
                _trained(row, record.data.fps),
                ", ".join(row["granted"]) or "–",
                row["window"],
                f"{row['parameters']:,}",
                row["record"],
            ]
            for row in values
            if row["column"] == column
        ]
        parts.append(f"## {column.capitalize()}\n\n{COLUMN_NOTES[column]}\n")
        parts.append(tabulate(lines, headers=headers, tablefmt="github", disable_numparse=True) + "\n")
    if text := section(board, picture):
        parts.append(text)
    if others := _third_parties(board):
        table = tabulate(others, headers=("part", "provided by", "defined in"), tablefmt="github")
        parts.append(f"## Provided by third parties\n\n{table}\n")
    return "\n".join(parts)


def _third_parties(board: Board) -> list[tuple[str, str, str]]:
    """Data set, rule and lifters that did not come with posebench: the part, its distribution, where it is defined."""
    found = {}
    for record in (row.record for rows in board.rows.values() for row in rows):
        if (source := record.provided_by) is None:
            continue
        for part, distribution, origin in (
            (f"data set `{record.data.dataset}`", source.dataset, ""),
            (f"rule `{board.protocol.partition('+')[0]}`", source.protocol, ""),
            (f"lifter `{record.lifter.architecture}`", source.lifter, f"`{record.lifter.origin}`"),
        ):
            if distribution is None or distribution.partition(" ")[0] != OWN:
                found[part] = (part, distribution or "a script", origin or "–")
    return sorted(found.values())


def _trained(row: dict[str, Any], fps: float) -> str:
    """What a row was trained on, and at which frame rate where that is not the data set's."""
    rate = row["training_fps"]
    return f"{row['domain']}, at {rate:g} Hz" if rate not in (None, fps) else str(row["domain"])


def to_index(boards: list[Board]) -> str:
    """The front page: the best honest and assisted lifter of every protocol."""
    lines = []
    for board in boards:
        metric = board.scoring.metrics[0]
        best = {
            column: next((f"{row.lifter}: {row.metrics[metric]:.1f}" for row in rows if row.ranked), "–")
            for column, rows in board.rows.items()
        }
        link = f"[{board.protocol}]({board.protocol}.md)"
        lines.append(
            [
                link + (" (pseudo ground truth)" if board.record.data.pseudo_truth else ""),
                board.record.data.frames,
                best.get("honest", "–"),
                best.get("assisted", "–"),
                best.get("oracle", "–"),
            ]
        )
    table = tabulate(
        lines,
        headers=["protocol", "frames", "best honest (MPJPE, mm)", "best assisted", "best oracle"],
        tablefmt="github",
    )
    return (
        "# Leaderboards\n\nMade by `posebench leaderboard build` from the records in `records/` and nothing else; "
        "`posebench leaderboard check` fails when they disagree. Two numbers stand in one table only if inputs, scoring "
        f"and data set agree to the last bit of their hashes.\n\n{table}\n"
    )
