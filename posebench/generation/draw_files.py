"""What `posebench generate` writes: arrays, numbers, a picture; all of them or none."""

from pathlib import Path
from typing import Any

import numpy as np

from posebench.generation.draw import Generated
from posebench.generation.output import output_kind, write_arrays
from posebench.generation.output import summary as summarise
from posebench.generation.pictures import Cell, draw_grid, draw_motions
from posebench.generation.prior import Progress

KIND = output_kind("generate")
#: What a picture shows: rows of generated poses and a row of real ones; rows and columns of motions.
COLUMNS, ROWS, MOTIONS = 10, 4, (2, 6)


def write_generated(generated: Generated, folder: Path, progress: Progress | None = None) -> tuple[Path, ...]:
    """Write a folder with `poses.npz`, `poses.json` and `poses.png`, or `poses.gif` of motions; returns the files.

    They are made beside it and renamed into place together; what is replaced says `OutputKind.written`.
    """
    with KIND.written(folder) as made:
        fps = {} if generated.fps is None else {"fps": np.array(generated.fps)}
        write_arrays(made, summary(generated), {"poses": generated.poses, **fps})
        _draw(generated, made, progress)
    return tuple(sorted(folder.iterdir()))


def summary(generated: Generated) -> dict[str, Any]:
    """All but the poses, as plain values."""
    count, frames = generated.poses.shape[:2]
    output = {"count": count, "frames": frames, "fps": generated.fps, "space": "root_relative"}
    return summarise("generate", {**generated.about, "measures": generated.measures}, output)


def _draw(generated: Generated, folder: Path, progress: Progress | None) -> None:
    name = generated.about["lifter"]["name"]
    poses = generated.poses
    if poses.shape[1] > 1:
        across, rows = MOTIONS[1], MOTIONS[0]
        shown = [("generated", poses[row * across : (row + 1) * across]) for row in range(rows)]
        shown = [(label, motions) for label, motions in shown if len(motions)]
        # A short motion at its own rate is over before it is seen.
        rate = "" if generated.fps is None else f", of {poses.shape[1] / generated.fps:.2g} s, slowed down"
        title = f"{name}: the first of {len(poses)} motions{rate}"
        draw_motions(shown, None, title, folder / "poses.gif", progress)
        return
    cells = [Cell(pose) for pose in poses[: ROWS * COLUMNS, 0]]
    lines = [("generated", cells[first : first + COLUMNS]) for first in range(0, len(cells), COLUMNS)]
    real = ("real", [Cell(pose) for pose in generated.real[:: max(1, len(generated.real) // COLUMNS)][:COLUMNS]])
    draw_grid([*lines, real], f"{name}: the first of {len(poses)} poses, and real ones", folder / "poses.png")
