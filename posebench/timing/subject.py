"""One lifter in one dtype, ready to be timed, and beside it an untouched copy that says what is right."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from posebench.errors import LifterContractError
from posebench.prediction.create import LoadedLifter
from posebench.prediction.joints import JointConversion
from posebench.prediction.lifter import Lifted, Lifter, LifterInputs
from posebench.prediction.predict_sequence import check_shape, lift
from posebench.prediction.run_options import Precision
from posebench.prediction.runner import full_float32
from posebench.timing.clips import Batch, ClipPool
from posebench.timing.compiled import Compiled
from posebench.timing.options import DType


@dataclass(frozen=True)
class Subject:
    """What is timed (`lifter`), what is right (`scored`: not compiled, never timed), and the clips of both."""

    lifter: LoadedLifter
    scored: LoadedLifter
    joints: JointConversion
    pool: ClipPool
    dtype: DType
    flip: bool

    @property
    def label(self) -> str:
        """The lifter and its dtype."""
        return f"{self.lifter.name} {self.dtype}"

    @property
    def precision(self) -> Precision:
        """That of the run whose poses are right: `posebench run` has fp32 and bf16, and tf32 and fp16 stand beside fp32."""
        return "bf16" if self.dtype == "bf16" else "fp32"

    def call(self, inputs: LifterInputs) -> Lifted:
        """One forward pass as it is timed; inside `computing`, and followed by `check_finished` off the clock."""
        return lift(self.lifter, self.joints.lifter, inputs, self.flip, self.precision)

    def score(self, inputs: LifterInputs, precision: Precision) -> Lifted:
        """One forward pass as a run of that precision makes it."""
        with full_float32():
            return lift(self.scored, self.joints.lifter, inputs, self.flip, precision)

    def check_finished(self, lifted: Lifted) -> None:
        """Raise `LifterContractError` unless plain tensors were handed out on the lifter's device.

        A subclass may still be at work, or begin with it when it is first
        looked into, which is off the clock.
        """
        names = ("poses", "root", "weight", "lens")
        parts = {name: getattr(lifted, name) for name in names} if type(lifted) is Lifted else {}
        for name, value in parts.items():
            if value is not None and (type(value) is not Tensor or value.device.type != self.pool.device.type):
                found = type(value).__name__ if type(value) is not Tensor else f"Tensor on {value.device}"
                raise LifterContractError(
                    f"{self.lifter.name} returned its {name} as {found}, which may be at work when the clock has stopped; "
                    f"return torch.Tensor on {self.pool.device}."
                )
        if not parts:
            raise LifterContractError(
                f"{self.lifter.name} returned {type(lifted).__name__}, whose work may begin when the clock has stopped; "
                "return torch.Tensor or Lifted itself."
            )

    def check(self, lifted: Lifted, batch: Batch) -> None:
        """Raise `LifterContractError` for what is not finished, and for poses of a wrong shape."""
        self.check_finished(lifted)
        check_shape(self.lifter, self.joints.lifter, lifted, len(batch.clips), self.pool.rows)


def make_subject(
    lifter: LoadedLifter, joints: JointConversion, pool: ClipPool, dtype: DType, flip: bool, compile: bool
) -> Subject:
    """A subject whose copies share no state: what the timed one counts or remembers, the other does not know."""
    scored = replace(lifter, module=copy.deepcopy(lifter.module))
    own = replace(lifter, module=copy.deepcopy(lifter.module))
    return Subject(timed_module(own, dtype, compile), scored, joints, pool, dtype, flip)


def timed_module(lifter: LoadedLifter, dtype: DType, compile: bool) -> LoadedLifter:
    """The lifter around which dtype and compilation stand; those of a run (fp32, bf16) need nothing around it."""
    module = lifter.module
    if dtype == "fp16":
        module = _Half(module)
    if compile:
        module = Compiled(module)
    return replace(lifter, module=module)


class _Half(nn.Module):
    """A lifter under autocast to float16; it is handed float32 and what comes back is float32 again."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def lift(self, inputs: LifterInputs) -> Tensor | Lifted:
        with torch.autocast(inputs.keypoints.device.type, torch.float16):
            lifted = cast(Lifter, self.module).lift(inputs)
        if isinstance(lifted, Tensor):
            return lifted.float()
        return lifted.each(Tensor.float)


@contextmanager
def computing(dtype: DType) -> Iterator[None]:
    """The global modes of a dtype inside, and as they were afterwards; no gradients, as in a run."""
    with torch.inference_mode(), full_float32():
        if dtype == "tf32":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        yield
