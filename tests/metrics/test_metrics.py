"""The laws of the metrics, hand-made values, and the public evaluators' own numbers."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posebench.errors import UsageError
from posebench.metrics.alignment import n_mpjpe, p_mpjpe, procrustes_align
from posebench.metrics.hypotheses import p_agg, p_best
from posebench.metrics.motion import acceleration_error, velocity_error
from posebench.metrics.position import joint_errors, mpjpe
from posebench.metrics.thresholds import auc, pck

seeds = st.integers(0, 2**31)


def poses(seed: int, *lead: int) -> Tensor:
    return torch.randn((*lead, 17, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 300


def rotation(seed: int) -> Tensor:
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    q = q * torch.sign(torch.diagonal(r))
    return q * torch.linalg.det(q)


def test_mpjpe_by_hand() -> None:
    truth = torch.zeros(1, 2, 3)
    predicted = torch.tensor([[[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]]])
    assert joint_errors(predicted, truth).tolist() == [[5.0, 1.0]]
    assert mpjpe(predicted, truth).tolist() == [3.0]


def test_unequal_shapes_are_refused_and_not_broadcast() -> None:
    with pytest.raises(UsageError, match="differ in shape"):
        mpjpe(torch.zeros(4, 17, 3), torch.zeros(1, 17, 3))


@given(seeds, st.floats(0.2, 5))
@settings(max_examples=25)
def test_a_similarity_leaves_p_mpjpe_alone_and_a_mirror_does_not(seed: int, scale: float) -> None:
    predicted, truth = poses(seed, 3), poses(seed + 1, 3)
    moved = scale * predicted @ rotation(seed) + 1000
    torch.testing.assert_close(p_mpjpe(moved, truth), p_mpjpe(predicted, truth), rtol=1e-9, atol=1e-7)
    mirrored = truth * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    assert (p_mpjpe(mirrored, truth) > 10).all()
    torch.testing.assert_close(
        p_mpjpe(scale * truth @ rotation(seed), truth), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-9
    )


@given(seeds, st.floats(0.2, 5))
@settings(max_examples=25)
def test_a_scale_leaves_n_mpjpe_alone(seed: int, scale: float) -> None:
    predicted, truth = poses(seed, 2), poses(seed + 1, 2)
    torch.testing.assert_close(n_mpjpe(scale * predicted, truth), n_mpjpe(predicted, truth))
    torch.testing.assert_close(n_mpjpe(scale * truth, truth), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-9)


@given(seeds)
@settings(max_examples=25)
def test_alignment_never_hurts_the_squared_error(seed: int) -> None:
    predicted, truth = poses(seed, 4), poses(seed + 1, 4)
    aligned = procrustes_align(predicted, truth)
    assert (
        joint_errors(aligned, truth).square().sum(-1) <= joint_errors(predicted, truth).square().sum(-1) + 1e-6
    ).all()


def test_degenerate_predictions_have_a_defined_error() -> None:
    truth = poses(0, 1)
    for collapsed in (torch.zeros_like(truth), torch.full_like(truth, 7.0)):
        centred = (truth - truth.mean(-2, keepdim=True)).norm(dim=-1).mean(-1)
        torch.testing.assert_close(p_mpjpe(collapsed, truth), centred)
    torch.testing.assert_close(n_mpjpe(torch.zeros_like(truth), truth), mpjpe(torch.zeros_like(truth), truth))


def test_pck_and_auc_are_strict_and_auc_cannot_reach_100() -> None:
    truth = torch.zeros(1, 4, 3, dtype=torch.float64)
    predicted = truth.clone()
    predicted[0, :, 0] = torch.tensor([150.0, 149.999, 5.0, 0.0])
    assert pck(predicted, truth).item() == 75.0
    by_definition = [(predicted[0, :, 0] < 5 * i).double().mean() for i in range(31)]
    assert auc(predicted, truth).item() == pytest.approx(100 * float(torch.stack(by_definition).mean()), rel=1e-12)
    assert auc(truth, truth).item() == pytest.approx(100 * 30 / 31, rel=1e-12)


def test_motion_errors_by_hand() -> None:
    t = torch.arange(5, dtype=torch.float64)[:, None, None]
    truth = torch.zeros(5, 2, 3, dtype=torch.float64)
    predicted = truth + torch.cat([t**2, 0 * t, 0 * t], dim=-1)
    assert velocity_error(predicted, truth).tolist() == [1.0, 3.0, 5.0, 7.0]
    assert acceleration_error(predicted, truth).tolist() == [2.0, 2.0, 2.0]


@given(seeds)
@settings(max_examples=10)
def test_more_hypotheses_never_raise_the_best_of_m(seed: int) -> None:
    hypotheses, truth = poses(seed, 6, 3), poses(seed + 1, 3)
    errors = [mpjpe(p_best(hypotheses[:m], truth), truth) for m in range(1, 7)]
    assert all((after <= before).all() for before, after in pairwise(errors))


def test_the_mean_of_hypotheses_takes_weights() -> None:
    hypotheses = torch.stack([torch.zeros(2, 17, 3), torch.ones(2, 17, 3)])
    assert p_agg(hypotheses).unique().tolist() == [0.5]
    weight = torch.tensor([[0.25, 1.0], [0.75, 0.0]])
    assert p_agg(hypotheses, weight)[:, 0, 0].tolist() == [0.75, 0.0]


def test_the_public_evaluators_agree(shared: Path) -> None:
    stored = np.load(shared / "conformance" / "metrics" / "single.npz")
    truth, predicted = torch.from_numpy(stored["gt"]), torch.from_numpy(stored["pred"])
    ours = {
        "mpjpe": mpjpe(predicted, truth),
        "p_mpjpe": p_mpjpe(predicted, truth),
        "n_mpjpe": n_mpjpe(predicted, truth),
        "mpjve": velocity_error(predicted, truth),
        "accel_error": acceleration_error(predicted, truth),
    }
    for name, values in ours.items():
        assert math.isclose(values.mean().item(), float(stored[name]), rel_tol=1e-9), name
    rules = np.load(shared / "conformance" / "metrics" / "rules.npz")
    truth, predicted = torch.from_numpy(rules["threshold_gt"]), torch.from_numpy(rules["threshold_pred"])
    fourteen = [joint for joint in range(17) if joint not in (0, 7, 9)]
    assert pck(predicted[:, fourteen], truth[:, fourteen]).mean().item() == pytest.approx(
        float(rules["pck150_strict_14"]), rel=1e-9
    )
    assert auc(predicted[:, fourteen], truth[:, fourteen]).mean().item() == pytest.approx(
        float(rules["auc31_strict_14"]), rel=1e-9
    )
