"""What `posebench denoise` writes: arrays, numbers, a picture; all of them or none."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.generation.denoise import Denoised
from posebench.generation.output import output_kind, write_arrays
from posebench.generation.output import summary as summarise
from posebench.generation.pictures import Cell, draw_grid, draw_motions
from posebench.generation.prior import Progress

KIND = output_kind("denoise")
#: Frames of a picture.
COLUMNS = 8


def write_denoised(
    denoised: Denoised, folder: Path, *, gif: bool = False, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Write a folder with `poses.npz`, `poses.json` and `poses.png` (with `gif` `poses.gif`); returns the files."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "poses": (denoised.poses + denoised.root).astype(np.float32),
        "noisy": (denoised.noisy + denoised.root).astype(np.float32),
        **({} if denoised.truth is None else {"truth": denoised.truth.astype(np.float32)}),
        "fps": np.array(denoised.fps),
    }
    told = denoised.about["input"]
    title = f"{denoised.about['lifter']['name']}: noise of {told['noise_mm']:g} mm in each coordinate"
    shown = {"noisy": denoised.noisy, "restored": denoised.poses}
    if denoised.truth is not None:
        shown["truth"] = denoised.truth
    with KIND.written(folder) as made:
        write_arrays(made, summary(denoised), arrays)
        if gif:
            motions = [(name, poses[None]) for name, poses in shown.items()]
            draw_motions(motions, denoised.fps, title, made / "poses.gif", progress)
        else:
            rows = np.linspace(0, len(denoised.poses) - 1, min(COLUMNS, len(denoised.poses))).round().astype(int)
            draw_grid(
                [(name, [Cell(pose) for pose in poses[rows]]) for name, poses in shown.items()],
                title,
                made / "poses.png",
            )
    return tuple(sorted(folder.iterdir()))


def summary(denoised: Denoised) -> dict[str, Any]:
    """All but the poses, as plain values."""
    return summarise("denoise", {**denoised.about, "measures": denoised.measures}, {"frames": len(denoised.poses)})
