"""Error over hypotheses and steps: the sweeps of a study as CSV and as a picture, honest and oracle apart."""

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

from posebench.files import replace_whole
from posebench.metrics.hypotheses import AGGREGATES
from zoo.studies.evidence import HONEST, Evidence
from zoo.studies.study import Study, Sweep

ERRORS = ("mpjpe", "p_mpjpe")
#: What is drawn of the hypotheses that are chosen with the true pose.
ORACLE = "p-best"


class Point(NamedTuple):
    """One aggregate of one run of a sweep; errors in mm."""

    configuration: str
    protocol: str
    hypotheses: int
    steps: int
    column: str
    aggregate: str
    mpjpe: float
    p_mpjpe: float
    record: str


def points(study: Study, evidence: Evidence) -> list[Point]:
    """Every point that has a record, sweep after sweep."""
    return [point for sweep in study.sweeps for point in points_of(sweep, evidence)]


def points_of(sweep: Sweep, evidence: Evidence) -> list[Point]:
    """Those of one sweep."""
    found = []
    for run in sweep.runs:
        record = evidence.get(run)
        if record is None or run.hypotheses is None or run.steps is None:
            continue
        found += [
            Point(
                *(run.tag, run.protocol, run.hypotheses, run.steps, column, aggregate),
                mpjpe=numbers["mpjpe"],
                p_mpjpe=numbers["p_mpjpe"],
                record=record.id,
            )
            for column, aggregates in record.results.items()
            for aggregate, numbers in aggregates.items()
            if aggregate in AGGREGATES
        ]
    return found


def to_csv(found: list[Point]) -> str:
    """One line a point, unrounded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(f"{name} [mm]" if name in ERRORS else name for name in Point._fields)
    writer.writerows([repr(value) if isinstance(value, float) else value for value in point] for point in found)
    return out.getvalue()


def draw_curves(study: Study, evidence: Evidence, path: Path) -> None:
    """A PNG: a line of panels a sweep, MPJPE over H, over K, and of the hypothesis nearest to the truth."""
    # The object interface, which leaves the caller's pyplot state and backend alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sweeps = [(sweep, found) for sweep in study.sweeps if (found := points_of(sweep, evidence))]
    figure = Figure(figsize=(12, 3.9 * len(sweeps)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(sweeps), 3, squeeze=False)
    for line, (sweep, found) in zip(axes, sweeps, strict=True):
        honest = [point for point in found if point.aggregate == HONEST]
        _lines(line[0], honest, "hypotheses", "steps")
        _lines(line[1], honest, "steps", "hypotheses")
        _lines(line[2], [point for point in found if point.aggregate == ORACLE], "hypotheses", "steps")
        line[0].set(title="mean of the hypotheses", ylabel="MPJPE [mm]")
        line[1].set(title=f"{sweep.configuration}\n{sweep.protocol}\n\nmean of the hypotheses")
        # An oracle's errors are lower by far, and would flatten the honest ones on a common axis.
        line[1].sharey(line[0])
        line[2].set(title="oracle: nearest to the true pose", ylabel="MPJPE [mm]")
    replace_whole(path, lambda part: figure.savefig(part, format="png", dpi=110))


def _lines(axis: Any, found: list[Point], across: str, along: str) -> None:
    """MPJPE over the numbers of one setting, a line for every number of the other."""
    letters = {"hypotheses": "H", "steps": "K"}
    values = sorted({getattr(point, across) for point in found})
    for place, value in enumerate(sorted({getattr(point, along) for point in found})):
        own = sorted((point for point in found if getattr(point, along) == value), key=lambda p: getattr(p, across))
        axis.plot(
            [getattr(point, across) for point in own],
            [point.mpjpe for point in own],
            marker="o",
            color=f"C{place}",
            label=f"{letters[along]}={value}",
        )
    axis.set_xscale("log")
    axis.minorticks_off()
    axis.set_xticks(values, [str(value) for value in values])
    axis.set_xlabel(f"{letters[across]}, {across}")
    axis.grid(alpha=0.3)
    axis.margins(y=0.3)  # room for the names of the lines
    if values:
        axis.legend(fontsize=8)
