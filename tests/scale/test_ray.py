"""The engine `ray` on a cluster of this machine, a worker of it killed in the middle."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import posebench
from posebench.engines.engine import WorkerError
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


def test_an_item_that_kills_is_given_up_and_the_others_done(engine: "RayEngine") -> None:
    with pytest.raises(WorkerError, match="3 worker processes died on S2/turn/0"):
        posebench.evaluate("deadly", dataset="tiny", engine=engine)
    made = dict(engine.map(kill_if_odd, range(4)))
    assert [made[number] for number in (0, 2)] == [0, 2]
    assert all(isinstance(made[number], WorkerError) for number in (1, 3))


def kill_if_odd(number: int) -> int:
    if number % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_ray_of_the_users_own_is_left_as_it_is(engine: "RayEngine") -> None:
    import ray

    from posebench.engines.ray_engine import RayEngine

    # To a second engine the first one's Ray is somebody else's.
    RayEngine(2, 1).close()
    assert ray.is_initialized()
    with pytest.raises(UsageError, match=r"initialised in this process already, so the address 127.0.0.1:6379"):
        RayEngine(2, 1, address="127.0.0.1:6379")


def test_a_cluster_that_does_not_answer_is_one_sentence() -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from posebench.engines.ray_engine import RayEngine

    with pytest.raises(UsageError, match="No Ray cluster answers at nonsense"):
        RayEngine(2, 1, address="nonsense")
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Nothing listens there any more; Ray itself would try for minutes.
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        with pytest.raises(UsageError, match=f"No Ray cluster answers at {address}"):
            RayEngine(2, 1, address=address)
    assert time.monotonic() - began < 60
