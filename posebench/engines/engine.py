"""What an engine is: one function over many items in other processes, whatever becomes of a process."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeAlias, TypeVar

from posebench.errors import PosebenchError, UsageError

T = TypeVar("T")
R = TypeVar("R")

#: An item that has cost so many processes is not tried again: it is the item that kills them, by its memory most likely.
MOST_DEATHS = 3


class WorkerError(PosebenchError):
    """A process of an engine failed in a way that its work did not foresee."""

    exit_code = 1


#: Pairs of an item and its result, or the error of one that was given up.
Results: TypeAlias = Generator[tuple[T, R | WorkerError], None, None]


class Engine(Protocol):
    """Calls a function for every item, each in some process of its own; results come as they are ready.

    An item whose process died is given to another, and one that has cost
    `MOST_DEATHS` is given up, which the others do not suffer from. The function
    must be one that another process can import, and returns its errors rather
    than raise them. When the caller closes the results, what is under way stops.
    """

    @property
    def workers(self) -> int:
        """Processes that work at once."""

    @property
    def threads(self) -> int:
        """Threads that each computes with."""

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> Results[T, R]:
        """Pairs of an item and its result, in the order they are ready; of one that kills, the error.

        Raises `WorkerError` when no process can be started.
        """

    def close(self) -> None:
        """End the processes; the engine may be used again."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(threads: int) -> None:
    """In a worker, before it computes anything: how many threads it may use."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    import torch  # it reads the environment when it is loaded, and may have been loaded before

    torch.set_num_threads(threads)


@contextmanager
def computing_with(threads: int | None) -> Iterator[None]:
    """In this process: so many threads inside, as many as before afterwards; None changes nothing."""
    if threads is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check_count(option: str, count: int | None) -> None:
    """Raise `UsageError` for a number of processes or threads that cannot be."""
    if count is not None and count < 1:
        raise UsageError(f"{option} is {count}; give 1 or more.")


def too_many_deaths(item: object) -> WorkerError:
    """The error for an item that has killed `MOST_DEATHS` processes."""
    return WorkerError(
        f"{MOST_DEATHS} worker processes died on {item}, most likely for want of memory; "
        "run fewer at once, or give a smaller --batch-size."
    )
