"""Writing a prediction folder so that it costs the lifter little: beside a GPU in a thread, on a CPU several files at a time.

A lifter goes through all of a processor's caches, so what writes a file after each of its passes begins in cold ones; file
after file, it finds its own code and data there still.
"""

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from posebench.prediction.folder import PredictionFolder, SequencePrediction

#: Sequences that may wait for the disk; the run waits when there are more, so memory stays flat.
MOST_WAITING = 2
#: Without a thread, sequences are held until the last writing is so many seconds ago, or they have so many frames. So a
#: process that is killed loses a moment's work, and the sequences of a slow lifter are written at once.
HELD_SECONDS, HELD_FRAMES = 0.25, 8192


class FolderWriter:
    """Writes sequences, `beside` in a thread of its own; all are there when its `with` block ends, however it ends.

    A thread is for a lifter on a GPU. One on the CPU would wait for the cores that the lifter computes on, and handing
    a sequence over costs as much as writing it (`tests/benchmarks/test_run_overhead.py` is where that shows).
    """

    def __init__(self, folder: PredictionFolder, *, beside: bool) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "write-predictions") if beside else None
        self._waiting: deque[Future[None]] = deque()
        self._held: list[tuple[str, SequencePrediction]] = []
        self._written = time.monotonic()

    def write(self, sequence_id: str, prediction: SequencePrediction) -> None:
        """Write one sequence, now or soon. Raises what writing it, or one of those before, raised."""
        if self._thread is None:
            self._held.append((sequence_id, prediction))
            frames = sum(len(held.frame) for _, held in self._held)
            if frames >= HELD_FRAMES or time.monotonic() - self._written >= HELD_SECONDS:
                self._write_held()
            return
        while self._waiting and (len(self._waiting) == MOST_WAITING or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._folder.write, sequence_id, prediction))

    def _write_held(self) -> None:
        # Those behind one that cannot be written are given up: they are predicted again when the run is taken up.
        held, self._held = self._held, []
        for sequence_id, prediction in held:
            self._folder.write(sequence_id, prediction)
        self._written = time.monotonic()

    def __enter__(self) -> "FolderWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        try:
            self._write_held()
        except OSError:
            if error is None:
                raise
        # An error of the block itself is the one to tell.
        while error is None and self._waiting:
            self._waiting.popleft().result()
