"""The picture of a board of many hypotheses: error over m, and how often the truth is within each quantile."""

from pathlib import Path

from posebench.files import replace_whole
from posebench.leaderboard.collect import Board
from posebench.leaderboard.samples import best_of_m, calibration
from posebench.metrics.best_of import BEST_OF
from posebench.metrics.calibration import QUANTILES
from posebench.metrics.samples import SAMPLES
from posebench.metrics.table import METRICS


def has_picture(board: Board) -> bool:
    """Whether some lifter of the board has several hypotheses, so that there is something to see."""
    return bool(board.scoring.samples) and any(len(curve) > 1 for curve in best_of_m(board).values())


def draw_board(board: Board, path: Path) -> None:
    """A PNG of the lifters that have several hypotheses."""
    # The object interface, which leaves the caller's pyplot state and backend alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = {lifter: curve for lifter, curve in best_of_m(board).items() if len(curve) > 1}
    shown = {
        row.lifter: calibration(row.record)
        for rows in board.samples.values()
        for row in rows
        if row.aggregate == SAMPLES
    }
    metric = METRICS[board.scoring.metrics[0]]
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for place, (lifter, curve) in enumerate(curves.items()):
        left.plot(list(curve), list(curve.values()), marker="o", color=f"C{place}", label=lifter)
        if shown.get(lifter):
            right.plot(QUANTILES, shown[lifter], marker=".", color=f"C{place}", label=lifter)
    left.set_xscale("log")
    left.minorticks_off()
    left.set_xticks(BEST_OF, [str(m) for m in BEST_OF])
    left.set(xlabel="m", ylabel=f"{metric.title} [{metric.unit}]", title="oracle: best of the first m hypotheses")
    left.legend(fontsize=8)
    right.plot([0, 1], [0, 1], color="#7f8c8d", linestyle="--", linewidth=1)
    right.set(xlabel="quantile of the hypotheses", ylabel="share of true joints within it", title="calibration")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    replace_whole(path, lambda part: figure.savefig(part, format="png", dpi=110))
