"""Energy per pose of a GPU, in a pass of its own: what NVML's counter adds over stretches of passes and nothing else."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from posebench.prediction.lifter import LifterInputs
from posebench.timing.clips import Batch
from posebench.timing.gpu import Gpu
from posebench.timing.subject import Subject, computing

#: NVML's counter moves every 20 to 100 ms; over stretches of this length in all that is a few percent.
LEAST_SECONDS = 2.0
#: Passes of a stretch, whose inputs are gathered before it begins, and the bytes that these may take.
MOST_PASSES = 1000
MOST_BYTES = 2**28


@dataclass(frozen=True)
class Energy:
    """Of the whole GPU while it passed, its idle power included; `seconds` is how long the stretches were."""

    batch_size: int
    joules: float
    frames: int
    seconds: float

    @property
    def joules_per_pose(self) -> float:
        """For one unique output frame."""
        return self.joules / self.frames


def measure_energy(subject: Subject, batch_size: int, device: torch.device, gpu: Gpu, seconds: float) -> Energy | None:
    """Stretches of passes, together at least `seconds` long, the counter read around each; None where there is none."""
    wanted = max(seconds, LEAST_SECONDS)
    batches = subject.pool.batches(batch_size, "energy")
    joules, frames, passed = 0.0, 0, 0.0
    # At first one pass, then as many as the rest needs: a slow lifter has not many gathered for nothing.
    passes = 1
    with computing(subject.dtype):
        while passed < wanted:
            stretch = list(_gathered(subject, batches, passes))
            _wait(device)
            before, began = gpu.joules(), time.perf_counter()
            for batch, inputs in stretch:
                subject.check(subject.call(inputs), batch)
            # Or a queue of passes would be counted that the stretch does not hold.
            _wait(device)
            after = gpu.joules()
            took = time.perf_counter() - began
            if before is None or after is None:
                return None
            joules += after - before
            passed += took
            frames += sum(subject.pool.frames(batch) for batch, _ in stretch)
            passes = min(MOST_PASSES, 1 + int((wanted - passed) / (took / len(stretch)))) if passed < wanted else 0
    return Energy(batch_size, joules, frames, passed)


def _gathered(subject: Subject, batches: Iterator[Batch], passes: int) -> Iterator[tuple[Batch, LifterInputs]]:
    """So many batches and their inputs, fewer where they would take more than `MOST_BYTES`, but one."""
    taken = 0
    for _ in range(passes):
        batch = next(batches)
        inputs = subject.pool.inputs(batch)
        yield batch, inputs
        taken += inputs.keypoints.nbytes + inputs.confidence.nbytes
        if taken > MOST_BYTES:
            return


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
