"""Forward passes on the clock: CUDA events on a GPU, `perf_counter_ns` on a CPU, warm-up apart.

The runner adds its passes up and settles after every sequence, so its clock has no more to hold after a million passes
than after one; `posebench time` reads them one by one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

T = TypeVar("T")


@dataclass
class ForwardClock:
    """Adds up the time of forward passes and the unique frames they put out.

    With `keeps_laps`, `laps` are the passes one by one, in seconds; otherwise it stays empty.
    """

    device: torch.device
    keeps_laps: bool = True
    seconds: float = 0.0
    frames: int = 0
    passes: int = 0
    warm_up_seconds: float = 0.0
    laps: list[float] = field(default_factory=list)
    _pending: list[tuple[Any, Any]] = field(default_factory=list)

    @property
    def method(self) -> str:
        """How it was measured, for the record."""
        return "cuda-events" if self.device.type == "cuda" else "perf_counter_ns"

    def warm_up(self, forward: Callable[[], Any]) -> None:
        """Run once off the clock: allocators, kernels and caches are ready afterwards."""
        began = time.perf_counter_ns()
        forward()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.warm_up_seconds += (time.perf_counter_ns() - began) * 1e-9

    def time(self, forward: Callable[[], T], frames: int) -> T:
        """Run on the clock; `frames` are the unique output frames of the pass."""
        self.passes += 1
        self.frames += frames
        if self.device.type == "cuda":
            start: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            end: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            start.record()
            result = forward()
            end.record()
            self._pending.append((start, end))
            return result
        began = time.perf_counter_ns()
        result = forward()
        self._add((time.perf_counter_ns() - began) * 1e-9)
        return result

    def settle(self) -> None:
        """Wait for the GPU and add what its events measured."""
        if self._pending:
            torch.cuda.synchronize(self.device)
            for start, end in self._pending:
                self._add(start.elapsed_time(end) * 1e-3)
            self._pending.clear()

    def _add(self, lap: float) -> None:
        if self.keeps_laps:
            self.laps.append(lap)
        self.seconds += lap
