"""The noise streams of a batch: a generator costs more than a window of a small lifter, and most lifters draw nothing."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import overload

import torch

Streams = tuple[torch.Generator, ...]


class LazyStreams(Sequence[torch.Generator]):
    """`count` generators that `make` makes when one is first asked for; otherwise as the tuple of them."""

    def __init__(self, count: int, make: Callable[[], Streams]) -> None:
        self._count, self._make = count, make

    @cached_property
    def _made(self) -> Streams:
        return self._make()

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> torch.Generator: ...
    @overload
    def __getitem__(self, place: slice) -> Streams: ...
    def __getitem__(self, place: int | slice) -> torch.Generator | Streams:
        return self._made[place]

    def __mul__(self, times: int) -> "LazyStreams":
        return LazyStreams(self._count * times, lambda: self._made * times)
