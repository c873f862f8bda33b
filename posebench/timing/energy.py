"""Energy per pose of a GPU, in a pass of its own: what NVML's counter adds over a stretch of passes."""

from dataclasses import dataclass

import torch

from posebench.timing.gpu import Gpu
from posebench.timing.measure import run_for
from posebench.timing.subject import Subject

#: NVML's counter moves every 20 to 100 ms; over this stretch that is a few percent.
LEAST_SECONDS = 2.0


@dataclass(frozen=True)
class Energy:
    """Of the whole GPU, its idle power included."""

    batch_size: int
    joules: float
    frames: int

    @property
    def joules_per_pose(self) -> float:
        """For one unique output frame."""
        return self.joules / self.frames


def measure_energy(subject: Subject, batch_size: int, device: torch.device, gpu: Gpu, seconds: float) -> Energy | None:
    """Run for at least `seconds` and read the counter before and after; None where there is none."""
    before = gpu.joules()
    if before is None:
        return None
    frames = run_for(subject, batch_size, device, max(seconds, LEAST_SECONDS))
    after = gpu.joules()
    return None if after is None else Energy(batch_size, after - before, frames)
