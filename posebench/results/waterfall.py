"""The path of an explanation as a waterfall: one bar a step, one panel a metric that moves."""

from pathlib import Path

from posebench.errors import UsageError
from posebench.files import replace_whole
from posebench.metrics.table import METRICS
from posebench.results.explain import Explanation

BETTER, WORSE, TOTAL = "#2471a3", "#c0392b", "#7f8c8d"
#: Panels of a picture at most, in the order of the rule's metrics.
PANELS = ("mpjpe", "p_mpjpe", "pck150", "auc")


def draw_waterfall(explanation: Explanation, path: Path) -> None:
    """Draw to an image file (PNG, SVG or PDF by its ending); raises `UsageError` for another ending or an empty path."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    if path.suffix not in {".png", ".svg", ".pdf"}:
        raise UsageError(f"{path} ends in {path.suffix!r}; a picture ends in .png, .svg or .pdf.")
    if not explanation.path:
        raise UsageError("Both protocols score alike, so there is no step to draw.")
    metrics = [m for m in PANELS if any(abs(step.differences.get(m, 0.0)) > 0 for step in explanation.path)] or [
        "mpjpe"
    ]
    names = [explanation.protocol.partition("/")[2], *(step.name for step in explanation.path), "end"]
    figure, axes = plt.subplots(
        1, len(metrics), figsize=(2.2 + 3.4 * len(metrics), 0.42 * len(names) + 1.4), sharey=True, squeeze=False
    )
    for axis, metric in zip(axes[0], metrics, strict=True):
        level = explanation.start[metric]
        levels = [level]
        axis.barh(0, level, color=TOTAL)
        axis.annotate(f"{level:.2f}", (level, 0), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)
        for row, step in enumerate(explanation.path, start=1):
            change = step.differences.get(metric, 0.0)
            good = (change <= 0) == METRICS[metric].lower_is_better
            axis.barh(row, change, left=level, color=BETTER if good else WORSE)
            level += change
            levels.append(level)
            if abs(change) < 5e-7:
                continue
            edge = max(level, level - change)
            axis.annotate(
                f"{change:+.2f}", (edge, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8
            )
        axis.barh(len(names) - 1, level, color=TOTAL)
        axis.annotate(
            f"{level:.2f}", (level, len(names) - 1), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8
        )
        # The steps are small beside the totals: the axis begins near them, and says so by its numbers.
        reach = max(max(levels) - min(levels), 1e-3)
        axis.set_xlim(min(levels) - reach, max(levels) + 0.6 * reach)
        axis.set_xlabel(f"{METRICS[metric].title} ({METRICS[metric].unit})", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0, 0].invert_yaxis()
    figure.suptitle("The same predictions under other rules (red: looks worse, blue: looks better)", fontsize=10)
    figure.tight_layout()
    kind = path.suffix.removeprefix(".")
    replace_whole(path, lambda part: figure.savefig(part, format=kind, dpi=120))
    plt.close(figure)
