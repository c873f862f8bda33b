"""The rules of the 3DPW challenge on 24 SMPL joints (its public evaluation code, `evaluate.py`).

Its MPJPE is `mpjpe` of poses minus their own joint 0, over all 24; its P-MPJPE is `p_mpjpe`, which moves an all-zero
prediction to the mean of the truth. PCK and AUC are taken of the root-aligned poses over the 12 joints `SMPL_12`:
the caller passes those that count.
"""

import numpy as np
from torch import Tensor

from posebench.metrics.position import joint_errors
from posebench.metrics.thresholds import area_under_pck, pck_inclusive, share_within

#: Hips, knees, ankles, shoulders, elbows and wrists in SMPL's order: the joints of PCK and AUC.
SMPL_12 = (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)

THRESHOLDS = tuple(float(t) for t in range(200))


def relative_to_root(poses: Tensor) -> Tensor:
    """Poses (..., joints, 3) minus their own joint 0: the challenge's root alignment."""
    return poses - poses[..., :1, :]


def challenge_pck(predicted: Tensor, truth: Tensor) -> Tensor:
    """PCK at 50 mm, an error of 50 mm passes; root-relative (..., joints, 3) mm twice to (...) in percent."""
    return pck_inclusive(predicted, truth, 50.0)


def challenge_auc(predicted: Tensor, truth: Tensor) -> Tensor:
    """Area under PCK (`<=`) over 0, 1, ..., 199 mm by trapezoids, divided by 199; (...) in percent.

    Root-relative (..., joints, 3) mm twice. Additive over poses, unlike `challenge_auc_by_quadrature`.
    """
    errors = joint_errors(predicted, truth)
    return area_under_pck(errors, THRESHOLDS, inclusive=True, trapezoid=True).mean(dim=-1) * 100


def challenge_auc_by_quadrature(predicted: Tensor, truth: Tensor) -> float:
    """The area as the challenge's code integrates the curve, in percent: adaptive quadrature of straight lines.

    Root-relative (..., joints, 3) mm of the whole test set at once. QUADPACK
    stops at its 50 subdivisions on a curve with 199 corners, which leaves about
    1e-6 relative between this and the exact `challenge_auc`.
    """
    from scipy.integrate import quad

    errors = joint_errors(predicted, truth)
    curve = [float(share_within(errors, threshold, inclusive=True).mean()) for threshold in THRESHOLDS]
    where = np.asarray(THRESHOLDS) / THRESHOLDS[-1]
    # With full_output the stop at 50 subdivisions comes back as a value and not as a warning.
    return 100 * float(quad(lambda x: np.interp(x, where, curve), 0, 1, full_output=1)[0])
