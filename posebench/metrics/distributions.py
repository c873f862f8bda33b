"""How far a set of poses is from a set of real ones.

The feature space is stated, not learnt: joints about the hip in the body's own frame (`body_frame.py`), the size of the
body taken out, in mm of a body of `SIZE_MM`. Neither the camera nor how tall people are counts, only how they hold
themselves. All distances are per joint: the square root of the mean over the 16 joints beside the root.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from posebench.errors import UsageError
from posebench.metrics.body_frame import in_body_frame
from posebench.skeletons import HUMAN36M_17

Array = npt.NDArray[np.float64]

#: Length of all bones together of the body that poses are brought to: about that of HDM05's actors.
SIZE_MM = 4000.0
_JOINTS = HUMAN36M_17.num_joints - 1


def pose_features(poses: npt.NDArray[np.floating[Any]]) -> Array:
    """Poses (n, 17, 3) mm to features (n, 48) mm; errors as `in_body_frame`."""
    turned = in_body_frame(poses)
    parents, children = np.array(HUMAN36M_17.bones).T
    size = np.linalg.norm(turned[:, children] - turned[:, parents], axis=-1).sum(-1)
    features: Array = (turned[:, 1:] * (SIZE_MM / np.maximum(size, 1e-9))[:, None, None]).reshape(len(poses), -1)
    return features


def frechet_distance(features: Array, others: Array) -> float:
    """Distance between the normal distributions of two sets (n, 48) and (m, 48), mm per joint.

    d^2 = |mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1^1/2 S_2 S_1^1/2)^1/2), the Fréchet distance of normal distributions (Dowson and
    Landau 1982), as Heusel et al. 2017 (FID, equation 6) use it for features; here its root, divided by that of the
    joints. It sees means and covariances alone, and is too large for small sets: compare sets of one size.
    Raises `UsageError` for fewer than two poses.
    """
    if min(len(features), len(others)) < 2:
        raise UsageError("The Fréchet distance needs two poses or more in each set.")
    apart = features.mean(0) - others.mean(0)
    first, second = (np.cov(values, rowvar=False) for values in (features, others))
    root = _root(first)
    between = np.linalg.eigvalsh(root @ second @ root)
    squared = apart @ apart + np.trace(first) + np.trace(second) - 2 * np.sqrt(np.maximum(between, 0)).sum()
    return float(np.sqrt(max(squared, 0.0) / _JOINTS))


def nearest_distance(features: Array, others: Array) -> float:
    """Mean distance from each of a set (n, 48) to the nearest of another (m, 48), mm per joint; not symmetric.

    From generated to real poses it says how like real ones they are, from real to generated ones how many of the real ones
    they cover.
    """
    distances, _ = cKDTree(others).query(features)
    return float(np.mean(distances) / np.sqrt(_JOINTS))


def diversity(features: Array) -> float:
    """Mean distance between two of a set (n, 48), mm per joint. Raises `UsageError` for fewer than two poses."""
    if len(features) < 2:
        raise UsageError("The diversity needs two poses or more.")
    return float(pdist(features).mean() / np.sqrt(_JOINTS))


def _root(matrix: Array) -> Array:
    """Of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    root: Array = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
