"""Choosing among hypotheses and judging them as samples: laws, types, and input that has no answer."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posebench.errors import NotFiniteError, UsageError
from posebench.metrics import calibration
from posebench.metrics.calibration import (
    QUANTILES,
    energy_score,
    expected_calibration_error,
    observed_frequency,
    spread,
)
from posebench.metrics.hypotheses import (
    AGGREGATES,
    J_AGG,
    AssistedAggregate,
    HonestAggregate,
    OracleSelection,
    align_hypotheses,
    best_of_m_curve,
    hypothesis_errors,
    j_agg,
    j_best,
    median_hypothesis,
    p_agg,
    p_best,
    p_best_aligned,
    p_best_batch,
    worst_hypothesis,
)
from posebench.metrics.position import mpjpe
from posebench.metrics.thresholds import cps
from posebench.results.score import column_of

seeds = st.integers(0, 2**31)


def poses(seed: int, *lead: int) -> Tensor:
    return 300 * torch.randn((*lead, 17, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds, st.integers(1, 6))
@settings(max_examples=30)
def test_the_order_of_the_choices(seed: int, count: int) -> None:
    several, truth = poses(seed, count, 4), poses(seed + 1, 4)
    errors = hypothesis_errors(several, truth).mean(-1)
    best, joint = mpjpe(p_best(several, truth), truth), mpjpe(j_best(several, truth), truth)
    middle, worst = mpjpe(median_hypothesis(several, truth), truth), mpjpe(worst_hypothesis(several, truth), truth)
    tiny = 1e-9
    assert (joint <= best + tiny).all()
    assert (best <= errors + tiny).all()
    assert (best <= middle + tiny).all()
    assert (middle <= worst + tiny).all()
    assert best.mean() <= mpjpe(p_best_batch(several, truth), truth).mean() + tiny
    assert mpjpe(p_agg(several), truth).mean() <= errors.mean() + tiny
    torch.testing.assert_close(middle, errors.sort(dim=0).values[(count - 1) // 2])
    torch.testing.assert_close(worst, errors.amax(0))


@given(seeds)
@settings(max_examples=20)
def test_more_hypotheses_never_raise_the_best(seed: int) -> None:
    several, truth = poses(seed, 6, 3), poses(seed + 1, 3)
    curve = best_of_m_curve(hypothesis_errors(several, truth).mean(-1))
    assert all((after <= before).all() for before, after in pairwise(curve))
    for m in range(1, 7):
        torch.testing.assert_close(curve[m - 1], mpjpe(p_best(several[:m], truth), truth))


def test_leading_dimensions_are_independent() -> None:
    several, truth, pixels, points = poses(0, 2, 5, 4), poses(1, 2, 4), poses(2, 2, 5, 4), poses(3, 2, 4)
    for function in (
        p_best,
        p_best_aligned,
        p_best_batch,
        j_best,
        median_hypothesis,
        worst_hypothesis,
        align_hypotheses,
        energy_score,
    ):
        both = function(several, truth)
        for k in range(2):
            assert torch.equal(both[k], function(several[k], truth[k])), function
    assert torch.equal(j_agg(several, pixels, points)[1], j_agg(several[1], pixels[1], points[1]))
    observed = observed_frequency(several, truth)
    assert observed.shape == (2, 21, 17)
    assert torch.equal(observed[1], observed_frequency(several[1], truth[1]))
    assert torch.equal(spread(several)[1], spread(several[1]))


def test_the_best_by_p_mpjpe_is_another_than_the_best_by_mpjpe() -> None:
    truth = poses(0, 3)
    turned = torch.stack([-truth[..., 1], truth[..., 0], truth[..., 2]], dim=-1)
    several = torch.stack([truth + poses(1, 3) / 10, turned])
    assert torch.equal(p_best(several, truth), several[0])
    assert torch.equal(p_best_aligned(several, truth), several[1])


def test_the_best_of_a_batch_is_one_hypothesis_and_depends_on_the_batch() -> None:
    truth = torch.zeros(2, 17, 3, dtype=torch.float64)
    several = torch.stack([truth, truth])
    several[0, 0], several[1, 1], several[0, 1], several[1, 0] = 0.0, 0.0, 30.0, 60.0
    whole = p_best_batch(several, truth)
    assert torch.equal(whole, several[0])
    alone = torch.cat([p_best_batch(several[:, k : k + 1], truth[k : k + 1]) for k in range(2)])
    assert mpjpe(alone, truth).tolist() == [0.0, 0.0]


def test_j_agg_follows_the_image_and_never_the_truth() -> None:
    several = torch.stack([torch.full((1, 17, 3), float(h)) for h in range(3)])
    keypoints = torch.zeros(1, 17, 2)
    reprojected = torch.full((3, 1, 17, 2), 9.0)
    reprojected[2] = 1.0
    reprojected[1, 0, 5] = 0.5
    chosen = j_agg(several, reprojected, keypoints)[0, :, 0]
    assert chosen[5] == 1
    assert chosen[[j for j in range(17) if j != 5]].unique().tolist() == [2.0]
    assert torch.equal(J_AGG.combine(several, torch.zeros_like(reprojected), keypoints), several[0])


def test_three_types_and_honest_columns_hold_one() -> None:
    assert isinstance(J_AGG, AssistedAggregate)
    assert not isinstance(J_AGG, HonestAggregate | OracleSelection)
    columns = {name: column_of(name, ()) for name in AGGREGATES}
    assert [name for name, column in columns.items() if column == "honest"] == ["p-agg"]
    assert [name for name, column in columns.items() if column == "assisted"] == ["j-agg"]
    assert {type(AGGREGATES[name]) for name, column in columns.items() if column == "oracle"} == {OracleSelection}


def test_choices_refuse_nan_and_the_mean_shows_it() -> None:
    truth, several = poses(0, 2), poses(1, 3, 2)
    several[1, 0, 4, 0] = float("nan")
    for function in (
        p_best,
        p_best_aligned,
        p_best_batch,
        j_best,
        median_hypothesis,
        worst_hypothesis,
        energy_score,
        observed_frequency,
    ):
        with pytest.raises(NotFiniteError, match="NaN or infinity"):
            function(several, truth)
    with pytest.raises(NotFiniteError):
        spread(several)
    with pytest.raises(NotFiniteError):
        j_agg(several, several[..., :2], truth[..., :2])
    with pytest.raises(NotFiniteError):
        best_of_m_curve(several[..., 4, 0])
    with pytest.raises(NotFiniteError):
        expected_calibration_error(torch.full((21, 17), float("nan")))
    assert p_agg(several).isnan().sum() == 1


def test_weights_without_a_sum_are_refused() -> None:
    with pytest.raises(UsageError, match="do not sum to more than 0"):
        p_agg(poses(0, 2, 3), torch.tensor([[0.5, 0.0, 1.0], [0.5, 0.0, 0.0]]))


def test_unequal_shapes_are_refused() -> None:
    for function in (p_best, j_best, energy_score, observed_frequency, cps):
        with pytest.raises(UsageError, match="differ in shape"):
            function(poses(0, 3, 4), poses(1, 5))


def test_one_hypothesis_is_every_choice() -> None:
    several, truth = poses(0, 1, 3), poses(1, 3)
    for function in (p_best, p_best_aligned, p_best_batch, j_best, median_hypothesis, worst_hypothesis):
        assert torch.equal(function(several, truth), several[0])
    torch.testing.assert_close(energy_score(several, truth), mpjpe(several[0], truth))
    assert spread(several).tolist() == [0.0] * 3
    assert observed_frequency(several, truth).unique().tolist() == [0.0]


@given(seeds, st.integers(1, 7))
@settings(max_examples=25)
def test_the_truth_as_one_more_sample_lowers_the_energy_score_by_a_known_factor(seed: int, count: int) -> None:
    several, truth = poses(seed, count, 3), poses(seed + 1, 3)
    before, after = energy_score(several, truth), energy_score(torch.cat([several, truth[None]]), truth)
    assert (before > 0).all()
    assert (after < before).all()
    # mean |x - y| falls by m/(m+1), and the pairs with the truth take the rest: (m/(m+1)) squared in all.
    torch.testing.assert_close(after, before * (count / (count + 1)) ** 2)


def test_the_true_distribution_has_the_least_energy_score_and_error_of_calibration() -> None:
    stream = torch.Generator().manual_seed(0)
    truth = torch.randn(400, 1, 3, generator=stream, dtype=torch.float64)
    samples = torch.randn(60, 400, 1, 3, generator=stream, dtype=torch.float64)
    scores = {scale: energy_score(scale * samples, truth).mean().item() for scale in (0.3, 1.0, 3.0)}
    assert min(scores, key=scores.__getitem__) == 1.0
    errors = {
        scale: expected_calibration_error(observed_frequency(scale * samples, truth)).item()
        for scale in (0.3, 1.0, 3.0)
    }
    assert errors[1.0] < 0.06 < min(errors[0.3], errors[3.0])
    assert spread(samples).mean().item() == pytest.approx(3**0.5, rel=0.05)


def test_calibration_follows_numpys_rule_the_lower_median_and_strictness(monkeypatch: pytest.MonkeyPatch) -> None:
    along = torch.tensor([0.0, 1.0, 2.0, 10.0], dtype=torch.float64)
    samples = torch.zeros(4, 3, 1, 3, dtype=torch.float64)
    samples[:, :, 0, 0] = along[:, None]
    truth = torch.zeros(3, 1, 3, dtype=torch.float64)
    truth[:, 0, 0] = torch.tensor([1.0, 2.0, 1 + 8.9])
    # The lower median is 1, distances are 0 1 1 9; the truths lie 0, 1 and 8.9 away.
    distances = np.array([1.0, 0.0, 1.0, 9.0])
    wanted = [np.mean(np.array([0.0, 1.0, 8.9]) < np.quantile(distances, q)) for q in QUANTILES]
    observed = observed_frequency(samples, truth)
    assert observed[:, 0].tolist() == pytest.approx(wanted)
    assert observed[0, 0] == 0
    monkeypatch.setattr(calibration, "CHUNK", 5)
    assert torch.equal(observed_frequency(samples, truth), observed)
    # Of an even number of joints the middle two are averaged.
    two = torch.stack([torch.tensor(QUANTILES), torch.tensor(QUANTILES) + 0.2], dim=-1)
    assert expected_calibration_error(two).item() == pytest.approx(0.1)
