"""What `posebench generate` writes: arrays, numbers, a picture; all of them or none."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from posebench.generation.draw import Generated
from posebench.generation.pictures import Cell, draw_grid, draw_motions
from posebench.generation.prior import Progress
from posebench.results.output_folder import OutputKind
from posebench.skeletons import HUMAN36M_17

FORMAT = "posebench generate 1"
KIND = OutputKind("generate", ("poses.npz", "poses.json", "poses.png", "poses.gif"), "poses.json", FORMAT)
#: What a picture shows: rows of generated poses and a row of real ones; of motions.
COLUMNS, ROWS, MOTIONS = 10, 4, (2, 6)


def write_generated(generated: Generated, folder: Path, progress: Progress | None = None) -> tuple[Path, ...]:
    """Write a folder with `poses.npz`, `poses.json` and `poses.png`, or `poses.gif` of motions; returns the files.

    They are made beside it and renamed into place together; what is replaced says `OutputKind.written`.
    """
    with KIND.written(folder) as made:
        np.savez_compressed(
            made / "poses.npz",
            poses=generated.poses,
            joint_set=np.array(HUMAN36M_17.name),
            joints=np.array(HUMAN36M_17.joints),
            parents=np.array(HUMAN36M_17.parents),
            space=np.array("root_relative"),
            units=np.array("mm"),
            about=np.array(json.dumps(generated.about)),
            **({} if generated.fps is None else {"fps": np.array(generated.fps)}),
        )
        text = json.dumps(summary(generated), indent=1, allow_nan=False) + "\n"
        (made / "poses.json").write_text(text, encoding="utf-8", newline="\n")
        _draw(generated, made, progress)
    return tuple(sorted(folder.iterdir()))


def summary(generated: Generated) -> dict[str, Any]:
    """All but the poses, as plain values."""
    count, frames = generated.poses.shape[:2]
    return {
        "format": FORMAT,
        **generated.about,
        "output": {
            "count": count,
            "frames": frames,
            "fps": generated.fps,
            "joint_set": HUMAN36M_17.name,
            "space": "root_relative",
            "units": "mm",
            "axes": "x right, y down, z forward, as the camera looks",
        },
        "measures": generated.measures,
    }


def _draw(generated: Generated, folder: Path, progress: Progress | None) -> None:
    name = generated.about["lifter"]["name"]
    poses = generated.poses
    if poses.shape[1] > 1:
        across, rows = MOTIONS[1], MOTIONS[0]
        shown = [(f"{name} {row + 1}", poses[row * across : (row + 1) * across]) for row in range(rows)]
        shown = [(label, motions) for label, motions in shown if len(motions)]
        draw_motions(shown, generated.fps, f"{len(poses)} motions of {poses.shape[1]} frames", folder / "poses.gif", progress)
        return
    cells = [Cell(pose) for pose in poses[: ROWS * COLUMNS, 0]]
    lines = [("generated", cells[first : first + COLUMNS]) for first in range(0, len(cells), COLUMNS)]
    real = ("real", [Cell(pose) for pose in generated.real[:: max(1, len(generated.real) // COLUMNS)][:COLUMNS]])
    draw_grid([*lines, real], f"{name}: the first of {len(poses)} poses, and real ones", folder / "poses.png")
