"""PCK, AUC and CPS: what lies on a threshold, what the variants may reach, and NaN, which must not pass for a miss."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posebench.errors import NotFiniteError
from posebench.metrics import thresholds
from posebench.metrics.position import joint_errors
from posebench.metrics.table import METRICS
from posebench.metrics.threedpw import (
    SMPL_12,
    challenge_auc,
    challenge_auc_by_quadrature,
    challenge_pck,
    relative_to_root,
)
from posebench.metrics.thresholds import (
    HUMAN36M_14,
    HUMAN36M_CPS,
    MPI3DHP_GROUPS,
    OFFICIAL_THRESHOLDS,
    area_under_pck,
    auc,
    auc_continuous,
    auc_without_zero,
    cps,
    pck,
    pck_inclusive,
    share_within,
)

seeds = st.integers(0, 2**31)


def poses(seed: int, *lead: int, joints: int = 17, size: float = 60) -> Tensor:
    return size * torch.randn((*lead, joints, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def at(*errors: float) -> tuple[Tensor, Tensor]:
    """A pose whose joints err by exactly so many mm."""
    truth = torch.zeros(len(errors), 3, dtype=torch.float64)
    predicted = truth.clone()
    predicted[:, 0] = torch.tensor(errors, dtype=torch.float64)
    return predicted, truth


def test_an_error_on_a_threshold_passes_only_where_the_rule_says_so() -> None:
    predicted, truth = at(150.0, 149.999, 5.0, 0.0)
    assert pck(predicted, truth).item() == 75.0
    assert pck_inclusive(predicted, truth).item() == 100.0
    below = torch.tensor(150.0, dtype=torch.float64).nextafter(torch.tensor(0.0, dtype=torch.float64))
    for threshold in OFFICIAL_THRESHOLDS[1:]:
        edge = torch.tensor([threshold, threshold - float(150 - below)], dtype=torch.float64)
        rank = round(threshold / 5)
        assert (area_under_pck(edge, OFFICIAL_THRESHOLDS) * 31).tolist() == pytest.approx([30 - rank, 31 - rank])
        assert (area_under_pck(edge, OFFICIAL_THRESHOLDS, True) * 31).tolist() == pytest.approx([31 - rank, 31 - rank])


def test_perfect_poses_reach_the_most_that_each_variant_allows() -> None:
    predicted, truth = at(0.0, 0.0)
    assert auc(predicted, truth).item() == pytest.approx(100 * 30 / 31, rel=1e-14)
    assert auc(predicted, truth).item() <= 96.775
    assert auc_without_zero(predicted, truth).item() == 100.0
    assert auc_continuous(predicted, truth).item() == 100.0
    body = poses(0, 3, joints=24)
    assert challenge_auc(body, body).tolist() == [100.0] * 3
    assert challenge_auc_by_quadrature(body, body) == pytest.approx(100.0)


@given(seeds, st.floats(1, 300))
@settings(max_examples=30)
def test_variants_stand_in_their_known_relations(seed: int, size: float) -> None:
    predicted, truth = poses(seed, 5, size=size), torch.zeros(5, 17, 3, dtype=torch.float64)
    errors = joint_errors(predicted, truth)
    assert (auc(predicted, truth) <= 100 * 30 / 31).all()
    torch.testing.assert_close(auc_without_zero(predicted, truth), auc(predicted, truth) * 31 / 30)
    assert (pck_inclusive(predicted, truth) >= pck(predicted, truth)).all()
    # What posebench wrote before the thresholds became an argument: records hold its very bits.
    passed = (30 - torch.floor(errors / 5)).clamp(min=0)
    assert torch.equal(auc(predicted, truth), (passed / 31).mean(dim=-1) * 100)
    by_definition = torch.stack([(errors < t).double().mean(-1) for t in OFFICIAL_THRESHOLDS]).mean(0) * 100
    torch.testing.assert_close(auc(predicted, truth), by_definition)
    trapezoids = torch.trapezoid(torch.stack([(errors <= t).double() for t in range(200)]), dim=0) / 199
    torch.testing.assert_close(area_under_pck(errors, range(200), inclusive=True, trapezoid=True), trapezoids)


def test_joint_sets() -> None:
    assert sorted(j for group in MPI3DHP_GROUPS.values() for j in group) == list(range(14))
    assert set(range(17)) - set(HUMAN36M_14) == {0, 7, 9}
    assert set(range(17)) - set(HUMAN36M_CPS) == {7}
    assert set(SMPL_12) == {1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21}
    body = poses(1, 2, joints=24)
    other = body.clone()
    other[:, [j for j in range(24) if j not in SMPL_12]] += 1000
    used = list(SMPL_12)
    assert METRICS["pck50_inclusive"].values(other[:, used], body[:, used]).tolist() == [100.0, 100.0]
    other[:, 1] += 1000
    assert challenge_pck(other[:, used], body[:, used]).tolist() == pytest.approx([100 * 11 / 12] * 2)
    assert challenge_pck(*at(50.0, 50.001, 0.0, 49.0)).item() == 75.0


def test_the_challenge_is_root_relative_and_its_quadrature_is_near_its_trapezoids() -> None:
    truth, predicted = poses(2, 50, joints=24, size=300), poses(3, 50, joints=24)
    predicted = truth + predicted
    here = relative_to_root(predicted), relative_to_root(truth)
    moved = relative_to_root(predicted + 777), relative_to_root(truth)
    torch.testing.assert_close(challenge_pck(*moved), challenge_pck(*here))
    exact = challenge_auc(*here).mean().item()
    assert challenge_auc_by_quadrature(*here) == pytest.approx(exact, rel=1e-4)
    assert METRICS["auc_3dpw"].values(*here).mean().item() == exact
    errors = joint_errors(*here)
    curve = torch.stack([(errors <= t).double().mean() for t in range(200)])
    assert exact == pytest.approx(100 * torch.trapezoid(curve).item() / 199, rel=1e-12)


def test_cps_of_poses_that_are_known() -> None:
    truth = poses(4, 3, size=300)
    perfect = cps(truth[None], truth)
    assert perfect.tolist() == [299.0] * 3
    bad = truth.clone()
    bad[:, 5] += 5000
    assert (cps(bad[None], truth) < 250).all()
    assert cps(torch.stack([bad, truth]), truth).tolist() == [299.0] * 3
    # A joint that does not count still takes part in the alignment.
    assert (cps(bad[None], truth, [j for j in range(17) if j != 5]) < 299).all()
    collapsed = torch.zeros_like(truth)[None]
    farthest = (truth - truth.mean(-2, keepdim=True)).norm(dim=-1).amax(-1)
    wanted = torch.stack([torch.trapezoid((f < torch.arange(1, 301)).double()) for f in farthest])
    torch.testing.assert_close(cps(collapsed, truth), wanted)


def test_cps_takes_leading_dimensions_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, several = poses(5, 2, 7, size=300), poses(6, 2, 4, 7, size=40)
    several = several + truth[:, None]
    whole = cps(several, truth)
    assert whole.shape == (2, 7)
    assert torch.equal(whole[1], cps(several[1], truth[1]))
    monkeypatch.setattr(thresholds, "CHUNK", 9)
    assert torch.equal(cps(several, truth), whole)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "metric", [pck, pck_inclusive, auc, auc_without_zero, auc_continuous, challenge_pck, challenge_auc, challenge_auc_by_quadrature]
)  # fmt: skip
def test_what_is_not_finite_is_refused_and_not_a_miss(metric: Callable[[Tensor, Tensor], object], value: float) -> None:
    truth, broken = poses(0, 2, joints=24), poses(1, 2, joints=24)
    broken[1, 4, 2] = value
    with pytest.raises(NotFiniteError, match="NaN or infinity"):
        metric(broken, truth)


def test_cps_and_shares_refuse_nan() -> None:
    truth = poses(0, 2)
    for broken, true in ((truth * float("nan"), truth), (truth, truth * float("nan"))):
        with pytest.raises(NotFiniteError):
            cps(broken[None], true)
    with pytest.raises(NotFiniteError):
        share_within(torch.tensor([float("nan")]), 150.0)


def test_no_poses_have_no_share() -> None:
    empty = torch.zeros(0, 17, 3, dtype=torch.float64)
    assert pck(empty, empty).shape == (0,)
    assert auc(empty, empty).shape == (0,)
    assert cps(empty[None], empty).shape == (0,)
