"""P-MPJPE beside a batched numpy SVD: `tox -e bench`."""

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from posebench.metrics.alignment import p_mpjpe

POSES = 60_000
#: Pairs of timings; the two stand next to each other, so a busy machine slows both.
REPETITIONS = 9
Array = NDArray[np.float32]


def batched_svd(predicted: Array, truth: Array) -> Array:
    """P-MPJPE as public code of the field has it: centre, norm, one batched SVD, turn, scale, distance."""
    mean_y, mean_x = truth.mean(1, keepdims=True), predicted.mean(1, keepdims=True)
    y, x = truth - mean_y, predicted - mean_x
    norm_y, norm_x = (np.sqrt((v**2).sum((1, 2), keepdims=True)) for v in (y, x))
    y, x = y / norm_y, x / norm_x
    u, s, vt = np.linalg.svd(y.transpose(0, 2, 1) @ x)
    v = vt.transpose(0, 2, 1)
    sign = np.sign(np.linalg.det(v @ u.transpose(0, 2, 1)))
    v[:, :, -1] *= sign[:, None]
    s[:, -1] *= sign
    rotation = v @ u.transpose(0, 2, 1)
    scale = s.sum(1)[:, None, None] * norm_y / norm_x
    aligned = scale * (predicted @ rotation) + mean_y - scale * (mean_x @ rotation)
    distances: Array = np.linalg.norm(aligned - truth, axis=2)
    return distances.mean(1)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.mark.parametrize("kind", ["similar", "mirrored"])
def test_p_mpjpe_is_five_times_as_fast_as_a_batched_svd(benchmark: BenchmarkFixture, kind: str) -> None:
    count = 500 if benchmark.disabled else POSES
    stream = torch.Generator().manual_seed(0)
    truth = torch.randn(count, 17, 3, generator=stream) * torch.tensor([150.0, 90.0, 450.0])
    predicted = truth + 50 * torch.randn(count, 17, 3, generator=stream)
    if kind == "mirrored":
        predicted = predicted * torch.tensor([-1.0, 1.0, 1.0])
    x, y = predicted.numpy(), truth.numpy()
    np.testing.assert_allclose(p_mpjpe(predicted, truth).numpy(), batched_svd(x, y), rtol=1e-4)
    benchmark.group = f"P-MPJPE of {count} float32 poses of 17 joints, {kind}"
    benchmark.pedantic(p_mpjpe, (predicted, truth), rounds=1 if benchmark.disabled else REPETITIONS)
    if benchmark.disabled:
        return
    pairs = [
        (seconds(lambda: batched_svd(x, y)), seconds(lambda: p_mpjpe(predicted, truth))) for _ in range(REPETITIONS)
    ]
    ratio = statistics.median(theirs / ours for theirs, ours in pairs)
    theirs, ours = (1e6 * statistics.median(times) / count for times in zip(*pairs, strict=True))
    benchmark.extra_info.update(ratio=ratio, svd_us_per_pose=theirs, ours_us_per_pose=ours)
    assert ratio >= 5, f"{ours:.2f} microseconds a pose beside {theirs:.2f} of the SVD: only {ratio:.1f} times as fast"
