"""Pictures of what the prompt learned: the confusion of actions and names, and the joint affinity."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.files import replace_whole
from posebench.results.prompts import Prompts
from posebench.skeletons import HUMAN36M_17
from zoo.studies.prompts import Affinity
from zoo.studies.prompts_tables import ActionRow, Confusion

#: Perceptually uniform from light to dark; and even to two sides, for weights that may be negative.
SHARES, SIGNED = "magma_r", "RdBu_r"
#: Inches: a cell, the space between panels, and the bar of colours at least.
CELL, BETWEEN, BAR = 0.36, 1.6, 1.6
#: Of smaller shares and weights no number is written.
LEAST = 0.005
#: The strongest learned pairs that a picture names.
NAMED_PAIRS = 3


def draw_confusion(prompts: Prompts, table: Confusion, path: Path) -> None:
    """Share of each action's windows by their most probable name, as a PNG; the right name of a row has a frame."""
    from matplotlib.patches import Rectangle

    figure = _figure(CELL * len(table.names), CELL * len(table.rows))
    axis = figure.add_axes((0, 0, 1, 1))
    shares = np.array([row.shares for row in table.rows])
    image = axis.imshow(np.ma.masked_less(shares, LEAST), cmap=SHARES, vmin=0, vmax=1)
    _write_cells(axis, image, shares, lambda share: f"{100 * share:.0f}", size=8)
    axis.set_xticks(range(len(table.names)), table.names, rotation=45, ha="right", rotation_mode="anchor", fontsize=9)
    axis.set_yticks(range(len(table.rows)), [_row_label(row) for row in table.rows], fontsize=9)
    axis.set_xlabel("most probable name of a window", fontsize=9)
    for place, row in enumerate(table.rows):
        if row.label is not None:
            corner = (table.names.index(row.label) - 0.5, place - 0.5)
            axis.add_patch(
                Rectangle(corner, 1, 1, fill=False, edgecolor="#1b6ca8", linewidth=2, zorder=3, clip_on=False)
            )
    if 0 < table.named < len(table.names):
        axis.axvline(table.named - 0.5, color="0.4", linewidth=1.2, linestyle=(0, (4, 3)))
        axis.set_xlabel("most probable name of a window; no action here has one right of the dashed line", fontsize=9)
    _tidy(axis, *shares.shape)
    bar = _bar(figure, axis, image)
    bar.set_label("% of the action's windows", fontsize=9)
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    title = f"{prompts.lifter}: what the prompt takes the actions of {prompts.protocol} to be"
    axis.set_title(f"{title}\n{_accuracy(prompts)}", fontsize=10, loc="left", pad=10)
    _save(figure, path)


def draw_affinity(lifter: str, affinity: Affinity, path: Path) -> None:
    """A, the skeleton's part of it, and what was learned, as a PNG."""
    local, whole = np.array(affinity.local), np.array(affinity.whole)
    learned, joints = whole - local, len(affinity.joints)
    # One scale for the two that are compared.
    reach = max(float(np.abs(matrix).max()) for matrix in (local, whole))
    panels = (
        ("A, as trained", whole, reach, "{:.2f}"),
        ("the skeleton's part, A$_L$", local, reach, "{:.2f}"),
        ("learned, A − A$_L$ (a scale of its own)", learned, max(float(np.abs(learned).max()), LEAST), "{:+.2f}"),
    )
    side = CELL * joints
    width = len(panels) * side + (len(panels) - 1) * BETWEEN
    figure = _figure(width, side)
    for place, (title, matrix, most, form) in enumerate(panels):
        axis = figure.add_axes((place * (side + BETWEEN) / width, 0, side / width, 1))
        image = axis.imshow(matrix, cmap=SIGNED, vmin=-most, vmax=most)
        _write_cells(axis, image, matrix, partial(_weight, form), size=6.5)
        axis.set_xticks(range(joints), affinity.joints, rotation=90, fontsize=8)
        axis.set_yticks(range(joints), affinity.joints, fontsize=8)
        axis.set_title(title, fontsize=10, loc="left")
        _tidy(axis, joints, joints)
        _bar(figure, axis, image)
    figure.text(
        0, 1 + 0.55 / side, f"{lifter}: how much joints hear of each other. Learned beside the bones: {_strongest(learned)}",
        fontsize=11,
    )  # fmt: skip
    _save(figure, path)


def _strongest(learned: npt.NDArray[np.float64]) -> str:
    """The learned pairs of joints that no bone joins, by size."""
    bones = {frozenset(bone) for bone in HUMAN36M_17.bones}
    pairs = [pair for pair in zip(*np.triu_indices(len(learned), 1), strict=True) if frozenset(pair) not in bones]
    pairs.sort(key=lambda pair: -abs(learned[pair]))
    names = HUMAN36M_17.joints
    return ", ".join(f"{names[one]}–{names[other]} {learned[one, other]:+.3f}" for one, other in pairs[:NAMED_PAIRS])


def _accuracy(prompts: Prompts) -> str:
    found = prompts.summary()
    if found.right_windows is None or found.right_clips is None or found.commonest_clips is None:
        return "no action here is in the vocabulary, so nothing can be right or wrong"
    return (
        f"right in {found.right_windows:.1%} of {found.windows:,} windows and {found.right_clips:.1%} of {found.clips:,} clips\n"
        f"by chance {found.uniform:.1%} (any of {len(prompts.names)} names) or {found.commonest_clips:.1%} of clips "
        f"(always “{found.commonest}”)"
    )


def _row_label(row: ActionRow) -> str:
    return f"{row.label or 'no name'}  ·  {row.action}  ({row.clips} clip{'s' if row.clips > 1 else ''})"


def _weight(form: str, weight: float) -> str:
    """Without the nought before the point, which would not fit."""
    return re.sub(r"^([+-]?)0\.", r"\1.", form.format(weight))


def _write_cells(
    axis: Any, image: Any, values: npt.NDArray[np.float64], write: Callable[[float], str], size: float
) -> None:
    """Numbers in cells that are not blank, dark on light and light on dark."""
    bright = image.cmap(image.norm(values))[..., :3] @ np.array([0.299, 0.587, 0.114])
    for (row, column), value in np.ndenumerate(values):
        if abs(value) >= LEAST:
            colour = "0.1" if bright[row, column] > 0.5 else "white"
            axis.text(column, row, write(value), ha="center", va="center", color=colour, fontsize=size)


def _tidy(axis: Any, rows: int, columns: int) -> None:
    """No frame and no ticks; blank cells are nearly white, with white lines between all of them."""
    axis.set_facecolor("0.965")
    axis.spines[:].set_visible(False)
    axis.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1)
    axis.tick_params(which="both", length=0)


def _bar(figure: Any, axis: Any, image: Any) -> Any:
    """The bar of colours right of an axis that fills the figure's height, from its top."""
    height = max(BAR / figure.get_figheight(), 1.0)
    width = axis.get_position().width * figure.get_figwidth()
    bar = figure.colorbar(image, cax=axis.inset_axes((1 + 0.15 / width, 1 - height, 0.16 / width, height)))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)
    return bar


def _figure(width: float, height: float) -> Any:
    """Of the matrices alone, in inches: what stands about them is added when it is saved."""
    # The object interface, which leaves the caller's pyplot state and backend alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    replace_whole(path, lambda part: figure.savefig(part, format="png", dpi=110, bbox_inches="tight", pad_inches=0.15))
