"""The state of a run between two steps, in one safetensors file that is there whole or not at all.

No pickle: tensors under dotted names, everything else as JSON in the metadata.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from posebench.errors import DataDamagedError, UsageError
from posebench.files import replace_whole
from posebench.hashing import canonical_json
from zoo.training.sessions import Session

FORMAT = "2"


@dataclass
class RunState:
    """What a run has done so far, beside the states of its parts."""

    step: int = 0
    """Optimizer steps done."""
    sessions: list[Session] = field(default_factory=list)
    """On what the steps were made."""
    loss_sums: dict[str, float] = field(default_factory=dict)
    """Sums of the parts of the training loss since the last validation."""
    loss_count: int = 0
    best_step: int = -1
    best_score: float = float("inf")
    """Lowest mean validation MPJPE in mm."""
    best: dict[str, Tensor] = field(default_factory=dict)
    """Averaged weights of that step, on the CPU."""
    history: list[dict[str, float]] = field(default_factory=list)
    """One row a validation, see `zoo.training.loop`."""

    @property
    def seconds(self) -> float:
        """Wall time of all steps, rendering left out."""
        return math.fsum(session["seconds"] for session in self.sessions)

    def add(self, loss: dict[str, float]) -> None:
        """Count the parts of a step's loss."""
        self.loss_sums = {name: self.loss_sums.get(name, 0.0) + value for name, value in loss.items()}
        self.loss_count += 1

    def taken_means(self) -> dict[str, float]:
        """Means of the parts since they were last taken."""
        means = {name: value / self.loss_count for name, value in self.loss_sums.items()}
        self.loss_sums, self.loss_count = {}, 0
        return means


def save_checkpoint(
    path: Path, run_hash: str, state: RunState, model: nn.Module, average: nn.Module, optimizer: Optimizer
) -> None:
    """Write all that the next step depends on, torch's generators included."""
    optimizer_state = optimizer.state_dict()
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.best.items()}
    for index, slots in optimizer_state["state"].items():
        tensors |= {f"optimizer.{index}.{slot}": value for slot, value in slots.items()}
    tensors["generator.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["generator.cuda"] = torch.cuda.get_rng_state()
    plain = {
        "format": FORMAT,
        "run_hash": run_hash,
        "groups": optimizer_state["param_groups"],
        # Infinity has no JSON; it is the state before the first validation.
        "state": {
            name: value
            for name, value in vars(state).items()
            if name != "best" and not (name == "best_score" and state.best_step < 0)
        },
    }
    # Copies, since averaged and trained weights may share memory where nothing was averaged.
    whole = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    replace_whole(path, lambda part: save_file(whole, part, metadata={"run": canonical_json(plain)}), durable=True)


def load_checkpoint(path: Path, run_hash: str, model: nn.Module, average: nn.Module, optimizer: Optimizer) -> RunState:
    """Put everything back strictly.

    Raises `UsageError` for a run of another configuration or data, `DataDamagedError` for a file that cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plain: dict[str, Any] = json.loads((file.metadata() or {})["run"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, KeyError, ValueError) as error:
        raise DataDamagedError(
            f"The checkpoint {path} cannot be read ({error}); start the run again with --fresh."
        ) from error
    if plain["format"] != FORMAT or plain["run_hash"] != run_hash:
        raise UsageError(
            f"The folder {path.parent} holds a run of another configuration or of other data; choose another --out or "
            "--fresh."
        )

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    model.load_state_dict(part("model."), strict=True)
    average.load_state_dict(part("average."), strict=True)
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in part("optimizer.").items():
        index, slot = name.split(".")
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": plain["groups"]})
    torch.set_rng_state(tensors["generator.cpu"])
    if torch.cuda.is_available() and "generator.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["generator.cuda"])
    return RunState(best=part("best."), **plain["state"])
