"""The inputs half of a protocol: what a lifter is run on and what it may be handed."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from posebench.errors import UsageError
from posebench.hashing import hash_value

#: What protocols grant unless they say otherwise. Who takes the true lens or the root's true depth has its numbers
#: among the assisted; frames after the one that is lifted, and heatmaps of the same detector, leave them honest.
STANDARD_GRANTS = ("future_frames", "heatmaps", "intrinsics", "root_depth")


@dataclass(frozen=True)
class InputsSpec:
    """A frozen, hashed value. Predictions made under one `InputsSpec` can be scored by every rule of its data set.

    `dataset`, `dataset_version`
        The data set and the version of its adapter.
    `form`
        The form of the data set (`posebench.datasets.adapter.Form`), empty for its own.
    `split`
        The split that is predicted; several are joined by `+`, `all` is every one.
    `keep_every`
        Every how many frames one is predicted and scored; lifters see all frames around it.
    `frame_list`
        Name of a list of frames (`posebench.datasets.frame_lists`) that alone
        are predicted and scored; empty for all.
    `source`, `source_version`
        The 2D source.
    `grants`
        The privileges that a lifter may be handed under this protocol, sorted.
    """

    dataset: str
    dataset_version: str
    form: str
    split: str
    keep_every: int
    frame_list: str
    source: str
    source_version: str
    grants: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.keep_every < 1:
            raise UsageError(f"keep_every is {self.keep_every}; it must be 1 or more.")
        if list(self.grants) != sorted(set(self.grants)):
            raise UsageError(
                f"The privileges {self.grants} must be sorted and without repetition: the hash depends on it."
            )

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the value."""
        return hash_value(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored in manifests and records."""
        return {**asdict(self), "grants": list(self.grants)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "InputsSpec":
        """The inverse of `to_json`."""
        return cls(**{**value, "grants": tuple(value["grants"])})
