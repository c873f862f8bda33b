"""The engine `local`: processes of this machine, one executor of the standard library for each.

One executor with many processes would lose all of them with the first that
dies (`BrokenProcessPool`); one executor a process loses one item.
"""

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from posebench.engines.engine import (
    MOST_DEATHS,
    R,
    Results,
    T,
    WorkerError,
    check_count,
    cores,
    too_many_deaths,
    use_threads,
)

#: No state of the parent, and no locks of its threads, reach a process that is spawned.
SPAWN = multiprocessing.get_context("spawn")


class LocalEngine:
    """`workers` processes of this machine with `threads` each (None: the cores shared out), and one of `gpus` each in turn.

    They start with the first work, and stay for the next until `close`.
    """

    def __init__(self, workers: int, threads: int | None = None, gpus: Sequence[str] = ()) -> None:
        check_count("--workers", workers)
        check_count("--threads", threads)
        self.workers = workers
        self.gpus = tuple(gpus)
        self.threads = threads or max(1, cores() // workers)
        self._all = [_Worker(self.threads, gpus[number % len(gpus)] if gpus else None) for number in range(workers)]

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> Results[T, R]:
        """As `Engine.map`."""
        waiting = deque(enumerate(items))
        died: Counter[int] = Counter()
        unborn = 0
        idle = self._all[: len(items)]
        busy: dict[Future[R], tuple[_Worker, int, T]] = {}
        try:
            while waiting or busy:
                while waiting and idle:
                    worker, (number, item) = idle.pop(), waiting.popleft()
                    busy[worker.submit(work, item)] = worker, number, item
                for future in wait(busy, return_when=FIRST_COMPLETED).done:
                    worker, number, item = busy.pop(future)
                    idle.append(worker)
                    try:
                        result: R | WorkerError = future.result()
                        unborn = 0
                    except BrokenProcessPool:
                        # Before it began, it is not the item's doing.
                        died[number] += worker.began
                        unborn += not worker.began
                        worker.stop()
                        if unborn == MOST_DEATHS:
                            raise _cannot_start() from None
                        if died[number] < MOST_DEATHS:
                            waiting.appendleft((number, item))
                            continue
                        result = too_many_deaths(item)
                    yield item, result
        finally:
            for worker, _, _ in busy.values():
                worker.stop()

    def close(self) -> None:
        """As `Engine.close`."""
        for worker in self._all:
            worker.stop()


class _Worker:
    """One process, from its first work on.

    It lives as long as this end of its pipe is open, so it never outlives the parent, however that ends.
    """

    def __init__(self, threads: int, gpu: str | None) -> None:
        self._threads, self._gpu = threads, gpu
        self._executor: ProcessPoolExecutor | None = None
        self._ours: Connection | None = None
        self._first: Future[int] | None = None

    @property
    def began(self) -> bool:
        """Whether the process came as far as to do anything."""
        return self._first is not None and self._first.done() and self._first.exception() is None

    def submit(self, work: Callable[[T], R], item: T) -> Future[R]:
        if self._executor is not None:
            try:
                return self._executor.submit(work, item)
            except BrokenProcessPool:  # it was killed while it had nothing to do
                self.stop()
        return self._start().submit(work, item)

    def _start(self) -> ProcessPoolExecutor:
        theirs, self._ours = SPAWN.Pipe(duplex=False)
        settings = (theirs, self._threads, self._gpu)
        self._executor = ProcessPoolExecutor(1, mp_context=SPAWN, initializer=_live, initargs=settings)
        self._first = self._executor.submit(os.getpid)
        return self._executor

    def stop(self) -> None:
        """At once: what it is working on is lost. The next work starts a new process."""
        if self._executor is not None and self._ours is not None:
            self._ours.close()
            self._executor.shutdown(cancel_futures=True)
        self._executor = self._ours = self._first = None


def _live(pipe: Connection, threads: int, gpu: str | None) -> None:
    """In the new process, before any work."""
    # Ctrl-C reaches all processes of a terminal; the parent answers it for all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    use_threads(threads)


def _end_with(pipe: Connection) -> None:
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        os._exit(0)


def _cannot_start() -> WorkerError:
    return WorkerError(
        f"{MOST_DEATHS} worker processes ended before they began: a script that uses an engine must do its work under "
        '`if __name__ == "__main__":`, for each worker imports it; if yours does, there is no memory to start one.'
    )


def visible_gpus(device: str) -> tuple[str, ...]:
    """The GPUs that workers take in turn, as CUDA_VISIBLE_DEVICES names them; none for a device named by its number, or the CPU."""
    if device not in ("auto", "cuda"):
        return ()
    import torch

    count: Any = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(named.split(","))[:count] if named else tuple(str(number) for number in range(count))
