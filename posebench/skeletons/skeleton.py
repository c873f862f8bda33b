"""A joint set: names, parents, left and right."""

from dataclasses import dataclass
from functools import cached_property

from posebench.errors import UsageError


@dataclass(frozen=True)
class Skeleton:
    """A joint set. `parents[i]` is the parent's index, -1 for the root; `left[i]` mirrors `right[i]`."""

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.joints) != len(self.parents) or len(self.left) != len(self.right):
            raise UsageError(f"Skeleton {self.name!r} has joints, parents, left and right of different lengths.")

    @property
    def num_joints(self) -> int:
        """Number of joints."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the joint without a parent: poses are scored relative to it."""
        return self.parents.index(-1)

    @cached_property
    def mirrored(self) -> tuple[int, ...]:
        """Index of each joint's mirror partner (itself for joints in the middle)."""
        order = list(range(self.num_joints))
        for left, right in zip(self.left, self.right, strict=True):
            order[left], order[right] = right, left
        return tuple(order)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """`(parent, child)` of every bone."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    def indices(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Indices of joints by name; raises `UsageError` naming a joint that is not there."""
        for name in names:
            if name not in self.joints:
                raise UsageError(f"Skeleton {self.name!r} has no joint {name!r}; it has {', '.join(self.joints)}.")
        return tuple(self.joints.index(name) for name in names)
