"""P-MPJPE beside a batched numpy SVD: `tox -e bench`."""

import numpy as np
import pytest
import torch
from plain_evaluator import batched_svd
from pytest_benchmark.fixture import BenchmarkFixture
from ratios import Beside
from torch import Tensor

from posebench.metrics.alignment import p_mpjpe

POSES = 60_000


def poses(count: int, kind: str) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(0)
    truth = torch.randn(count, 17, 3, generator=stream) * torch.tensor([150.0, 90.0, 450.0])
    predicted = truth + 50 * torch.randn(count, 17, 3, generator=stream)
    return predicted * torch.tensor([-1.0 if kind == "mirrored" else 1.0, 1.0, 1.0]), truth


@pytest.mark.parametrize("kind", ["similar", "mirrored"])
def test_p_mpjpe_beside_a_batched_svd(beside: Beside, benchmark: BenchmarkFixture, kind: str, device: str) -> None:
    predicted, truth = poses(500 if benchmark.disabled else POSES, kind)
    x, y = predicted.numpy(), truth.numpy()
    shown = predicted.to(device), truth.to(device)
    theirs, ours = beside(lambda: batched_svd(x, y), lambda: p_mpjpe(*shown), least=5, device=device)
    np.testing.assert_allclose(ours.cpu().numpy(), theirs, rtol=1e-4)
