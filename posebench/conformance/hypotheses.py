"""`hypotheses.npz`, `best_of_m.npz`, `calibration.npz`: D3DP's, Wehrbein et al.'s and Platypose's evaluators."""

from collections.abc import Iterator

import torch
from torch import Tensor

from posebench.cameras import distort
from posebench.conformance.comparison import Comparison, compare, compare_each, compare_worst, failure
from posebench.conformance.stored import StoredArrays
from posebench.metrics.alignment import p_mpjpe
from posebench.metrics.calibration import expected_calibration_error, observed_frequency
from posebench.metrics.hypotheses import (
    align_hypotheses,
    best_of_m_curve,
    hypothesis_errors,
    j_agg,
    j_best,
    p_agg,
    p_best,
    p_best_batch,
)
from posebench.metrics.position import joint_errors, mpjpe
from posebench.metrics.thresholds import HUMAN36M_14, HUMAN36M_CPS, cps, share_within

D3DP_INPUTS = ("gt", "pred", "root", "camera", "keypoints_2d", "reprojected_2d")
D3DP_MODES = ("j_best", "p_agg", "p_best_batch", "j_agg")
BEST_OF_M = ("best_mpjpe", "mean_mpjpe", "first_mpjpe", "best_p_mpjpe", "best_pck150", "cps")


def check_hypotheses(stored: StoredArrays) -> Iterator[Comparison]:
    """D3DP's four choices and their Procrustes-aligned variants, for every iteration; and its reprojection.

    Stored as (clips, iterations, hypotheses, frames, 17, 3). The clips are one
    forward batch: they are joined along frames, over which D3DP's P-Best
    chooses one hypothesis.
    """
    truth, predicted = stored.poses("gt", leading=2), stored.poses("pred", leading=4)
    # In the precision they are stored in: which hypothesis is nearest may hang on the last bit.
    keypoints, reprojected = (
        stored.points(name, leading, (17, 2)) for name, leading in (("keypoints_2d", 2), ("reprojected_2d", 4))
    )
    root, lens = stored.poses("root", joints=1, leading=2), torch.from_numpy(stored["camera"]).double()
    tolerance = stored.tolerance(D3DP_INPUTS)
    ours = _reproject(predicted + root[:, None, None], lens)
    # One number for all points: a coordinate near 0 has no relative difference to speak of.
    size = reprojected.abs().max()
    yield compare(
        "hypotheses/reprojected_2d greatest difference", size, size + (ours - reprojected).abs().max(), tolerance
    )

    iterations = predicted.shape[1]
    truth, keypoints = (_join_clips(x[:, None].expand(-1, iterations, -1, -1, -1)) for x in (truth, keypoints))
    predicted, reprojected = _join_clips(predicted), _join_clips(reprojected)
    aligned = align_hypotheses(predicted, truth)
    poses = {
        "j_best": j_best(predicted, truth),
        "p_agg": p_agg(predicted),
        "p_best_batch": p_best_batch(predicted, truth),
        "j_agg": j_agg(predicted, reprojected, keypoints),
        "p_j_best": j_best(aligned, truth),
        "p_p_best_batch": p_best_batch(aligned, truth),
        "p_j_agg": j_agg(aligned, reprojected, keypoints),
    }
    values = {name: mpjpe(chosen, truth) for name, chosen in poses.items()}
    values["p_p_agg"] = p_mpjpe(poses["p_agg"], truth)
    for mode in (*D3DP_MODES, *(f"p_{mode}" for mode in D3DP_MODES)):
        yield from compare_each(f"hypotheses/{mode}", stored[mode], values[mode].mean(dim=-1).numpy(), tolerance)
    for name in stored.unknown(D3DP_INPUTS, values):
        yield failure(f"hypotheses/{name}", "an array that this version knows no rule for")


def check_best_of_m(stored: StoredArrays) -> Iterator[Comparison]:
    """Wehrbein et al. on (hypotheses, poses, 17, 3): the best hypothesis of every pose, each metric with its own."""
    truth, predicted = stored.poses("gt"), stored.poses("pred", leading=2)
    tolerance = stored.tolerance(("gt", "pred"))
    errors = hypothesis_errors(predicted, truth)
    per_pose = errors.mean(dim=-1)
    aligned = joint_errors(align_hypotheses(predicted, truth), truth.expand_as(predicted)).mean(dim=-1)
    values = {
        "best_mpjpe": mpjpe(p_best(predicted, truth), truth).mean(),
        "mean_mpjpe": per_pose.mean(),
        "first_mpjpe": per_pose[0].mean(),
        "best_p_mpjpe": best_of_m_curve(aligned)[-1].mean(),
        "best_pck150": share_within(errors[..., list(HUMAN36M_14)], 150.0).mean(dim=-1).amax(dim=0).mean(),
        "cps": cps(predicted, truth, HUMAN36M_CPS).mean(),
    }
    for name in BEST_OF_M:
        yield compare(f"best_of_m/{name}", stored[name], values[name], tolerance)
    for name in stored.unknown(("gt", "pred"), BEST_OF_M):
        yield failure(f"best_of_m/{name}", "an array that this version knows no rule for")


def check_calibration(stored: StoredArrays) -> Iterator[Comparison]:
    """Platypose's calibration on (samples, poses, 17, 3)."""
    truth, samples = stored.poses("gt"), stored.poses("samples", leading=2)
    quantiles = stored["quantiles"].tolist()
    tolerance = stored.tolerance(("gt", "samples"))
    observed = observed_frequency(samples, truth, quantiles)
    yield compare_worst("calibration/observed_per_joint", stored["observed_per_joint"], observed.numpy(), tolerance)
    yield compare("calibration/ece", stored["ece"], expected_calibration_error(observed, quantiles), tolerance)
    for name in stored.unknown(("gt", "samples", "quantiles"), ("observed_per_joint", "ece")):
        yield failure(f"calibration/{name}", "an array that this version knows no rule for")


def _reproject(points: Tensor, lens: Tensor) -> Tensor:
    """Camera-space points to normalised screen coordinates, with VideoPose3D's clamp of X/Z and Y/Z to [-1, 1]."""
    x, y = ((points[..., axis] / points[..., 2]).clamp(-1, 1) for axis in (0, 1))
    x, y = distort(x, y, lens)
    return torch.stack([x * lens[0] + lens[2], y * lens[1] + lens[3]], dim=-1)


def _join_clips(values: Tensor) -> Tensor:
    """(clips, iterations, ..., frames, joints, coordinates) to (iterations, ..., clips x frames, joints, coordinates)."""
    return values.movedim(0, -4).flatten(-4, -3)
