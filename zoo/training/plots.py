"""The history of a run as a table and a picture, both a pure function of the checkpoint's rows."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from posebench.files import replace_whole, write_text

METRICS = "metrics.csv"
CURVE = "loss.png"

#: Of the parts of a loss.
UNITS = {"bone": " [mm]", "temporal": " [mm]", "action": " [nats]"}

LEADING = ("step", "learning_rate", "train", "validation")


def write_history(folder: Path, tag: str, history: Sequence[dict[str, float]]) -> None:
    """Write `metrics.csv` and `loss.png`; nothing before the first validation.

    Poses, bones and displacements are in mm, `action` is in nats; `learning_rate` and `accuracy` are plain.
    """
    if not history:
        return
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=_columns(history), lineterminator="\n")
    table.writeheader()
    table.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in history)
    write_text(folder / METRICS, text.getvalue())
    _draw(folder / CURVE, tag, history)


def _columns(history: Sequence[dict[str, float]]) -> list[str]:
    # A resumed run has read its rows from JSON with sorted keys; the order of a row must not show.
    return [*LEADING, *sorted(history[0].keys() - set(LEADING))]


def _draw(path: Path, tag: str, history: Sequence[dict[str, float]]) -> None:
    # The object interface, which leaves the caller's pyplot state and backend alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = _columns(history)[2:]
    # Parts of a loss have units of their own, and a small picture each.
    parts = [name for name in columns if name not in LEADING and "/" not in name]
    names = [name for name in columns if name not in parts]
    figure = Figure(figsize=(8 + 3 * bool(parts), 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(max(1, len(parts)), 11 if parts else 8)
    axes = figure.add_subplot(grid[:, :8])
    steps = [row["step"] for row in history]
    for place, name in enumerate(parts):
        small = figure.add_subplot(grid[place, 8:])
        small.plot(steps, [row[name] for row in history], color="tab:gray")
        small.set_title(f"{name}{UNITS.get(name, '')}", fontsize=9)
        small.grid(alpha=0.3)
    for name in names:
        wide = 2.5 if name in LEADING else 1.0
        axes.plot(steps, [row[name] for row in history], linewidth=wide, label=name)
    axes.set(xlabel="step", ylabel="MPJPE [mm]", title=tag)
    axes.set_ylim(bottom=0, top=min(300.0, 1.1 * max(row[name] for row in history for name in names)))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    replace_whole(path, lambda part: figure.savefig(part, format="png", dpi=110))
