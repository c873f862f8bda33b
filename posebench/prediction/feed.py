"""Getting what a GPU needs next onto it while it computes.

A copy from ordinary memory waits for everything that the GPU has been given before. One from pinned memory, on a stream
of its own, runs beside it; the stream that computes waits only for the copy (CUDA C++ programming guide, "Asynchronous
concurrent execution").
"""

from functools import cache

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """The values on a device, ready for whatever is put on its current stream next; on a CPU the very tensor."""
    # A compiler would put the streams into its graphs; of what it traces the copy waits its turn.
    if device.type != "cuda" or values.device.type != "cpu" or torch.compiler.is_compiling():
        return values.to(device)
    index = torch.cuda.current_device() if device.index is None else device.index
    current, beside = torch.cuda.current_stream(index), _stream(index)
    # The allocator keeps pinned memory until the copy is done.
    pinned = values.pin_memory()
    with torch.cuda.stream(beside):
        moved = pinned.to(device, non_blocking=True)
    current.wait_stream(beside)
    # It was allocated for the other stream, which must not use its memory again while this one reads it.
    moved.record_stream(current)
    return moved


@cache
def _stream(index: int) -> torch.cuda.Stream:
    """One for each GPU, as long as the process lives."""
    return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]
