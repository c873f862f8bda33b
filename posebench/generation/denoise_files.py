"""What `posebench denoise` writes: arrays, numbers, a picture; all of them or none."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from posebench.generation.denoise import Denoised
from posebench.generation.pictures import Cell, draw_grid, draw_motions
from posebench.generation.prior import Progress
from posebench.results.output_folder import OutputKind
from posebench.skeletons import HUMAN36M_17

FORMAT = "posebench denoise 1"
KIND = OutputKind("denoise", ("poses.npz", "poses.json", "poses.png", "poses.gif"), "poses.json", FORMAT)
#: Frames of a picture.
COLUMNS = 8


def write_denoised(
    denoised: Denoised, folder: Path, *, gif: bool = False, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Write a folder with `poses.npz`, `poses.json` and `poses.png` (with `gif` `poses.gif`); returns the files."""
    arrays: dict[str, Any] = {
        "poses": (denoised.poses + denoised.root).astype(np.float32),
        "noisy": (denoised.noisy + denoised.root).astype(np.float32),
        **({} if denoised.truth is None else {"truth": denoised.truth.astype(np.float32)}),
        "fps": np.array(denoised.fps),
        "joint_set": np.array(HUMAN36M_17.name),
        "units": np.array("mm"),
    }
    told = denoised.about["input"]
    title = f"{denoised.about['lifter']['name']}: noise of {told['noise_mm']:g} mm in each coordinate"
    shown = {"noisy": denoised.noisy, "restored": denoised.poses}
    if denoised.truth is not None:
        shown["truth"] = denoised.truth
    with KIND.written(folder) as made:
        np.savez_compressed(made / "poses.npz", **arrays)
        text = json.dumps(summary(denoised), indent=1, allow_nan=False) + "\n"
        (made / "poses.json").write_text(text, encoding="utf-8", newline="\n")
        if gif:
            motions = [(name, poses[None]) for name, poses in shown.items()]
            draw_motions(motions, denoised.fps, title, made / "poses.gif", progress)
        else:
            rows = np.linspace(0, len(denoised.poses) - 1, min(COLUMNS, len(denoised.poses))).round().astype(int)
            draw_grid([(name, [Cell(pose) for pose in poses[rows]]) for name, poses in shown.items()], title, made / "poses.png")
    return tuple(sorted(folder.iterdir()))


def summary(denoised: Denoised) -> dict[str, Any]:
    """All but the poses, as plain values."""
    output = {"joint_set": HUMAN36M_17.name, "units": "mm", "axes": "x right, y down, z forward, as the camera looks"}
    return {"format": FORMAT, **denoised.about, "output": output, "measures": denoised.measures}
