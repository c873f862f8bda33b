"""`torch.compile` around `lift`, strictly: what is said to be compiled is, or the run stops, and where it was cut is told."""

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
    """A lifter whose `lift` is compiled for each batch shape; what torch cannot trace (generators of noise) cuts it.

    With `graphs` each piece is also captured as a CUDA graph, so that a GPU is
    told of a whole piece at once. Poses then stand in memory that the next call
    writes over: use or copy them before it. On a CPU there are no such graphs.
    """

    def __init__(self, module: nn.Module, graphs: bool = False) -> None:
        super().__init__()
        self.module, self.graphs = module, graphs
        mode = "reduce-overhead" if graphs else None
        self._compiled: Any = torch.compile(cast(Lifter, module).lift, dynamic=False, mode=mode)

    def lift(self, inputs: LifterInputs) -> Tensor | Lifted:
        """As the lifter's own; raises `UsageError` where it does not compile, inside of `strict_compilation`."""
        exc = torch._dynamo.exc
        if self.graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        try:
            return cast("Tensor | Lifted", self._compiled(inputs))
        except (exc.BackendCompilerFailed, exc.FailOnRecompileLimitHit) as error:
            raise UsageError(
                f"torch.compile could not compile a lifter here ({str(error).splitlines()[0]}); leave --compile or --fast away."
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
    # Imported here: it takes a second, and only what is compiled needs it.
    import torch._dynamo.config as config

    limits: Any = {
        "recompile_limit": MOST_GRAPHS, "accumulated_recompile_limit": 10 * MOST_GRAPHS, "fail_on_recompile_limit_hit": True,
    }  # fmt: skip
    with config.patch(limits):
        yield
