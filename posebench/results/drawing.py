"""Bones as coloured lines: the right side red, the left blue, the middle grey. What all pictures of poses share."""

from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.skeletons import Skeleton

RIGHT, LEFT, MIDDLE, TRUTH = "#c0392b", "#2471a3", "#34495e", "#b9c2c9"
#: The camera's axis across a picture: x in its own view, z in the view from its right.
FROM_THE_CAMERA, FROM_THE_SIDE = 0, 2
#: Millimetres about the root that a pose is drawn in: left, right, bottom, top.
LIMITS = (-1100.0, 1100.0, 1150.0, -1050.0)


def pyplot() -> Any:
    """matplotlib's pyplot, drawing to files alone."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt


def bone_lines(skeleton: Skeleton, points: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(bones, 2, 2) ends of the bones of points (joints, 2)."""
    lines: npt.NDArray[Any] = points[np.array(skeleton.bones)]
    return lines


def draw_bones(
    axis: Any, skeleton: Skeleton, points: npt.NDArray[Any], colour: str | None = None, width: float = 1.6
) -> Any:
    """Draw points (joints, 2) and return the lines, for `set_segments`; a missing joint leaves a gap."""
    from matplotlib.collections import LineCollection

    colours = [colour or _colour(skeleton, child) for _, child in skeleton.bones]
    lines = LineCollection(list(bone_lines(skeleton, points)), colors=colours, linewidths=width, capstyle="round")
    return axis.add_collection(lines)


def draw_keypoints(axis: Any, skeleton: Skeleton, pixels: npt.NDArray[Any]) -> None:
    """The keypoints (joints, 2) of a frame, with the axis about the person."""
    draw_bones(axis, skeleton, pixels)
    axis.autoscale_view()
    axis.set_aspect("equal", adjustable="datalim")
    axis.invert_yaxis()
    axis.set(xticks=[], yticks=[])


def draw_pose(
    axis: Any, skeleton: Skeleton, pose: npt.NDArray[Any], across: int, colour: str | None = None, width: float = 1.6
) -> Any:
    """A root-relative pose (joints, 3) in mm, the camera's axis `across` drawn to the right; returns the lines."""
    lines = draw_bones(axis, skeleton, pose[:, [across, 1]], colour, width)
    left, right, bottom, top = LIMITS
    axis.set_aspect("equal")
    axis.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    return lines


def _colour(skeleton: Skeleton, joint: int) -> str:
    return RIGHT if joint in skeleton.right else LEFT if joint in skeleton.left else MIDDLE
