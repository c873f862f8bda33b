"""`threedpw_challenge.npz`: the 3DPW challenge's evaluation of 24 SMPL joints."""

from collections.abc import Iterator

from posebench.conformance.comparison import Comparison, compare, failure
from posebench.conformance.stored import StoredArrays
from posebench.metrics.alignment import p_mpjpe
from posebench.metrics.position import mpjpe
from posebench.metrics.threedpw import (
    SMPL_12,
    challenge_auc,
    challenge_auc_by_quadrature,
    challenge_pck,
    relative_to_root,
)


def check_threedpw(stored: StoredArrays) -> Iterator[Comparison]:
    """Its four numbers, and the AUC as its own quadrature gives it; PCK in percent, AUC as a fraction."""
    truth, predicted = (relative_to_root(stored.poses(name, joints=24)) for name in ("gt", "pred"))
    used = predicted[:, list(SMPL_12)], truth[:, list(SMPL_12)]
    tolerance = stored.tolerance(("gt", "pred"))
    values = {
        "mpjpe": mpjpe(predicted, truth).mean(),
        "p_mpjpe": p_mpjpe(predicted, truth).mean(),
        "pck50": challenge_pck(*used).mean(),
        "auc": challenge_auc(*used).mean() / 100,
        "auc_by_quadrature": challenge_auc_by_quadrature(*used) / 100,
    }
    for name, value in values.items():
        yield compare(f"threedpw_challenge/{name}", stored[name], value, tolerance)
    for name in stored.unknown(("gt", "pred"), values):
        yield failure(f"threedpw_challenge/{name}", "an array that this version knows no rule for")
