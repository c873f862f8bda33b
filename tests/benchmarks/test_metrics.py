"""Ratios of two things run side by side: `tox -e bench`."""

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from posebench.metrics.alignment import p_mpjpe

POSES = 4000


def one_by_one(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The plain reference: one numpy SVD a pose, as most public code of the field has it."""
    errors = []
    for x, y in zip(predicted, truth, strict=True):
        x0, y0 = x - x.mean(0), y - y.mean(0)
        u, s, vt = np.linalg.svd(x0.T @ y0)
        turn = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        aligned = (s * turn).sum() / (x0**2).sum() * x0 @ ((u * turn) @ vt) + y.mean(0)
        errors.append(np.linalg.norm(aligned - y, axis=-1).mean())
    return np.array(errors)


@pytest.fixture(scope="module")
def poses() -> tuple[torch.Tensor, torch.Tensor]:
    stream = torch.Generator().manual_seed(0)
    truth = 300 * torch.randn(POSES, 17, 3, generator=stream, dtype=torch.float64)
    return truth + 50 * torch.randn(POSES, 17, 3, generator=stream, dtype=torch.float64), truth


def test_p_mpjpe_batched(benchmark: BenchmarkFixture, poses: tuple[torch.Tensor, torch.Tensor]) -> None:
    benchmark.group = f"P-MPJPE of {POSES} poses"
    ours = benchmark(p_mpjpe, *poses)
    np.testing.assert_allclose(ours.numpy(), one_by_one(poses[0].numpy(), poses[1].numpy()), rtol=1e-9)


def test_p_mpjpe_one_by_one(benchmark: BenchmarkFixture, poses: tuple[torch.Tensor, torch.Tensor]) -> None:
    benchmark.group = f"P-MPJPE of {POSES} poses"
    benchmark(one_by_one, poses[0].numpy(), poses[1].numpy())
