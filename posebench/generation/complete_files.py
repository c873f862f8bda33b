"""What `posebench complete` writes: arrays, numbers, a picture; all of them or none."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posebench.generation.complete import Completion
from posebench.generation.complete_file import CompletedFile
from posebench.generation.output import output_kind, summary, write_arrays
from posebench.generation.pictures import Cell, draw_grid
from posebench.generation.real_poses import Poses, root_relative
from posebench.results.drawing import FROM_THE_SIDE

KIND = output_kind("complete")
#: Frames of a picture, and hypotheses that are drawn behind their mean.
COLUMNS, BEHIND = 8, 12


def write_completion_folder(completion: Completion, folder: Path) -> tuple[Path, ...]:
    """Write a folder of a data set's completed poses: the mean of the hypotheses for each frame, and which were hidden."""
    parts, poses = completion.parts, completion.poses
    mean = np.concatenate([found.mean(0) for found in poses])
    hidden = np.zeros(mean.shape[:2], bool)
    np.put_along_axis(hidden, np.concatenate([part.hidden for part in parts]), True, axis=1)
    arrays = {
        "poses": mean.astype(np.float32),
        "hidden": hidden,
        "sequence": np.array([part.partial.info.id for part in parts for _ in part.truth]),
        "frame": np.concatenate([part.partial.wanted for part in parts]),
    }
    record = completion.record
    numbers = {row.name: row.results for row in record.rows}
    told = {**completion.about, "protocol": record.protocol.id, "record": record.id, "results": numbers}
    truth = np.concatenate([part.truth for part in parts])
    rows = np.linspace(0, len(mean) - 1, min(COLUMNS, len(mean))).round().astype(int)
    starts = np.cumsum([0, *(len(part.truth) for part in parts)])
    which = np.searchsorted(starts, rows, side="right") - 1
    drawn = np.stack([poses[part][:BEHIND, row - starts[part]] for part, row in zip(which, rows, strict=True)], axis=1)
    known = np.where(hidden[rows][..., None], np.nan, truth[rows])
    title = f"{record.lifter.name}, {record.protocol.id}: mean of {record.hypotheses}, and some of them"
    with KIND.written(folder) as made:
        write_arrays(made, summary("complete", told, {"frames": len(mean), "space": "root_relative"}), arrays)
        _draw(made / "poses.png", title, known, mean[rows], drawn, truth[rows])
    return tuple(sorted(folder.iterdir()))


def write_completed_file(completed: CompletedFile, folder: Path) -> tuple[Path, ...]:
    """Write a folder of a file's completed poses, every hypothesis of it too."""
    mean = completed.hypotheses.mean(0)
    arrays = {
        "poses": mean.astype(np.float32),
        "hypotheses": completed.hypotheses.astype(np.float32),
        "hidden": np.isnan(completed.known).any(axis=-1),
        "fps": np.array(completed.fps),
    }
    rows = np.linspace(0, len(mean) - 1, min(COLUMNS, len(mean))).round().astype(int)
    known = completed.known[rows] - completed.known[rows][:, :1]
    title = f"{completed.about['lifter']['name']}, {completed.about['input']['name']}"
    with KIND.written(folder) as made:
        write_arrays(made, summary("complete", completed.about, {"frames": len(mean)}), arrays)
        drawn = root_relative(completed.hypotheses[:BEHIND, rows])
        _draw(made / "poses.png", title, known, root_relative(mean[rows]), drawn, None)
    return tuple(sorted(folder.iterdir()))


def _draw(path: Path, title: str, known: Poses, mean: Poses, drawn: Poses, truth: Poses | None) -> None:
    """Frames as columns: known joints, completed ones before their hypotheses, the same from the side, and the truth."""

    def completed(across: int | None = None) -> Sequence[Cell]:
        seen = {} if across is None else {"across": across}
        return [Cell(pose, tuple(drawn[:, column]), **seen) for column, pose in enumerate(mean)]

    rows: list[tuple[str, Sequence[Cell]]] = [
        ("known", [Cell(pose) for pose in known]),
        ("completed", completed()),
        ("from the side", completed(FROM_THE_SIDE)),
    ]
    if truth is not None:
        rows.insert(2, ("truth", [Cell(pose) for pose in truth]))
        rows.append(("truth, side", [Cell(pose, across=FROM_THE_SIDE) for pose in truth]))
    draw_grid(rows, title, path)
