"""The engine `ray`: tasks on a Ray cluster, or on one that Ray makes of this machine. Needs the extra `ray`."""

import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from posebench.engines.engine import MOST_DEATHS, R, Results, T, WorkerError, check_count, too_many_deaths, use_threads
from posebench.errors import UsageError

#: Seconds in which a cluster's address must take a connection; Ray itself would try for many minutes.
PATIENCE = 5


class RayEngine:
    """Tasks of `threads` cores (and `gpus` GPUs) each, at most `workers` at once (None: as many as the cluster has room for).

    `address` is the cluster's; without it Ray takes RAY_ADDRESS, a cluster that
    runs on this machine, or makes one of it. A Ray that is initialised in this
    process already is used, and left as it is. Raises `UsageError` without Ray,
    when no cluster answers, and for an address where Ray has one already.
    """

    def __init__(
        self, workers: int | None = None, threads: int | None = None, address: str | None = None, gpus: float = 0
    ) -> None:
        check_count("--workers", workers)
        check_count("--threads", threads)
        self.threads = threads or 1
        self._gpus = gpus
        self._address = address
        self._ray, self._is_ours = _connect(address)
        self.workers = workers or self._room()

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> Results[T, R]:
        """As `Engine.map`."""
        if not self._ray.is_initialized():
            self._ray, self._is_ours = _connect(self._address)
        # Ray's own retries have no end for want of memory, so deaths are counted here.
        task = self._ray.remote(_call).options(num_cpus=self.threads, num_gpus=self._gpus, max_retries=0)
        waiting = deque(enumerate(items))
        died: Counter[int] = Counter()
        busy: dict[Any, tuple[int, T]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self.workers:
                    number, item = waiting.popleft()
                    busy[task.remote(self.threads, work, item)] = number, item
                for ready in self._ray.wait(list(busy), num_returns=1)[0]:
                    number, item = busy.pop(ready)
                    result = self._result(ready, item)
                    if result is _DIED:
                        died[number] += 1
                        if died[number] < MOST_DEATHS:
                            waiting.appendleft((number, item))
                            continue
                        result = too_many_deaths(item)
                    yield item, result
        finally:
            for left in busy:
                self._ray.cancel(left, force=True)

    def close(self) -> None:
        """As `Engine.close`; a cluster that Ray made for this engine ends with it."""
        if self._is_ours:
            self._ray.shutdown()

    def _result(self, ready: Any, item: object) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(ready)
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError):
            return _DIED
        except errors.RayError as error:
            last = str(error).strip().splitlines()[-1]
            return WorkerError(f"Ray could not work on {item} ({last}); is posebench installed on every node?")

    def _room(self) -> int:
        resources = self._ray.cluster_resources()
        room = int(resources.get("CPU", 1) // self.threads)
        return max(1, min(room, int(resources.get("GPU", 0) // self._gpus)) if self._gpus else room)


#: In place of a result: the process that worked on the item is gone.
_DIED = object()


def _call(threads: int, work: Callable[[T], R], item: T) -> R:
    use_threads(threads)
    return work(item)


def _connect(address: str | None) -> tuple[Any, bool]:
    """Ray, connected, and whether it was not before."""
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--engine ray needs Ray, which is not installed here: pip install 'posebench-lifting[ray]'."
        ) from error
    if ray.is_initialized():
        if address is not None:
            raise UsageError(
                f"Ray is initialised in this process already, so the address {address} would count for nothing; "
                "leave it away, or call ray.shutdown() before."
            )
        return ray, False
    try:
        _probe(address or os.environ.get("RAY_ADDRESS", ""))
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"No Ray cluster answers at {address or 'RAY_ADDRESS'} ({first}).") from error
    return ray, True


def _probe(address: str) -> None:
    """Raise `OSError` when nothing listens at `host:port` or `ray://host:port`; words such as `auto` are for Ray to tell."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isascii() and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
