"""A row that says compiled was compiled, at every batch size, and says where it was cut."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from posebench.prediction import compiled
from posebench.prediction.compiled import Compiled, count_graphs, strict_compilation
from posebench.prediction.lazy_streams import LazyStreams
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.predict_sequence import noise_streams
from zoo.lifters.d3dp import D3DP


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Traced, but without generated code and what its mode asks of it: a compiler is not on every machine, and slow."""
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda call, dynamic, mode: real(call, backend="eager", dynamic=dynamic))
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Whole(nn.Module):
    """Traced in one piece."""

    def lift(self, inputs: LifterInputs) -> Tensor:
        return torch.cat([inputs.keypoints, inputs.confidence[..., None]], -1)


class Cut(nn.Module):
    """Asks for a number in the middle, which cannot be traced."""

    def lift(self, inputs: LifterInputs) -> Tensor:
        poses = torch.cat([inputs.keypoints, inputs.confidence[..., None]], -1)
        return poses * 2 if float(poses.sum()) > 0 else poses


class Hidden(nn.Module):
    """Keeps itself from the compiler altogether."""

    @torch._dynamo.disable  # type: ignore[untyped-decorator]
    def lift(self, inputs: LifterInputs) -> Tensor:
        return torch.cat([inputs.keypoints, inputs.confidence[..., None]], -1)


def shown(size: int) -> LifterInputs:
    """A batch of so many clips."""
    return LifterInputs(torch.ones(size, 3, 17, 2), torch.ones(size, 3, 17), torch.tensor([1000.0, 1000.0]), 50.0)


def test_graphs_and_what_cuts_them() -> None:
    assert count_graphs("whole", Whole(), shown(1)) == compiled.Graphs(1, ())
    cut = count_graphs("cut", Cut(), shown(1))
    assert (cut.count, len(cut.breaks)) == (2, 1)
    assert cut.breaks[0]
    with pytest.raises(UsageError, match="compiles nothing of hidden"):
        count_graphs("hidden", Hidden(), shown(1))


def graphs_of(sizes: range) -> list[int]:
    """New graphs at each batch size."""
    one: Any = Compiled(Whole())
    new = []
    for size in sizes:
        before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        with torch.inference_mode():
            one.lift(shown(size))
        new.append(torch._dynamo.utils.counters["stats"]["unique_graphs"] - before)
    return new


def test_every_batch_size_is_compiled() -> None:
    # torch's own limit, which other libraries of the process may have raised.
    limit = 8
    with torch._dynamo.config.patch(recompile_limit=limit):
        with strict_compilation(True):
            assert graphs_of(range(1, limit + 3)) == [1] * (limit + 2)
        assert torch._dynamo.config.recompile_limit == limit


def test_what_would_no_longer_be_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MOST_GRAPHS", 3)
    with strict_compilation(True), pytest.raises(UsageError, match="could not compile"):
        graphs_of(range(1, 6))


def test_noise_of_other_sequences_is_no_other_graph() -> None:
    torch.manual_seed(0)
    lifter = Compiled(D3DP(frames=3, dim=32, depth=1, heads=4, hypotheses=2, steps=2).eval(), graphs=True)
    graphs = []
    with strict_compilation(True), torch.inference_mode():
        for sequence in ("S/1", "S/2", "S/3"):
            streams = partial(noise_streams, 0, sequence, (0, 1))
            poses = lifter.lift(replace(shown(2), noise_streams=LazyStreams(2, streams)))
            exact = lifter.module.lift(replace(shown(2), noise_streams=streams()))  # type: ignore[operator]
            torch.testing.assert_close(poses, exact, rtol=0, atol=1e-3)
            graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert graphs[0] == graphs[1] == graphs[2]
