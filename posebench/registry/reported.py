"""A reported number: what a paper or a public page says of a method, with what it was allowed to see. Imports no torch."""

import sys
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from posebench.registry.reading import Entry

NAME = r"^[A-Za-z0-9_-]+\Z"
Name = Annotated[str, Meta(pattern=NAME, description="a name of letters, digits, '_' and '-'")]
Protocol = Annotated[
    str, Meta(pattern=r"^[\w-]+/[\w-]+(\+[\w-]+)?@\d+\Z", description="dataset/rule+source@version, or without +source")
]
Value = Annotated[float, Meta(ge=0, le=sys.float_info.max, description="a finite number, 0 or above")]
Count = Annotated[int, Meta(ge=1, description="a whole number, 1 or above")]
#: Privileges that make a number `assisted`: `posebench.prediction.spec.ASSISTING`, which a leaf does not import.
LEANING_ON_TRUTH = frozenset({"intrinsics", "root_depth", "action_label"})


class ReportedNumber(Entry, frozen=True, kw_only=True):
    """A number that a paper or a public page reports. It stands apart from what is run here, whatever is reproduced.

    It names the nearest registered protocol; `differs` says in what the
    reported evaluation is known to deviate from it.
    """

    protocol: Protocol
    """`dataset/rule+source@version`; without `+source` where the 2D source is not known."""
    metric: Name
    value: Value
    unit: str = "mm"
    column: Literal["honest", "assisted", "oracle", "unknown"]
    """`unknown`: it is not said which hypotheses were scored, or with what help."""
    aggregate: Name | None = None
    """How several hypotheses became one pose."""
    hypotheses: Count | None = None
    steps: Count | None = None
    """Iterations of the sampler."""
    frames: Count | None = None
    """Frames in the lifter's window."""
    flip: bool | None = None
    """Whether the poses of the mirrored input were averaged in; None where it is not said."""
    granted: tuple[Literal["future_frames", "intrinsics", "root_depth", "heatmaps", "action_label"], ...] = ()
    """What the lifter saw beyond 2D keypoints, where a paper makes a point of it."""
    tag: str | None = None
    """The tag of the same configuration."""
    source: Annotated[str, Meta(min_length=1)]
    """Where the number stands: the paper, a README, an issue thread."""
    differs: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.column == "honest" and LEANING_ON_TRUTH.intersection(self.granted):
            raise ValueError(
                f"granted {', '.join(self.granted)}, so its column is 'assisted' or 'oracle', not 'honest'"
            )
        if self.column == "assisted" and not (LEANING_ON_TRUTH.intersection(self.granted) or self.aggregate):
            raise ValueError("an assisted number says by what: give 'granted' or 'aggregate'")
        if self.column == "oracle" and self.aggregate is None:
            raise ValueError("an oracle number says what was chosen: give 'aggregate'")
        if self.column != "unknown" and (self.hypotheses or 1) > 1 and self.aggregate is None:
            raise ValueError(f"say how {self.hypotheses} hypotheses became one pose: give 'aggregate'")


def refuse_twice(numbers: tuple[ReportedNumber, ...]) -> None:
    """Raise `ValueError` when two numbers differ in nothing but their value."""
    seen: dict[ReportedNumber, int] = {}
    for i, number in enumerate(numbers):
        first = seen.setdefault(replace(number, value=0.0), i)
        if first != i:
            raise ValueError(f"reported.{i} says the same as reported.{first}, perhaps with another value; keep one")
