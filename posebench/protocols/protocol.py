"""A protocol is a value in two halves: the inputs (`InputsSpec`) and the scoring (`Scoring`). A leaf without torch."""

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from posebench.errors import UsageError
from posebench.hashing import hash_value
from posebench.inputs.spec import InputsSpec
from posebench.inputs.stored import VERSION as STORED_VERSION
from posebench.registry.entries import unknown_name

RootRule = Literal["as-predicted", "zeroed", "subtracted"]
Averaging = Literal["actions", "clips", "frames"]
Repeats = Literal["first", "all"]
Aligned = Literal["pose", "hypotheses"]


@dataclass(frozen=True)
class Scoring:
    """The scoring half: a frozen, hashed value. Every field that changes a number is in the hash.

    `rule`, `version`, `owner`
        Name and version of the rule, and whose rule it is.
    `skeleton`
        The joint set that is scored; its root is the origin.
    `truth`
        Which ground truth, of a data set that has several; `poses` is the first.
    `joints`
        Names of the joints that errors are averaged over.
    `pck_joints`
        Names of the joints of PCK and AUC.
    `left_out`
        Clips `subject/action/clip` that are not scored.
    `root`
        What happens to the predicted root before scoring (protocols.md, H1);
        the true root is always the origin.
    `repeats`
        What counts of a frame that a lifter with the tail rule `overlap-chunk`
        predicted twice: the `first` prediction, or `all`, which is MixSTE's own
        evaluation (protocols.md, H4).
    `aligned`
        What P-MPJPE aligns: the `pose` that was chosen, or all `hypotheses`
        before one is chosen, which is D3DP's rule for all but the mean.
    `averaging`
        `actions`: frame-weighted within an action, then the mean over actions
        (VideoPose3D). `clips`: the same over clips, as TS1 to TS6. `frames`: all
        frames alike.
    `group_weights`
        Weights of the actions or clips in that mean, by name; empty for equal ones.
    `metrics`
        Names in `posebench.metrics.table.METRICS`, the headline first.
    `aggregates`
        Names in `posebench.metrics.hypotheses.AGGREGATES`: how several hypotheses become one pose.
    `samples`
        Names in `posebench.metrics.samples.SAMPLE_METRICS`: what is said of all hypotheses together; empty for nothing.
    """

    rule: str
    version: int
    owner: str
    skeleton: str
    truth: str
    joints: tuple[str, ...]
    pck_joints: tuple[str, ...]
    left_out: tuple[str, ...]
    root: RootRule
    repeats: Repeats
    aligned: Aligned
    averaging: Averaging
    group_weights: tuple[tuple[str, int], ...]
    metrics: tuple[str, ...]
    aggregates: tuple[str, ...]
    samples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.averaging == "frames" and self.group_weights:
            raise UsageError(f"The rule {self.rule!r} pools frames and still names weights of groups; leave one away.")

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the value."""
        return hash_value(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored in records."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        if not self.samples:
            del values["samples"]  # so that the hash of a rule without them is what it was before there were any
        return {**values, "group_weights": [list(pair) for pair in self.group_weights]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Scoring":
        """The inverse of `to_json`."""
        values: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        values["group_weights"] = tuple((name, weight) for name, weight in value["group_weights"])
        return cls(**values)


@dataclass(frozen=True)
class Protocol:
    """Both halves and the name `dataset/rule+source@version`."""

    id: str
    inputs: InputsSpec
    scoring: Scoring


@dataclass(frozen=True)
class ProtocolFamily:
    """A protocol for each of several 2D sources: what is registered under `dataset/rule`.

    `inputs` carries the default source; `sources` maps each source name to its
    version. With `own_sources` the data set may store others, under the names
    of the user's files. `beside` names families of the same inputs whose
    numbers are always shown with these.
    """

    name: str
    inputs: InputsSpec
    scoring: Scoring
    sources: dict[str, str]
    own_sources: bool = False
    beside: tuple[str, ...] = ()

    def with_source(self, source: str | None = None) -> Protocol:
        """The protocol with a 2D source (None: the default one); raises `UnknownNameError`."""
        source = source or self.inputs.source
        if source not in self.sources and not self.own_sources:
            raise unknown_name(f"2D source of {self.name}", source, self.sources)
        version = self.sources.get(source, STORED_VERSION)
        inputs = replace(self.inputs, source=source, source_version=version)
        return Protocol(f"{self.name}+{source}@{self.scoring.version}", inputs, self.scoring)


def parse_protocol_id(text: str) -> tuple[str, str | None, int | None]:
    """`dataset/rule[+source][@version]` to its parts; raises `UsageError` for a malformed one."""
    name, _, version = text.partition("@")
    name, _, source = name.partition("+")
    if name.count("/") != 1 or not all(name.split("/")) or (version and not version.isdigit()):
        raise UsageError(
            f"{text!r} is no protocol id; it is written dataset/rule+source@version, as in hdm05/standard+gt@1."
        )
    return name, source or None, int(version) if version else None
