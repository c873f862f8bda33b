"""The engine `ray`: tasks on a Ray cluster, or on one that Ray makes of this machine. Needs the extra `ray`."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from posebench.engines.engine import MOST_DEATHS, R, T, WorkerError, check_count, too_many_deaths, use_threads
from posebench.errors import UsageError


class RayEngine:
    """Tasks of `threads` cores (and `gpus` GPUs) each, at most `workers` at once (None: as many as the cluster has room for).

    `address` is the cluster's; without it Ray takes RAY_ADDRESS, a cluster that
    runs on this machine, or makes one of it. Raises `UsageError` without Ray,
    and when no cluster answers.
    """

    def __init__(
        self, workers: int | None = None, threads: int | None = None, address: str | None = None, gpus: float = 0
    ) -> None:
        check_count("--workers", workers)
        check_count("--threads", threads)
        self.threads = threads or 1
        self._gpus = gpus
        self._address = address
        self._ray = _connect(address)
        self.workers = workers or self._room()

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        """As `Engine.map`; Ray itself runs a task again whose process or node died."""
        ray = _connect(self._address)
        task = ray.remote(_call).options(num_cpus=self.threads, num_gpus=self._gpus, max_retries=MOST_DEATHS - 1)
        waiting = list(items)[::-1]
        busy: dict[Any, T] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self.workers:
                    item = waiting.pop()
                    busy[task.remote(self.threads, work, item)] = item
                for ready in ray.wait(list(busy), num_returns=1)[0]:
                    item = busy.pop(ready)
                    yield item, self._result(ready, item)
        finally:
            for left in busy:
                ray.cancel(left, force=True)

    def close(self) -> None:
        """As `Engine.close`; a cluster that Ray made for this process ends with it."""
        self._ray.shutdown()

    def _result(self, ready: Any, item: object) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(ready)
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError):
            raise too_many_deaths(item) from None
        except errors.RayError as error:
            last = str(error).strip().splitlines()[-1]
            raise WorkerError(f"Ray could not work on {item} ({last}); is posebench installed on every node?") from None

    def _room(self) -> int:
        resources = self._ray.cluster_resources()
        room = int(resources.get("CPU", 1) // self.threads)
        return max(1, min(room, int(resources.get("GPU", 0) // self._gpus)) if self._gpus else room)


def _call(threads: int, work: Callable[[T], R], item: T) -> R:
    use_threads(threads)
    return work(item)


def _connect(address: str | None) -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--engine ray needs Ray, which is not installed here: pip install 'posebench-lifting[ray]'."
        ) from error
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            raise UsageError(f"No Ray cluster answers at {address or 'RAY_ADDRESS'} ({first}).") from error
    return ray
