"""Arrays and numbers of poses as the three commands write them: `poses.npz` without pickles, and `poses.json`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.results.output_folder import OutputKind
from posebench.skeletons import HUMAN36M_17

AXES = "x right, y down, z forward, as the camera looks"


def output_kind(command: str) -> OutputKind:
    """The folders of a command, told by the first line of their `poses.json`."""
    return OutputKind(command, ("poses.npz", "poses.json", "poses.png", "poses.gif"), "poses.json", format_of(command))


def format_of(command: str) -> str:
    """What `poses.json` says that it is."""
    return f"posebench {command} 1"


def summary(command: str, about: dict[str, Any], output: dict[str, Any]) -> dict[str, Any]:
    """All but the poses, as plain values: where they come from, what they are, and what else `about` has."""
    told = {"joint_set": HUMAN36M_17.name, "units": "mm", "axes": AXES, **output}
    return {"format": format_of(command), **about, "output": told}


def write_arrays(folder: Path, told: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
    """`poses.npz` with the arrays and what they are, and `poses.json` with all that is told of them."""
    texts = {
        "joint_set": np.array(HUMAN36M_17.name),
        "joints": np.array(HUMAN36M_17.joints),
        "parents": np.array(HUMAN36M_17.parents),
        "units": np.array("mm"),
    }
    members: dict[str, Any] = {**arrays, **texts}
    np.savez_compressed(folder / "poses.npz", **members)
    text = json.dumps(told, indent=1, allow_nan=False) + "\n"
    (folder / "poses.json").write_text(text, encoding="utf-8", newline="\n")
