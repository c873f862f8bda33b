"""`torch.compile` around `lift`, strictly: a row that says compiled was compiled, and says where it was not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from posebench.prediction.lifter import Lifted, Lifter, LifterInputs

#: Graphs that one piece of code may have: all lifters of an architecture share the count, and each batch size needs one.
MOST_GRAPHS = 1000


@dataclass(frozen=True)
class Graphs:
    """What the compiler made of `lift`: into how many graphs it was cut, and why at each cut."""

    count: int
    breaks: tuple[str, ...]


class Compiled(nn.Module):
    """A lifter whose `lift` is compiled for each batch shape; what torch cannot trace (generators of noise) cuts it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self._compiled: Any = torch.compile(cast(Lifter, module).lift, dynamic=False)

    def lift(self, inputs: LifterInputs) -> Tensor | Lifted:
        """As the lifter's own; raises `UsageError` where it does not compile, inside of `strict_compilation`."""
        exc = torch._dynamo.exc
        try:
            return cast("Tensor | Lifted", self._compiled(inputs))
        except (exc.BackendCompilerFailed, exc.FailOnRecompileLimitHit) as error:
            raise UsageError(
                f"torch.compile could not compile a lifter here ({str(error).splitlines()[0]}); leave --compile away."
            ) from error


def count_graphs(name: str, module: nn.Module, inputs: LifterInputs) -> Graphs:
    """Trace `lift` once, in a pass of its own; raises `UsageError` for a lifter of which nothing is compiled."""
    with torch.inference_mode():
        explained: Any = torch._dynamo.explain(cast(Lifter, module).lift)(inputs)
    if not explained.graph_count:
        raise UsageError(f"torch.compile compiles nothing of {name}; leave --compile away.")
    reasons = (str(cut.reason).strip().splitlines()[0] for cut in explained.break_reasons)
    return Graphs(int(explained.graph_count), tuple(reasons))


@contextmanager
def strict_compilation(compile: bool) -> Iterator[None]:
    """Inside, a compiled lifter never goes back to plain calls in silence, as torch does at its eighth batch shape."""
    if not compile:
        yield
        return
    # Imported here: it takes a second, and only --compile needs it.
    import torch._dynamo.config as config

    limits: Any = {
        "recompile_limit": MOST_GRAPHS, "accumulated_recompile_limit": 10 * MOST_GRAPHS, "fail_on_recompile_limit_hit": True,
    }  # fmt: skip
    with config.patch(limits):
        yield
