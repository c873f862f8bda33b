"""Random numbers that are the same on every machine and in every shard.

Every stream is named by what it is for, never by when it is drawn: `(version,
seed, sequence, ...)`. Two processes that work on the same sequence draw the
same numbers, whatever else they did before.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_words(*name: object) -> list[int]:
    """Eight 32-bit words derived from a stream's name."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in name).encode()).digest()
    return [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]


def frozen_generator(*name: object) -> np.random.RandomState:
    """A numpy generator for the stream `name`.

    `RandomState` and not `default_rng`: numpy promises that its streams never
    change (NEP 19), and data sets are hashed over what it draws.
    """
    return np.random.RandomState(seed_words(*name))


def torch_generator(*name: object) -> "torch.Generator":
    """A CPU torch generator for the stream `name`; noise is drawn on the CPU so that devices share it."""
    import torch

    low, high = seed_words(*name)[:2]
    return torch.Generator(device="cpu").manual_seed((high << 31) ^ low)
