"""A lifter as a prior of poses: made by name, refused in one sentence where it is none, and held to what it promises."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.errors import LifterContractError, NotFiniteError, UsageError
from posebench.prediction.create import LoadedLifter, load_lifter
from posebench.prediction.generative import GenerativeLifter
from posebench.prediction.run_options import check_generates, sampling_config
from posebench.prediction.runner import choose_device, sampling
from posebench.registry.resolve import resolve_model
from posebench.results.environment import posebench_version
from posebench.skeletons import HUMAN36M_17

#: Called with (stage, done, all).
Progress = Callable[[str, int, int], None]

#: Poses that are drawn together, hypotheses counted: one shape of tensors gives one set of bits, and memory stays bounded.
TOGETHER = {"cpu": 1024, "cuda": 16384}


@dataclass(frozen=True)
class Prior:
    """A generative lifter on its device. `seed` names its noise."""

    lifter: LoadedLifter
    device: torch.device
    seed: int

    @property
    def module(self) -> GenerativeLifter:
        """The lifter's module, as what it is here."""
        return cast(GenerativeLifter, self.lifter.module)

    @property
    def window(self) -> int:
        """Frames of one draw: 1 for single poses."""
        return self.lifter.spec.window

    @property
    def hypotheses(self) -> int:
        """Poses that are drawn of each window when it completes or denoises."""
        return int(sampling(self.lifter)["hypotheses"] or 1)

    def together(self, hypotheses: int) -> int:
        """Windows of one batch."""
        return max(1, TOGETHER["cuda" if self.device.type == "cuda" else "cpu"] // (self.window * hypotheses))

    def about(self) -> dict[str, Any]:
        """Where poses of it come from, as plain values."""
        lifter = self.lifter
        return {
            "posebench": posebench_version(),
            "lifter": lifter.about(),
            "settings": {"device": self.device.type, "seed": self.seed, **sampling(lifter)},
        }

    def checked(self, poses: Tensor, shape: tuple[int, ...], what: str) -> npt.NDArray[np.float32]:
        """Poses on the CPU; raises `LifterContractError` for another shape than (*shape, 17, 3), `NotFiniteError` for NaN."""
        wanted = (*shape, HUMAN36M_17.num_joints, 3)
        name = self.lifter.name
        if tuple(poses.shape) != wanted:
            raise LifterContractError(f"{name} {what} poses of shape {tuple(poses.shape)}; {wanted} were asked for.")
        found: npt.NDArray[np.float32] = poses.to("cpu", torch.float32).contiguous().numpy()
        if not np.isfinite(found).all():
            raise NotFiniteError(f"{name} {what} poses with NaN or infinity; check its weights.")
        return found


def load_prior(
    model: str,
    weights: Path | None,
    *,
    hypotheses: int | None = None,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Prior:
    """Make a prior by the name of its lifter; arguments and errors as `load_lifter`, `sampling_config` and `choose_device`.

    Raises `UsageError` for a lifter that does not generate, before any weights are looked for.
    """
    tag = resolve_model(model)
    check_generates(tag.entry.spec(tag.config), tag.name)
    asked = sampling_config(tag, hypotheses, steps)
    chosen = choose_device(device)
    lifter = load_lifter(model, weights, partial(progress, "weights") if progress else None, **asked)
    if not isinstance(lifter.module, GenerativeLifter):
        raise LifterContractError(
            f"{lifter.name} declares that it generates: its module must have the methods generate, complete and denoise."
        )
    lifter.module.to(chosen)
    return Prior(lifter, chosen, seed)


def check_count(name: str, value: int) -> None:
    """Raise `UsageError` for a count below 1."""
    if value < 1:
        raise UsageError(f"--{name} is {value}; give 1 or more.")
