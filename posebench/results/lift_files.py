"""What `posebench lift` writes: arrays, JSON, OpenSim's marker file and a picture, all of them or none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.results.lift import Lifted
from posebench.results.lift_picture import draw_animation, draw_frames
from posebench.results.output_folder import OutputKind

FORMAT = "posebench lift 1"
#: What a folder of poses may hold to be replaced by another.
KIND = OutputKind("lift", ("poses.npz", "poses.json", "poses.trc", "poses.png", "poses.gif"), "poses.json", FORMAT)


def write_lifted(
    lifted: Lifted, folder: Path | str, *, gif: bool = False, progress: Callable[[str, int, int], None] | None = None
) -> tuple[Path, ...]:
    """Write a folder with `poses.npz`, `poses.json`, `poses.trc` and `poses.png` (or `poses.gif`); returns the files.

    They are made beside it and renamed into place together. A folder that
    `lift` wrote is replaced; `check_output` says which is not. Poses of the
    space `image25d` have no millimetres, and so no TRC. `progress` is called
    with the stage `draw` in frames of the animation.
    """
    folder = Path(folder)
    with KIND.written(folder) as made:
        _write_npz(lifted, made / "poses.npz")
        (made / "poses.json").write_text(as_json(lifted), encoding="utf-8", newline="\n")
        if lifted.space != "image25d":
            (made / "poses.trc").write_text(as_trc(lifted), encoding="utf-8", newline="\n")
        if gif:
            draw_animation(lifted, made / "poses.gif", progress)
        else:
            draw_frames(lifted, made / "poses.png")
    return tuple(sorted(folder.iterdir()))


def check_output(folder: Path) -> None:
    """Raise `UsageError` for a path that is a file, or a folder that holds anything but what `lift` wrote."""
    KIND.check(folder)


def _write_npz(lifted: Lifted, path: Path) -> None:
    """Arrays, and texts as 0-d arrays: no pickles."""
    optional = {"weight": lifted.weight, "root": lifted.root}
    arrays: dict[str, Any] = {
        "poses": lifted.poses,
        "hypotheses": lifted.hypotheses,
        **{name: array for name, array in optional.items() if array is not None},
        "keypoints": lifted.keypoints.pixels,
        "confidence": lifted.keypoints.confidence,
        "image_size": np.array(lifted.keypoints.image_size),
        "frame": np.array(lifted.frame),
        "fps": np.array(lifted.fps),
        "joint_set": np.array(lifted.skeleton.name),
        "joints": np.array(lifted.skeleton.joints),
        "parents": np.array(lifted.skeleton.parents),
        "space": np.array(lifted.space),
        "about": np.array(json.dumps(lifted.about)),
    }
    np.savez_compressed(path, **arrays)


def units(lifted: Lifted) -> str:
    """The unit of the poses."""
    return "px" if lifted.space == "image25d" else "mm"


def summary(lifted: Lifted) -> dict[str, Any]:
    """All but the frames, as plain values."""
    return {
        "format": FORMAT,
        **lifted.about,
        "output": {
            "space": lifted.space,
            "units": units(lifted),
            "axes": "x right, y down, z forward, as the camera looks",
            "joint_set": lifted.skeleton.name,
            "joints": list(lifted.skeleton.joints),
            "parents": list(lifted.skeleton.parents),
            "fps": lifted.fps,
            "frames": len(lifted.poses),
            "hypotheses": len(lifted.hypotheses),
        },
        "warnings": list(lifted.warnings),
    }


def as_json(lifted: Lifted) -> str:
    """`summary` and every frame on a line of its own; a missing keypoint is null."""
    rows = []
    seen = np.concatenate([lifted.keypoints.pixels, lifted.keypoints.confidence[..., None]], axis=-1)
    for row, number in enumerate(lifted.frame):
        frame = {
            "frame": number,
            "time": round(row / lifted.fps, 6),
            "keypoints": [None if np.isnan(point).any() else _rounded(point) for point in seen[row]],
            "pose": [_rounded(point) for point in lifted.poses[row]],
        }
        rows.append(json.dumps(frame, allow_nan=False))
    head = json.dumps(summary(lifted), indent=1, allow_nan=False).removesuffix("\n}")
    return f"{head},\n" + ' "frames": [\n' + ",\n".join(f"  {row}" for row in rows) + "\n ]\n}\n"


def as_trc(lifted: Lifted) -> str:
    """The poses as markers of OpenSim, mm, y up: x right, y up, z towards the camera.

    Joint names have no `/`, which OpenSim takes for a path.
    """
    markers = [joint.replace("/", "_") for joint in lifted.skeleton.joints]
    fps, frames = f"{lifted.fps:.10g}", len(lifted.poses)
    head = [
        "PathFileType\t4\t(X/Y/Z)\tposes.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{fps}\t{fps}\t{frames}\t{len(markers)}\tmm\t{fps}\t1\t{frames}",
        "Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t",
        "\t\t" + "\t".join(f"X{number}\tY{number}\tZ{number}" for number in range(1, len(markers) + 1)),
        "",
    ]
    upright = lifted.poses.astype(np.float64) * [1.0, -1.0, -1.0]
    rows = [
        f"{row + 1}\t{row / lifted.fps:.6f}\t" + "\t".join(f"{value:.3f}" for value in pose.ravel())
        for row, pose in enumerate(upright)
    ]
    return "\n".join([*head, *rows]) + "\n"


def _rounded(values: npt.NDArray[Any]) -> list[float]:
    return [round(float(value), 3) for value in values]
