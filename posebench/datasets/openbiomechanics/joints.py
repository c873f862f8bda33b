"""From the owner's markers to the 17 joints of Human3.6M.

The hip joints are those of the regression of M. E. Harrington, A. B. Zavatsky, S. E. M. Lawson, Z. Yuan, T. N.
Theologis, Prediction of the hip joint centre in adults, children, and patients with cerebral palsy based on magnetic
resonance imaging, J. Biomech. 40 (2007). The other joints are middles of markers, but for the shoulders.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.skeletons import HUMAN36M_17

Array = npt.NDArray[np.floating[Any]]

#: The two markers in the middle of which a joint of either side lies, their names without the side.
MIDDLES = {"Knee": ("KNE", "MKNE"), "Foot": ("ANK", "MANK"), "Elbow": ("ELB", "MELB"), "Wrist": ("WRA", "WRB")}
HEAD = ("LFHD", "RFHD", "LBHD", "RBHD")
PELVIS = ("LASI", "RASI", "LPSI", "RPSI")
TRUNK = ("C7", "CLAV", "T10", "STRN")
#: The tip of the hand, which tells when the ball leaves it.
FINGERS = ("LFIN", "RFIN")
MARKERS = (
    *HEAD,
    *PELVIS,
    *TRUNK,
    *FINGERS,
    *(side + name for side in "LR" for name in ("SHO", *(name for pair in MIDDLES.values() for name in pair))),
)
#: The shoulder joint lies under the marker on the acromion by this share of the distance between the two markers.
SHOULDER_DROP = 0.17


def human36m_joints(markers: Mapping[str, Array]) -> Array:
    """World mm (frames, 17, 3) from markers (frames, 3) by name, in world mm."""

    def middle(*names: str) -> Array:
        mean: Array = np.mean([markers[name] for name in names], axis=0)
        return mean

    joints = {side + joint: middle(side + a, side + b) for joint, (a, b) in MIDDLES.items() for side in "LR"}
    joints["RHip"], joints["LHip"] = _hips(markers)
    joints["Hip"] = (joints["RHip"] + joints["LHip"]) / 2
    joints["Spine"] = 0.75 * middle("T10", "STRN") + 0.25 * middle(*PELVIS)
    joints["Thorax"] = middle("C7", "CLAV")
    joints["Head"] = middle(*HEAD)
    joints["Neck/Nose"] = (joints["Thorax"] + joints["Head"]) / 2
    # The thorax's long axis as the International Society of Biomechanics has it (Wu et al., 2005), with T10 for T8.
    up = _unit(joints["Thorax"] - middle("T10", "STRN"))
    drop = SHOULDER_DROP * _length(markers["LSHO"] - markers["RSHO"]) * up
    for side in "LR":
        joints[side + "Shoulder"] = markers[side + "SHO"] - drop
    return np.stack([joints[name] for name in HUMAN36M_17.joints], axis=1)


def _hips(markers: Mapping[str, Array]) -> tuple[Array, Array]:
    """Right and left hip joint: depth and width of the pelvis, in its own frame x forward, y left, z up, in mm."""
    front = (markers["LASI"] + markers["RASI"]) / 2
    forward = front - (markers["LPSI"] + markers["RPSI"]) / 2
    across = markers["LASI"] - markers["RASI"]
    depth, width = _length(forward), _length(across)
    y = _unit(across)
    x = _unit(forward - (forward * y).sum(axis=-1, keepdims=True) * y)
    z = np.cross(x, y)
    base = front - (0.24 * depth + 9.9) * x - (0.30 * width + 10.9) * z
    side = (0.33 * width + 7.3) * y
    return base - side, base + side


def _length(vectors: Array) -> Array:
    length: Array = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return length


def _unit(vectors: Array) -> Array:
    return vectors / _length(vectors)
