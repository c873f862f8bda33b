"""Pictures of poses in rows and columns: a PNG, or a GIF of motions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.results.drawing import FROM_THE_CAMERA, bone_lines, draw_pose, pyplot
from posebench.results.lift_picture import animation_frames
from posebench.skeletons import HUMAN36M_17

Array = npt.NDArray[np.floating[Any]]

#: Colour of what is not known for sure: hypotheses behind their mean.
FAINT = "#d9dee2"
#: Millimetres to either side of the root that a cell shows.
HALF_WIDTH = 850.0
#: Frames a second of a motion whose prior names no rate.
USUAL_FPS = 25.0


@dataclass(frozen=True)
class Cell:
    """One pose (17, 3) mm about the root, NaN joints left out; `behind` it others in pale lines, each a pose like it."""

    pose: Array
    behind: tuple[Array, ...] = ()
    across: int = FROM_THE_CAMERA


def draw_grid(rows: Sequence[tuple[str, Sequence[Cell]]], title: str, path: Path) -> None:
    """A PNG of labelled rows of cells; the longest row gives the columns."""
    figure, axes = _axes([label for label, _ in rows], max(len(cells) for _, cells in rows), title)
    for line, (_, cells) in zip(axes, rows, strict=True):
        for axis, cell in zip(line, cells, strict=False):
            _draw(axis, cell)
    figure.savefig(path, format="png", dpi=110)
    pyplot().close(figure)


def draw_motions(
    rows: Sequence[tuple[str, Array]],
    fps: float | None,
    title: str,
    path: Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """A GIF of labelled rows of motions (motions, frames, 17, 3), as `draw_grid` has poses; of at most 100 frames."""
    from matplotlib.animation import PillowWriter

    shown, rate = animation_frames(min(motions.shape[1] for _, motions in rows), fps or USUAL_FPS)
    figure, axes = _axes([label for label, _ in rows], max(len(motions) for _, motions in rows), title)
    lines = [
        [draw_pose(axis, HUMAN36M_17, motion[0], FROM_THE_CAMERA) for axis, motion in zip(line, motions, strict=False)]
        for line, (_, motions) in zip(axes, rows, strict=True)
    ]
    _hide_empty(axes)
    writer = PillowWriter(fps=rate)  # type: ignore[arg-type]  # any number will do
    with writer.saving(figure, str(path), dpi=80):
        for done, frame in enumerate(shown, start=1):
            for drawn, (_, motions) in zip(lines, rows, strict=True):
                for one, motion in zip(drawn, motions, strict=True):
                    one.set_segments(list(bone_lines(HUMAN36M_17, motion[frame][:, [FROM_THE_CAMERA, 1]])))
            writer.grab_frame()
            if progress:
                progress("draw", done, len(shown))
    pyplot().close(figure)


def _axes(labels: Sequence[str], columns: int, title: str) -> tuple[Any, Any]:
    plt = pyplot()
    figure, axes = plt.subplots(
        len(labels),
        columns,
        figsize=(1.25 * columns + 0.6, 1.6 * len(labels) + 0.5),
        squeeze=False,
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.0, hspace=0.0)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        for side in axis.spines.values():
            side.set_visible(False)
    for axis, label in zip(axes[:, 0], labels, strict=True):
        axis.set_ylabel(label, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure, axes


def _draw(axis: Any, cell: Cell) -> None:
    for pose in cell.behind:
        draw_pose(axis, HUMAN36M_17, pose, cell.across, colour=FAINT, width=0.8)
    draw_pose(axis, HUMAN36M_17, cell.pose, cell.across)
    axis.set_xlim(-HALF_WIDTH, HALF_WIDTH)


def _hide_empty(axes: Any) -> None:
    for axis in axes.flat:
        if not axis.collections:
            axis.axis("off")
