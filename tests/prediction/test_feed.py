"""Copies to a GPU that run beside its computing."""

import pytest
import torch

from posebench.prediction.feed import to_device

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_on_a_cpu_nothing_is_copied() -> None:
    values = torch.rand(3)
    assert to_device(values, CPU) is values
    assert to_device(values, torch.device("meta")).is_meta


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_copy_beside_the_computing_holds_the_values() -> None:
    busy = torch.rand(4096, 4096, device="cuda")
    for turn in range(20):
        busy = busy @ busy / 4096  # the copy must not wait for it, nor what reads the copy come before it
        values = torch.full((1 << 20,), float(turn))
        moved = to_device(values, CUDA)
        assert float((moved * 1).sum()) == turn * (1 << 20)
