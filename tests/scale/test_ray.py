"""The engine `ray` on a cluster of this machine, a worker of it killed in the middle."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import posebench
from posebench.errors import UsageError

if TYPE_CHECKING:
    from posebench.engines.ray_engine import RayEngine


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSEBENCH_TEST_KILL", str(tmp_path / "killed"))
    return tmp_path / "killed"


@pytest.fixture
def engine(lifters: None, killed: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[RayEngine]":
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from posebench.engines.ray_engine import RayEngine

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # A cluster of its own, whatever runs on this machine.
    made = RayEngine(2, 1, address="local")
    yield made
    made.close()


def test_a_killed_worker_of_a_cluster_changes_no_bit(
    engine: "RayEngine", killed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for model in ("fragile", "plain"):
        shared = posebench.evaluate(model, dataset="tiny", engine=engine)
        assert killed.exists()
        alone = posebench.evaluate(model, dataset="tiny")
        assert shared.run == alone.run
        assert shared.results == alone.results
        assert shared.sequences == alone.sequences
        assert shared.timing.workers == 2
        assert shared.timing.forward_seconds is None
    torch.set_num_threads(threads)


def test_a_cluster_that_does_not_answer_is_one_sentence() -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from posebench.engines.ray_engine import RayEngine

    with pytest.raises(UsageError, match="No Ray cluster answers at nonsense"):
        RayEngine(2, 1, address="nonsense")
