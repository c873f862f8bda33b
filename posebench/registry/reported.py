"""A reported number: what a paper or a public page says of a method, with what it was allowed to see. Imports no torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME = r"^[A-Za-z0-9_-]+$"
PROTOCOL = r"^[\w-]+/[\w-]+(\+[\w-]+)?@\d+$"
#: Privileges that make a number `assisted`: `posebench.prediction.spec.ASSISTING`, which a leaf does not import.
LEANING_ON_TRUTH = frozenset({"intrinsics", "root_depth", "action_label"})


class ReportedNumber(BaseModel):
    """A number that a paper or a public page reports. It stands apart from what is run here, whatever is reproduced.

    It names the nearest registered protocol; `differs` says in what the
    reported evaluation is known to deviate from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str = Field(pattern=PROTOCOL)
    """`dataset/rule+source@version`; without `+source` where the 2D source is not known."""
    metric: str = Field(pattern=NAME)
    value: float = Field(ge=0, allow_inf_nan=False)
    unit: str = "mm"
    column: Literal["honest", "assisted", "oracle", "unknown"]
    """`unknown`: it is not said which hypotheses were scored, or with what help."""
    aggregate: str | None = Field(default=None, pattern=NAME)
    """How several hypotheses became one pose."""
    hypotheses: int | None = Field(default=None, ge=1)
    steps: int | None = Field(default=None, ge=1)
    """Iterations of the sampler."""
    frames: int | None = Field(default=None, ge=1)
    """Frames in the lifter's window."""
    flip: bool | None = None
    """Whether the poses of the mirrored input were averaged in; None where it is not said."""
    granted: tuple[Literal["future_frames", "intrinsics", "root_depth", "heatmaps", "action_label"], ...] = ()
    """What the lifter saw beyond 2D keypoints, where a paper makes a point of it."""
    tag: str | None = None
    """The tag of the same configuration."""
    source: str = Field(min_length=1)
    """Where the number stands: the paper, a README, an issue thread."""
    differs: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _column_follows(self) -> "ReportedNumber":
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
        return self


def refuse_twice(numbers: tuple[ReportedNumber, ...]) -> None:
    """Raise `ValueError` when two numbers differ in nothing but their value."""
    seen: dict[str, int] = {}
    for i, number in enumerate(numbers):
        first = seen.setdefault(number.model_dump_json(exclude={"value"}), i)
        if first != i:
            raise ValueError(f"reported.{i} says the same as reported.{first}, perhaps with another value; keep one")
