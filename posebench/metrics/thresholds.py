"""Shares of joints or poses that are near enough: PCK, AUC in the variants that are in use, CPS.

The variants differ in four things: which joints (the caller passes those that
count), which thresholds, whether an error equal to a threshold passes, and how
the curve is summed. Every function raises `NotFiniteError` for NaN or
infinity, which no threshold would ever tell from an ordinary miss.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from posebench.metrics.alignment import procrustes_align
from posebench.metrics.finite import require_finite
from posebench.metrics.position import joint_errors, same_shape

#: PCK and AUC of MPI-INF-3DHP in the owner's 17-joint order: groups of joints, pelvis, spine and head in none of them
#: (`mpii_get_pck_auc_joint_groups.m`).
MPI3DHP_GROUPS = {
    "Head": (0,),
    "Neck": (1,),
    "Shou": (2, 5),
    "Elbow": (3, 6),
    "Wrist": (4, 7),
    "Hip": (8, 11),
    "Knee": (9, 12),
    "Ankle": (10, 13),
}
#: The same 14 joints in Human3.6M's 17-joint order: all but Hip, Spine and Neck/Nose.
HUMAN36M_14 = (1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16)
#: The 16 joints of CPS in Human3.6M's order: all but Spine (Wehrbein et al. 2021).
HUMAN36M_CPS = (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16)

OFFICIAL_THRESHOLDS = tuple(float(t) for t in range(0, 151, 5))
CPS_LIMIT = 300
#: Poses that are aligned at a time: the aligned copy of a chunk takes under 30 MB.
CHUNK = 65536


def share_within(errors: Tensor, threshold: float, inclusive: bool = False) -> Tensor:
    """1 where an error (mm, any shape) is below `threshold` mm, else 0; an equal one passes only if `inclusive`."""
    require_finite("PCK", errors)
    return (errors <= threshold if inclusive else errors < threshold).to(errors.dtype)


def area_under_pck(
    errors: Tensor, thresholds: Sequence[float], inclusive: bool = False, trapezoid: bool = False
) -> Tensor:
    """The area that an error (mm, any shape) gains under the PCK curve over ascending thresholds, from 0 to 1.

    The mean over the thresholds of "passed", or with `trapezoid` the integral
    by the trapezoid rule over equidistant thresholds, divided by their range.
    The mean of this over joints and poses is the area under their mean curve.
    """
    require_finite("AUC", errors)
    grid = torch.tensor(thresholds, dtype=errors.dtype, device=errors.device)
    # An error passes the thresholds to its right: all that are greater, and equal ones if inclusive.
    failed = torch.bucketize(errors.contiguous(), grid, out_int32=True, right=not inclusive)
    passed = (len(thresholds) - failed).to(errors.dtype)
    if not trapezoid:
        return passed / len(thresholds)
    first, last = (share_within(errors, end, inclusive) for end in (thresholds[0], thresholds[-1]))
    return (passed - (first + last) / 2) / (len(thresholds) - 1)


def pck(predicted: Tensor, truth: Tensor, threshold: float = 150.0) -> Tensor:
    """Percentage of correct keypoints: joints whose error is strictly below `threshold` mm; (...) in percent.

    Strict as in the official MATLAB evaluation of MPI-INF-3DHP (`mpii_compute_3d_pck.m`),
    which counts 14 joints: `MPI3DHP_GROUPS`, `HUMAN36M_14`. mmpose, ZeDO and manipose count all 17.
    """
    return share_within(joint_errors(predicted, truth), threshold).mean(dim=-1) * 100


def pck_inclusive(predicted: Tensor, truth: Tensor, threshold: float = 150.0) -> Tensor:
    """PCK where an error equal to `threshold` mm is correct too; (..., joints, 3) mm twice to (...) in percent."""
    return share_within(joint_errors(predicted, truth), threshold, inclusive=True).mean(dim=-1) * 100


def auc(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean PCK over the 31 thresholds 0, 5, ..., 150 mm, strict; (...) in percent, at most 30/31 = 96.77.

    The official rule of MPI-INF-3DHP (`mpii_compute_3d_pck.m`): threshold 0 is
    among them and never passed. Over 14 joints, as `pck`; over all 17 with the
    pelvis at zero error it comes out about 2 higher (mmpose, ZeDO, manipose).
    """
    return area_under_pck(joint_errors(predicted, truth), OFFICIAL_THRESHOLDS).mean(dim=-1) * 100


def auc_without_zero(predicted: Tensor, truth: Tensor) -> Tensor:
    """AUC over the 30 thresholds 5, 10, ..., 150 mm, strict: `auc` times 31/30; (...) in percent, at most 100.

    The variant of papers that leave out the threshold 0, which nothing passes (protocols.md, M6).
    """
    return area_under_pck(joint_errors(predicted, truth), OFFICIAL_THRESHOLDS[1:]).mean(dim=-1) * 100


def auc_continuous(predicted: Tensor, truth: Tensor, limit: float = 150.0) -> Tensor:
    """The exact area under PCK from 0 to `limit` mm, mean of max(0, 1 - error / limit); (...) in percent, at most 100.

    PosePile's `get_auc_real` (protocols.md, M6).
    """
    errors = joint_errors(predicted, truth)
    require_finite("AUC", errors)
    return (1 - errors / limit).clamp(min=0).mean(dim=-1) * 100


def cps(poses: Tensor, truth: Tensor, joints: Sequence[int] | None = None) -> Tensor:
    """Correct poses score of every pose, from several hypotheses: an area in mm from 0 to 299.

    (..., hypotheses, frames, joints, 3) and (..., frames, joints, 3) mm to
    (..., frames). A pose is correct at a threshold when, for some hypothesis,
    all `joints` (None: all; the public rule: `HUMAN36M_CPS`) are strictly nearer after the
    Procrustes alignment of the whole pose. The curve of correctness over 1, 2,
    ..., 300 mm is integrated by trapezoids (Wehrbein et al. 2021, section 4.2
    and their evaluation code). The mean over poses is CPS.

    The best hypothesis of a threshold is that of the smallest largest error, the
    same for all thresholds, so no curve is stored; hypotheses are aligned in
    chunks of frames.
    """
    same_shape(poses.select(-4, 0), truth)
    require_finite("CPS", poses, truth)
    used = list(range(truth.shape[-2])) if joints is None else list(joints)
    chunks = max(1, math.ceil(poses[..., 0, 0].numel() / CHUNK))
    worst = []
    for hypotheses, true in zip(poses.chunk(chunks, dim=-3), truth.chunk(chunks, dim=-3), strict=True):
        targets = true.unsqueeze(-4).expand_as(hypotheses)
        errors = joint_errors(procrustes_align(hypotheses, targets)[..., used, :], targets.double()[..., used, :])
        worst.append(errors.amax(dim=-1).amin(dim=-2))
    thresholds = tuple(float(t) for t in range(1, CPS_LIMIT + 1))
    return area_under_pck(torch.cat(worst, dim=-1), thresholds, trapezoid=True) * (CPS_LIMIT - 1)
