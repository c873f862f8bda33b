"""`single.npz` and `rules.npz`: metrics of one hypothesis, and the rules around them."""

from collections.abc import Iterator

from posebench.conformance.comparison import Comparison, compare, compare_worst, failure
from posebench.conformance.scored import score_poses, scoring_of
from posebench.conformance.stored import StoredArrays
from posebench.metrics.alignment import n_mpjpe, p_mpjpe
from posebench.metrics.motion import acceleration_error, velocity_error
from posebench.metrics.position import mpjpe
from posebench.metrics.thresholds import HUMAN36M_14, auc, auc_without_zero, pck, pck_inclusive
from posebench.protocols.headline import combine
from posebench.protocols.protocol import RootRule
from posebench.skeletons import HUMAN36M_17

SINGLE = {
    "mpjpe": mpjpe,
    "p_mpjpe": p_mpjpe,
    "n_mpjpe": n_mpjpe,
    "mpjve": velocity_error,
    "accel_error": acceleration_error,
}

#: Root rule and joint left out.
ROOT_RULES: dict[str, tuple[RootRule, str | None]] = {
    "mpjpe_root_left": ("as-predicted", None),
    "mpjpe_root_zeroed": ("zeroed", None),
    "mpjpe_root_subtracted": ("subtracted", None),
    "mpjpe_16_without_root": ("as-predicted", "Hip"),
    "mpjpe_16_without_neck": ("as-predicted", "Neck/Nose"),
}

ALL_17 = tuple(range(17))
THRESHOLD_RULES = {
    "pck150_strict_14": (pck, HUMAN36M_14),
    "pck150_inclusive_14": (pck_inclusive, HUMAN36M_14),
    "auc31_strict_14": (auc, HUMAN36M_14),
    "auc30_without_zero_14": (auc_without_zero, HUMAN36M_14),
    "auc31_strict_17": (auc, ALL_17),
}


def check_single(stored: StoredArrays) -> Iterator[Comparison]:
    """VideoPose3D's loss functions and the acceleration error on (frames, 17, 3)."""
    truth, predicted = stored.poses("gt"), stored.poses("pred")
    tolerance = stored.tolerance(("gt", "pred"))
    for name, metric in SINGLE.items():
        yield compare(f"single/{name}", stored[name], metric(predicted, truth).mean(), tolerance)
    every = p_mpjpe(predicted, truth).numpy()
    yield compare_worst("single/p_mpjpe_per_frame", stored["p_mpjpe_per_frame"], every, tolerance)
    for name in stored.unknown(("gt", "pred"), (*SINGLE, "p_mpjpe_per_frame")):
        yield failure(f"single/{name}", "an array that this version knows no rule for")


def check_rules(stored: StoredArrays) -> Iterator[Comparison]:
    """Root rules and joint sets through the scoring of protocols; thresholds on errors that lie on them."""
    inputs = ("gt", "pred", "threshold_gt", "threshold_pred")
    truth, predicted = stored.poses("gt"), stored.poses("pred")
    tolerance = stored.tolerance(("gt", "pred"))
    for name, (root, without) in ROOT_RULES.items():
        joints = tuple(joint for joint in HUMAN36M_17.joints if joint != without)
        scoring = scoring_of(("mpjpe",), root=root, joints=joints)
        ours = combine(scoring, [score_poses(scoring, predicted, truth)]).overall["p-agg"]["mpjpe"]
        yield compare(f"rules/{name}", stored[name], ours, tolerance)
    truth, predicted = stored.poses("threshold_gt"), stored.poses("threshold_pred")
    tolerance = stored.tolerance(("threshold_gt", "threshold_pred"))
    for name, (metric, used) in THRESHOLD_RULES.items():
        value = metric(predicted[:, list(used)], truth[:, list(used)]).mean()
        yield compare(f"rules/{name}", stored[name], value, tolerance)
    for name in stored.unknown(inputs, (*ROOT_RULES, *THRESHOLD_RULES)):
        yield failure(f"rules/{name}", "an array that this version knows no rule for")
