"""Every metric against its definition, computed by plain loops (`plain_definitions.py`)."""

import json

import numpy as np
import pytest
import torch
from plain_definitions import BONES, GOLDEN, QUANTILES, definitions, inputs

from posebench.metrics.absolute import absolute_mpjpe, root_error
from posebench.metrics.alignment import n_mpjpe, p_mpjpe
from posebench.metrics.bones import bone_length_error, bone_length_jitter, symmetry_error
from posebench.metrics.calibration import energy_score, expected_calibration_error, observed_frequency, spread
from posebench.metrics.hypotheses import (
    J_AGG,
    J_BEST,
    MEDIAN,
    P_AGG,
    P_BEST,
    P_BEST_ALIGNED,
    WORST,
    align_hypotheses,
    best_of_m_curve,
    hypothesis_errors,
    p_best_batch,
)
from posebench.metrics.motion import acceleration_error, jitter, velocity_error
from posebench.metrics.position import axis_errors, depth_error, mpjpe
from posebench.metrics.table import METRICS
from posebench.metrics.thresholds import (
    HUMAN36M_14,
    HUMAN36M_CPS,
    area_under_pck,
    auc,
    auc_continuous,
    auc_without_zero,
    cps,
    pck,
    pck_inclusive,
)
from posebench.skeletons import HUMAN36M_17

WANTED = json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_stored_values_are_those_of_the_definitions() -> None:
    fresh = definitions()
    assert fresh["single"] == pytest.approx(WANTED["single"], rel=1e-12)
    assert fresh["several"] == pytest.approx(WANTED["several"], rel=1e-12)
    assert fresh["ece"] == pytest.approx(WANTED["ece"], rel=1e-12)
    assert np.array(fresh["observed"]) == pytest.approx(np.array(WANTED["observed"]), rel=1e-12)


def test_single_hypotheses() -> None:
    truth, poses, _, _ = (torch.from_numpy(x) for x in inputs())
    predicted, used = poses[0], list(HUMAN36M_14)
    p14, t14 = predicted[:, used], truth[:, used]
    ours = {
        "mpjpe": mpjpe(predicted, truth),
        "p_mpjpe": p_mpjpe(predicted, truth),
        "n_mpjpe": n_mpjpe(predicted, truth),
        "depth": depth_error(predicted, truth),
        "mpjve": velocity_error(predicted, truth),
        "accel": acceleration_error(predicted, truth),
        "jitter": jitter(predicted),
        "pck150": pck(p14, t14),
        "pck100_inclusive": pck_inclusive(predicted, truth, 100.0),
        "auc": auc(p14, t14),
        "auc_without_zero": auc_without_zero(p14, t14),
        "auc_continuous": auc_continuous(p14, t14),
        "auc_challenge": 100
        * area_under_pck((predicted - truth).norm(dim=-1)[:, :12], range(200), inclusive=True, trapezoid=True),
        "bone_length_error": bone_length_error(predicted, truth, BONES),
        "symmetry_error": symmetry_error(predicted, HUMAN36M_17),
        "bone_length_jitter": bone_length_jitter(predicted, HUMAN36M_17.bones),
        "root_error": root_error(predicted, truth),
    }
    assert {name: value.mean().item() for name, value in ours.items()} == pytest.approx(WANTED["single"], rel=1e-10)
    assert torch.equal(axis_errors(predicted, truth)[:, 2], depth_error(predicted, truth))
    assert torch.equal(absolute_mpjpe(predicted, truth), mpjpe(predicted, truth))
    for name, metric in METRICS.items():
        joints = used if metric.joints == "pck" else slice(None)
        value = metric.values(predicted[:, joints], truth[:, joints]).mean().item()
        same = {"auc30": "auc_without_zero", "pck150_inclusive": "pck150"}.get(name, name.removesuffix("_s"))
        if (
            metric.absolute
            or metric.joints.startswith("group:")
            or name in ("pck50_inclusive", "auc_3dpw", "p_mpjpe_reflected")
        ):
            # Tested with the scoring of absolute poses, on other joints in test_thresholds.py, mirrored in test_alignment.py.
            continue
        assert value == pytest.approx(WANTED["single"][same], rel=1e-10), name
    orders = {"mpjve_s": 1, "accel_s": 2, "jitter_s": 3}
    assert {name: metric.per_second for name, metric in METRICS.items() if metric.per_second} == orders


def test_several_hypotheses() -> None:
    truth, poses, reprojected, keypoints = (torch.from_numpy(x) for x in inputs())
    moved = align_hypotheses(poses, truth)

    def modes(some: torch.Tensor) -> dict[str, torch.Tensor]:
        return {
            "j_best": mpjpe(J_BEST.select(some, truth), truth),
            "p_best": mpjpe(P_BEST.select(some, truth), truth),
            "p_best_batch": mpjpe(p_best_batch(some, truth), truth),
            "j_agg": mpjpe(J_AGG.combine(some, reprojected, keypoints), truth),
        }

    ours = {
        **modes(poses),
        **{f"p_{name}": value for name, value in modes(moved).items()},
        "p_agg": mpjpe(P_AGG.combine(poses, None), truth),
        "p_p_best": p_mpjpe(P_BEST_ALIGNED.select(poses, truth), truth),
        "p_p_agg": p_mpjpe(P_AGG.combine(poses, None), truth),
        "median": mpjpe(MEDIAN.select(poses, truth), truth),
        "worst": mpjpe(WORST.select(poses, truth), truth),
        "best_of_3": best_of_m_curve(hypothesis_errors(poses, truth).mean(-1))[2],
        "cps": cps(poses, truth, HUMAN36M_CPS),
        "energy_score": energy_score(poses, truth),
        "spread": spread(poses),
    }
    assert {name: value.mean().item() for name, value in ours.items()} == pytest.approx(WANTED["several"], rel=1e-10)


def test_calibration() -> None:
    truth, poses, _, _ = (torch.from_numpy(x) for x in inputs())
    observed = observed_frequency(poses, truth, QUANTILES)
    torch.testing.assert_close(observed, torch.tensor(WANTED["observed"], dtype=torch.float64), rtol=0, atol=1e-12)
    assert expected_calibration_error(observed).item() == pytest.approx(WANTED["ece"], rel=1e-12)
