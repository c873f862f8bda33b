"""Writing a prediction folder while the next sequence is predicted: a slow disk or a share costs a GPU no time."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from posebench.prediction.folder import PredictionFolder, SequencePrediction

#: Sequences that may wait for the disk; the run waits when there are more, so memory stays flat.
MOST_WAITING = 2


class FolderWriter:
    """Writes sequences, `beside` in a thread of its own; all are there when its `with` block ends, however it ends.

    A thread is for a lifter on a GPU. One on the CPU would wait for the cores that the lifter computes on, and handing
    a sequence over costs as much as writing it (`tests/benchmarks/test_run_overhead.py` is where that shows).
    """

    def __init__(self, folder: PredictionFolder, *, beside: bool) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "write-predictions") if beside else None
        self._waiting: deque[Future[None]] = deque()

    def write(self, sequence_id: str, prediction: SequencePrediction) -> None:
        """Write one sequence, now or soon. Raises what writing it, or one of those before, raised."""
        if self._thread is None:
            self._folder.write(sequence_id, prediction)
            return
        while self._waiting and (len(self._waiting) == MOST_WAITING or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._folder.write, sequence_id, prediction))

    def __enter__(self) -> "FolderWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        # An error of the block itself is the one to tell.
        while error is None and self._waiting:
            self._waiting.popleft().result()
