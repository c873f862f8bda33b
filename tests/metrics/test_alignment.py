"""Procrustes alignment in closed form, against a plain float64 SVD, on ordinary poses and on awkward ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from posebench.errors import UsageError
from posebench.metrics import alignment
from posebench.metrics.alignment import p_mpjpe, p_mpjpe_with_reflections, procrustes_align

Measure = Callable[[Tensor, Tensor], Tensor]
Array = NDArray[np.float64]
MIRROR = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
FLAT = torch.tensor([1.0, 0.6, 0.0], dtype=torch.float64)
LINE = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
COUNT = 300


def by_numpy(predicted: Tensor, truth: Tensor, reflections: bool = False) -> Array:
    """The rule written plainly: the aligned poses by a float64 SVD of the covariance."""
    x, y = predicted.numpy().astype(float), truth.numpy().astype(float)
    x0, y0 = x - x.mean(-2, keepdims=True), y - y.mean(-2, keepdims=True)
    size_x, size_y = (np.abs(v).max((-2, -1), keepdims=True) for v in (x0, y0))
    x0, y0 = x0 / size_x, y0 / size_y
    u, s, vt = np.linalg.svd(x0.swapaxes(-2, -1) @ y0)
    turn = np.ones_like(s)
    if not reflections:
        turn[..., 2] = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    scale = (s * turn).sum(-1) / (x0**2).sum((-2, -1))
    moved: Array = size_y * scale[..., None, None] * (x0 @ ((u * turn[..., None, :]) @ vt)) + y.mean(-2, keepdims=True)
    return moved


def errors_by_numpy(predicted: Tensor, truth: Tensor, reflections: bool = False) -> Array:
    """P-MPJPE from the plain rule."""
    distances: Array = np.linalg.norm(by_numpy(predicted, truth, reflections) - truth.numpy(), axis=-1)
    return distances.mean(-1)


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bodies(seed: int, count: int = COUNT, joints: int = 17) -> Tensor:
    """Poses longer than wide, some metres from the origin, turned at random; mm."""
    shape = torch.tensor([150.0, 90.0, 450.0], dtype=torch.float64)
    turned = (noise(seed, count, joints, 3) * shape) @ torch.linalg.qr(noise(seed + 1, count, 3, 3))[0]
    return turned + 1000 * noise(seed + 2, count, 1, 3)


def turned(seed: int, poses: Tensor) -> Tensor:
    q = torch.linalg.qr(noise(seed, len(poses), 3, 3))[0]
    return poses @ (q * torch.linalg.det(q)[:, None, None])


#: Pairs of predicted and true poses for which the plain rule has one answer.
PAIRS: dict[str, tuple[Tensor, Tensor]] = {
    "similar": (bodies(0) + 40 * noise(1, COUNT, 17, 3), bodies(0)),
    "unrelated": (bodies(2), bodies(3)),
    "mirrored": (bodies(4) * MIRROR + 30 * noise(5, COUNT, 17, 3), bodies(4)),
    "mirrored exactly": (bodies(4) * MIRROR, bodies(4)),
    "nearly planar": (turned(6, bodies(7) * FLAT + 1e-6 * noise(8, COUNT, 17, 3)), bodies(7)),
    "planar": (turned(6, noise(9, COUNT, 17, 3) * FLAT), bodies(7)),
    "planar truth": (bodies(7), turned(10, 300 * noise(9, COUNT, 17, 3) * FLAT)),
    "both planar": (turned(11, noise(12, COUNT, 17, 3) * FLAT), 300 * noise(12, COUNT, 17, 3) * FLAT + 5),
    "nearly collapsed": (1e-7 * noise(13, COUNT, 17, 3), bodies(14)),
    "tiny": (1e-130 * noise(15, COUNT, 17, 3), 1e-100 * noise(16, COUNT, 17, 3)),
    "tinier": (1e-160 * noise(15, COUNT, 17, 3), bodies(16)),
    "huge": (1e170 * noise(17, COUNT, 17, 3), 1e100 * noise(18, COUNT, 17, 3)),
    "tiny beside huge": (1e-160 * noise(15, COUNT, 17, 3), 1e30 * noise(16, COUNT, 17, 3)),
    "huge beside tiny": (1e160 * noise(17, COUNT, 17, 3), 1e-30 * noise(18, COUNT, 17, 3)),
    "collinear": (turned(19, noise(20, COUNT, 17, 3) * LINE), bodies(21)),
    "collinear truth": (bodies(22), turned(23, 400 * noise(20, COUNT, 17, 3) * LINE)),
    "three joints": (bodies(24, joints=3), bodies(25, joints=3)),
}


@pytest.mark.parametrize("reflections", [False, True])
@pytest.mark.parametrize("kind", PAIRS)
def test_the_error_is_that_of_a_float64_svd(kind: str, reflections: bool) -> None:
    predicted, truth = PAIRS[kind]
    metric = p_mpjpe_with_reflections if reflections else p_mpjpe
    spread = (truth - truth.mean(1, keepdim=True)).norm(dim=-1).mean(-1).numpy()
    difference = np.abs(metric(predicted, truth).numpy() - errors_by_numpy(predicted, truth, reflections))
    assert (difference <= 1e-10 * spread).all(), (difference / spread).max()


@pytest.mark.parametrize("kind", ["similar", "unrelated", "mirrored", "nearly planar", "planar", "nearly collapsed"])
def test_float32_poses_keep_what_is_promised(kind: str) -> None:
    predicted, truth = (poses.float() for poses in PAIRS[kind])
    difference = np.abs(procrustes_align(predicted, truth).numpy() - by_numpy(predicted, truth))
    assert difference.max() <= 1e-3
    mean = errors_by_numpy(predicted, truth).mean()
    assert p_mpjpe(predicted, truth).mean().item() == pytest.approx(mean, abs=1e-5)
    assert p_mpjpe(predicted, truth).dtype == torch.float64


@pytest.mark.parametrize("reflections", [False, True])
def test_ordinary_planar_and_mirrored_poses_stay_in_closed_form(
    reflections: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    def count(predicted: Tensor, truth: Tensor, reflections: bool) -> Tensor:
        sent.append(len(predicted))
        return truth.double() * 0

    monkeypatch.setattr(alignment, "_left_by_svd", count)
    for kind in ("similar", "mirrored", "mirrored exactly", "nearly planar", "planar", "planar truth", "both planar"):
        procrustes_align(*PAIRS[kind], reflections=reflections)
    assert sum(sent) <= 3, "of 2100 poses some went to the slow SVD"
    procrustes_align(*PAIRS["collinear"], reflections=reflections)
    assert sum(sent) >= COUNT, "a pose without a unique rotation must not stay in closed form"


def test_closed_form_and_svd_meet_at_the_limit_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mirrored poses whose two smaller spreads come together, from where the closed form is used to where it is not."""
    steps = torch.logspace(-9, 0, COUNT, dtype=torch.float64)[:, None]
    # Orthonormal columns, so that the covariance is diagonal and its singular values are what is asked for.
    basis = torch.linalg.qr(noise(30, COUNT, 17, 3) - noise(30, COUNT, 17, 3).mean(1, keepdim=True))[0]
    truth = basis * torch.cat([torch.ones_like(steps), 0.3 * torch.ones_like(steps), 0.3 - 0.2 * steps], 1)[:, None]
    predicted = 400 * truth * MIRROR + noise(31, COUNT, 1, 3)
    predicted, truth = turned(32, predicted), 400 * truth
    closed, plain = procrustes_align(predicted, truth), torch.from_numpy(by_numpy(predicted, truth))
    monkeypatch.setattr(alignment, "LEAST_DEFINED", float("inf"))
    exact = procrustes_align(predicted, truth)
    assert not torch.equal(closed, exact)
    # Towards equal spreads the rotation itself loses digits in any solver; the squared error does not.
    for least, tolerance in ((1e-6, 1e-6), (1e-4, 1e-8), (1e-2, 1e-10)):
        defined = steps[:, 0] > least
        for other in (plain, exact):
            torch.testing.assert_close(closed[defined], other[defined], rtol=0, atol=tolerance)
    squares = [(moved - truth).square().sum((1, 2)) for moved in (closed, plain, exact)]
    for other in squares[1:]:
        torch.testing.assert_close(squares[0], other, rtol=1e-12, atol=0)


@pytest.mark.parametrize("joints", [2, 14, 17, 133])
@pytest.mark.parametrize("metric", [p_mpjpe, p_mpjpe_with_reflections])
def test_a_pose_has_the_same_bits_in_any_batch_and_with_any_threads(metric: Measure, joints: int) -> None:
    truth = bodies(40, 4000, joints).float()
    predicted = truth + 60 * noise(41, 4000, joints, 3).float()
    together = metric(predicted, truth)
    for i in (0, 1, 62, 63, 64, 65, 1790, 1791, 1792, 3583, 3584, 3999):
        assert torch.equal(metric(predicted[i : i + 1], truth[i : i + 1]), together[i : i + 1]), i
    for part in (slice(3, 3000), slice(1791, 1793), slice(100, 341)):
        assert torch.equal(metric(predicted[part], truth[part]), together[part])
    threads = torch.get_num_threads()
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            assert torch.equal(metric(predicted, truth), together)
    finally:
        torch.set_num_threads(threads)


@given(st.integers(0, 2**31), st.floats(1e-3, 1e3))
@settings(max_examples=25)
def test_what_each_variant_ignores(seed: int, scale: float) -> None:
    truth = bodies(seed, 3)
    predicted = truth + 50 * noise(seed + 9, 3, 17, 3)
    moved = scale * turned(seed + 4, predicted) + 1000
    torch.testing.assert_close(p_mpjpe(moved, truth), p_mpjpe(predicted, truth), rtol=1e-9, atol=1e-8)
    mirrored = moved * MIRROR
    reflected = p_mpjpe_with_reflections(predicted, truth)
    torch.testing.assert_close(p_mpjpe_with_reflections(mirrored, truth), reflected, rtol=1e-9, atol=1e-8)
    assert (p_mpjpe(truth * MIRROR, truth) > 5).all()
    assert (p_mpjpe_with_reflections(scale * turned(seed + 5, truth * MIRROR), truth) < 1e-8).all()
    proper, free = (
        (procrustes_align(mirrored, truth, reflections=allowed) - truth).square().sum((1, 2))
        for allowed in (False, True)
    )
    assert (free <= proper).all()


@pytest.mark.parametrize("metric", [p_mpjpe, p_mpjpe_with_reflections])
def test_poses_without_extent(metric: Measure) -> None:
    truth = bodies(50, 5)
    middle = truth.mean(1, keepdim=True)
    for value in (0.0, 7.1, -1e9, 1e200):
        collapsed = torch.full_like(truth, value)
        torch.testing.assert_close(metric(collapsed, truth), (truth - middle).norm(dim=-1).mean(-1), rtol=1e-13, atol=0)
        torch.testing.assert_close(procrustes_align(collapsed, truth), middle.expand_as(truth), rtol=0, atol=1e-9)
    one_place = torch.full_like(truth, 4321.1)
    assert (metric(truth, one_place) < 1e-9).all()
    assert (metric(one_place, one_place) < 1e-9).all()
    assert (metric(truth[:, :1], truth[:, :1] + 5) < 1e-9).all(), "one joint lies on its truth"
    assert metric(truth, truth).max() < 1e-9


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("damaged", ["predicted", "truth"])
@pytest.mark.parametrize("metric", [p_mpjpe, p_mpjpe_with_reflections])
def test_a_pose_that_is_not_finite_has_the_error_nan_and_its_neighbours_do_not(
    metric: Measure, damaged: str, value: float
) -> None:
    pair = {"predicted": bodies(60, 70), "truth": bodies(61, 70)}
    whole = metric(pair["predicted"], pair["truth"])
    pair[damaged][3, 5, 1] = value
    pair["predicted"][4] = 0
    pair[damaged][4, 0, 2] = value
    errors = metric(pair["predicted"], pair["truth"])
    assert errors[3:5].isnan().all()
    assert torch.equal(errors[5:], whole[5:])
    assert torch.equal(errors[:3], whole[:3])
    assert procrustes_align(pair["predicted"], pair["truth"])[3:5].isnan().any(-1).all()


def test_poses_too_large_for_their_squares_are_never_silently_finite() -> None:
    truth = bodies(62, 4)
    assert not torch.isfinite(p_mpjpe(truth, 1e200 * truth)).any()
    assert not torch.isfinite(p_mpjpe(1e308 * torch.sign(noise(63, 4, 17, 3)), truth)).any()


def test_any_leading_dimensions_strides_and_dtypes() -> None:
    predicted, truth = bodies(70, 24).view(2, 3, 4, 17, 3), bodies(71, 24).view(2, 3, 4, 17, 3)
    flat = p_mpjpe(predicted.reshape(-1, 17, 3), truth.reshape(-1, 17, 3))
    assert torch.equal(p_mpjpe(predicted, truth), flat.view(2, 3, 4))
    assert p_mpjpe(predicted[0, 0, 0], truth[0, 0, 0]).shape == ()
    assert torch.equal(p_mpjpe(predicted.transpose(0, 2), truth.transpose(0, 2)), flat.view(2, 3, 4).transpose(0, 2))
    half = predicted.clone().requires_grad_()
    assert not p_mpjpe(half, truth.float()).requires_grad
    assert not procrustes_align(half, truth).requires_grad
    shared_truth = procrustes_align(predicted, truth[:1, :1])
    assert torch.equal(shared_truth[1, 2], procrustes_align(predicted[1, 2], truth[0, 0]))
    assert p_mpjpe(predicted[:0], truth[:0]).shape == (0, 3, 4)
    before = predicted.clone(), truth.clone()
    procrustes_align(predicted, truth)
    assert torch.equal(predicted, before[0])
    assert torch.equal(truth, before[1])


def test_poses_that_do_not_pair_are_refused() -> None:
    with pytest.raises(UsageError, match="differ in shape"):
        p_mpjpe(torch.zeros(4, 17, 3), torch.zeros(1, 17, 3))
    for wrong in (torch.zeros(4, 16, 3), torch.zeros(4, 17, 2), torch.zeros(3), torch.zeros(4, 1, 3)):
        with pytest.raises(UsageError, match="need one shape"):
            procrustes_align(wrong, torch.zeros(4, 17, 3))
    with pytest.raises(UsageError, match="need one shape"):
        p_mpjpe(torch.zeros(4, 0, 3), torch.zeros(4, 0, 3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("kind", ["similar", "mirrored", "planar", "collinear", "tinier"])
def test_cuda_agrees(kind: str) -> None:
    predicted, truth = PAIRS[kind]
    on_device = p_mpjpe(predicted.cuda(), truth.cuda())
    assert on_device.is_cuda
    torch.testing.assert_close(on_device.cpu(), p_mpjpe(predicted, truth), rtol=1e-9, atol=1e-9)


def test_the_public_evaluators_agree_frame_by_frame(shared: Path) -> None:
    stored = np.load(shared / "conformance" / "metrics" / "single.npz")
    ours = p_mpjpe(torch.from_numpy(stored["pred"]), torch.from_numpy(stored["gt"])).numpy()
    np.testing.assert_allclose(ours, stored["p_mpjpe_per_frame"], rtol=1e-9)
    stored = np.load(shared / "conformance" / "metrics" / "threedpw_challenge.npz")
    ours = p_mpjpe(torch.from_numpy(stored["pred"]), torch.from_numpy(stored["gt"])).numpy()
    assert ours.mean() == pytest.approx(float(stored["p_mpjpe"]), rel=1e-9)
