"""What a board says of many hypotheses beside its rows: the curve of best-of-m, and the hypotheses as samples."""

from typing import Any

from tabulate import tabulate

from posebench.leaderboard.collect import Board, Row
from posebench.metrics.best_of import BEST_OF
from posebench.metrics.calibration import QUANTILES, typical_frequency
from posebench.metrics.samples import PLACED, SAMPLE_METRICS, SAMPLES
from posebench.protocols.headline import observed_share
from posebench.results.record import Record
from posebench.results.score import observed_of

CURVE_NOTE = "MPJPE in mm of the best of the first m hypotheses of every pose, chosen with the true poses: oracle."
SAMPLES_NOTE = (
    "All hypotheses together, as samples of a distribution; none is chosen. The energy score of a lifter of one hypothesis "
    "is its MPJPE. What each number is stands on the protocol's page."
)
PLACED_NOTE = "Seen with the true root and lens, or of a lifter that was granted a true lens, root or label."


def best_of_m(board: Board) -> dict[str, dict[int, float]]:
    """Lifter -> m -> the headline metric of the best of its first m hypotheses, in the order of the mean hypothesis."""
    wanted = {f"p-best-{m}": m for m in BEST_OF}
    curves: dict[str, dict[int, float]] = {}
    for row in board.rows.get("oracle", ()):
        if row.aggregate in wanted:
            curves.setdefault(row.lifter, {})[wanted[row.aggregate]] = row.metrics[board.scoring.metrics[0]]
    means = [row.lifter for rows in board.rows.values() for row in rows if row.aggregate == "p-agg"]
    return {lifter: dict(sorted(curves[lifter].items())) for lifter in means if lifter in curves}


def calibration(record: Record) -> list[float]:
    """For each of `QUANTILES` the observed frequency, median over joints; empty for a record without the counts."""
    counted = [part for sequence in record.sequences for part in observed_of(sequence).values()]
    frequencies: list[float] = typical_frequency(observed_share(counted)).tolist() if counted else []
    return frequencies


def sample_rows(board: Board) -> list[dict[str, Any]]:
    """Every row of samples for the board's JSON, column after column; the quantiles of `calibration` are `QUANTILES`."""
    return [
        {
            "column": row.column,
            "lifter": row.lifter,
            "aggregate": row.aggregate,
            "hypotheses": row.record.run.hypotheses,
            "metrics": row.metrics,
            "calibration": calibration(row.record) if row.aggregate == SAMPLES else [],
            "record": row.record.id,
        }
        for rows in board.samples.values()
        for row in rows
    ]


def section(board: Board, picture: str | None) -> str:
    """The end of a board's tables: empty for a rule without sample metrics; `picture` is its file's name, if there is one."""
    if not board.scoring.samples:
        return ""
    parts = [f"## Best of m\n\n{CURVE_NOTE}\n"]
    lines = [
        [lifter, *(f"{curve[m]:.1f}" if m in curve else "–" for m in BEST_OF)]
        for lifter, curve in best_of_m(board).items()
    ]
    parts.append(_table(lines, ["lifter", *(f"m = {m}" for m in BEST_OF)]))
    if picture:
        parts.append(
            f"![Best of m, and how often the truth is within each quantile of the hypotheses]({picture})\n\n"
            f"Right: a calibrated lifter lies on the dashed line; below it is too sure. {len(QUANTILES)} quantiles, median "
            "over joints.\n"
        )
    parts.append(f"## Hypotheses as samples\n\n{SAMPLES_NOTE}\n")
    for column, rows in board.samples.items():
        shown = [name for name in board.scoring.samples if any(name in row.metrics for row in rows)]
        headers = ["lifter", *(_heading(name) for name in shown)]
        lines = [[_name(row), *(_cell(row, name) for name in shown)] for row in rows]
        note = f"{PLACED_NOTE}\n\n" if column == "assisted" else ""
        parts.append(f"### Samples, {column}\n\n{note}{_table(lines, headers)}")
    return "\n".join(parts)


def _name(row: Row) -> str:
    return f"{row.lifter}, true root and lens" if row.aggregate == PLACED else row.lifter


def _heading(name: str) -> str:
    metric = SAMPLE_METRICS[name]
    return f"{metric.title} ({metric.unit})" if metric.unit else metric.title


def _cell(row: Row, name: str) -> str:
    return f"{row.metrics[name]:.{SAMPLE_METRICS[name].digits}f}" if name in row.metrics else "–"


def _table(lines: list[list[str]], headers: list[str]) -> str:
    return tabulate(lines, headers=headers, tablefmt="github", disable_numparse=True) + "\n"
