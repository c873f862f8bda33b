"""Pictures of lifted poses: a few frames side by side, or all of them as an animation."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.results.drawing import (
    FROM_THE_CAMERA,
    FROM_THE_SIDE,
    bone_lines,
    draw_bones,
    draw_keypoints,
    draw_pose,
    pyplot,
)
from posebench.results.lift import Lifted

COLUMNS = 5
#: What an animation has at the most, and how many of them a second: what viewers play.
MOST_FRAMES, MOST_A_SECOND = 100, 25.0
LABELS = ("2D seen", "from the camera", "from the side")
#: Millimetres that a pose of the space `image25d`, which has none, is drawn high.
DRAWN_HEIGHT = 1700.0


def draw_frames(lifted: Lifted, path: Path) -> None:
    """A PNG of `COLUMNS` frames: what the lifter saw, its poses from the camera and from the side."""
    plt = pyplot()
    poses = _root_relative(lifted)
    rows = np.linspace(0, len(poses) - 1, min(COLUMNS, len(poses))).round().astype(int)
    figure, axes = plt.subplots(3, len(rows), figsize=(max(2.4 * len(rows), 4.8), 7.6), squeeze=False)
    for column, row in enumerate(rows):
        draw_keypoints(axes[0, column], lifted.skeleton, lifted.keypoints.pixels[row])
        axes[0, column].set_title(f"frame {lifted.frame[row]}", fontsize=9)
        draw_pose(axes[1, column], lifted.skeleton, poses[row], FROM_THE_CAMERA)
        draw_pose(axes[2, column], lifted.skeleton, poses[row], FROM_THE_SIDE)
    for axis, label in zip(axes[:, 0], LABELS, strict=True):
        axis.set_ylabel(label, fontsize=9)
    figure.suptitle(_title(lifted), fontsize=10)
    figure.tight_layout()
    figure.savefig(path, format="png", dpi=120)
    plt.close(figure)


def animation_frames(frames: int, fps: float) -> tuple[npt.NDArray[np.int64], float]:
    """The frames that an animation shows and its frame rate, so that it lasts as long as the video."""
    step = max(math.ceil(frames / MOST_FRAMES), math.ceil(fps / MOST_A_SECOND))
    return np.arange(0, frames, step), fps / step


def draw_animation(lifted: Lifted, path: Path, progress: Callable[[str, int, int], None] | None = None) -> None:
    """A GIF of at most `MOST_FRAMES` frames; `progress` is called with the stage `draw`."""
    plt = pyplot()
    from matplotlib.animation import PillowWriter

    poses = _root_relative(lifted)
    rows, fps = animation_frames(len(poses), lifted.fps)
    figure, axes = plt.subplots(1, 3, figsize=(7.8, 3.2))
    seen = draw_bones(axes[0], lifted.skeleton, lifted.keypoints.pixels[rows[0]])
    left, top, right, bottom = _around(lifted.keypoints.pixels)
    axes[0].set_aspect("equal")
    axes[0].set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    lines = [draw_pose(axes[1], lifted.skeleton, poses[rows[0]], FROM_THE_CAMERA)]
    lines.append(draw_pose(axes[2], lifted.skeleton, poses[rows[0]], FROM_THE_SIDE))
    for axis, label in zip(axes, LABELS, strict=True):
        axis.set_title(label, fontsize=9)
    figure.suptitle(_title(lifted), fontsize=10)
    figure.tight_layout()
    writer = PillowWriter(fps=fps)  # type: ignore[arg-type]  # any number will do
    with writer.saving(figure, str(path), dpi=80):
        for done, row in enumerate(rows, start=1):
            seen.set_segments(list(bone_lines(lifted.skeleton, lifted.keypoints.pixels[row])))
            for drawn, across in zip(lines, (FROM_THE_CAMERA, FROM_THE_SIDE), strict=True):
                drawn.set_segments(list(bone_lines(lifted.skeleton, poses[row][:, [across, 1]])))
            writer.grab_frame()
            if progress:
                progress("draw", done, len(rows))
    plt.close(figure)


def _root_relative(lifted: Lifted) -> npt.NDArray[Any]:
    root = lifted.skeleton.root
    poses = lifted.poses if lifted.space == "root_relative" else lifted.poses - lifted.poses[:, root : root + 1]
    if lifted.space == "image25d":
        poses = poses * (DRAWN_HEIGHT / max(float(np.median(np.ptp(poses[..., 1], axis=1))), 1.0))
    return poses


def _around(pixels: npt.NDArray[Any]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a square about all that is seen, with a margin."""
    low, high = np.nanmin(pixels, axis=(0, 1)), np.nanmax(pixels, axis=(0, 1))
    middle, half = (low + high) / 2, 0.55 * float((high - low).max()) + 1.0
    return middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half


def _title(lifted: Lifted) -> str:
    return f"{lifted.about['lifter']['name']}, {lifted.about['input']['name']}, {lifted.fps:g} frames/s"
