"""`--fast`: what of a run is computed faster, chosen by what the lifter declares, the device and the precision.

Chosen is only what was measured to be worth it and to move no error by a tenth of a millimetre (docs/fast.md); what a
run moved all the same is measured in `posebench.results.moved`. What changes no number (fused attention, one doubled
batch for flip, copies beside the computing) is no part of this: every run has it.
"""

from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from posebench.errors import UsageError
from posebench.prediction.create import LoadedLifter
from posebench.prediction.run_options import Precision
from posebench.prediction.spec import LifterSpec

#: What makes bfloat16 products fast on a CPU, by the names of `torch.cpu.get_capabilities`.
BFLOAT16 = ("amx_bf16", "avx512_bf16")


@dataclass(frozen=True)
class FastPlan:
    """The ways chosen for a run.

    `early_steps`
        A lifter that samples computes all steps but its last in bfloat16.
    `graphs`
        `lift` is compiled and captured as CUDA graphs, and every batch is filled up to one shape.
    """

    early_steps: bool = False
    graphs: bool = False

    @property
    def early(self) -> torch.dtype | None:
        """For `LifterInputs.early_steps`."""
        return torch.bfloat16 if self.early_steps else None

    def to_json(self) -> dict[str, Any]:
        """For the settings of a run, of which they make a row of its own."""
        return {"early_steps": "bf16" if self.early_steps else None, "graphs": self.graphs}


#: A run that was not asked to be fast, or for which there is nothing to choose.
PLAIN = FastPlan()


def choose_fast(lifter: LoadedLifter, device: torch.device, precision: Precision) -> FastPlan:
    """What a fast run of this lifter does: `PLAIN` where nothing was measured to be worth it, which the run then says.

    Raises `UsageError` for a precision that was asked for beside it.
    """
    if precision != "fp32":
        raise UsageError(f"--fast chooses precisions itself: leave --precision {precision} away, or --fast.")
    spec = lifter.spec
    early = spec.early_steps and lifter.config["steps"] > 1 and has_bfloat16(device)
    # A whole sequence in one window has as many shapes as there are lengths; heatmaps are drawn between the pieces.
    graphs = device.type == "cuda" and spec.stride is not None and "heatmaps" not in spec.privileges
    return FastPlan(early, graphs)


def has_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster there than in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    ask = getattr(torch.cpu, "get_capabilities", dict)  # an older torch does not tell
    told: dict[str, Any] = ask() if device.type == "cpu" else {}
    return any(told.get(name, False) for name in BFLOAT16)


def filled_batch(size: int, spec: LifterSpec, frames: list[int]) -> int:
    """Windows of the one batch shape: no more than half of the sequences, of these lengths, have; so little is filled up."""
    return max(1, min(size, int(median(-(-count // (spec.stride or count)) for count in frames))))
