"""The ways in which public codebases score the same predictions differently, each as one change of a scoring value.

`alternatives` are what `posebench explain` tries one by one; `path_between`
goes from one rule to another field by field.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from posebench.protocols.protocol import Scoring

#: The order in which the fields of two rules are brought together: from what is compared to how it is averaged.
FIELD_ORDER = (
    "truth",
    "left_out",
    "repeats",
    "aligned",
    "root",
    "joints",
    "pck_joints",
    "metrics",
    "averaging",
    "group_weights",
    "aggregates",
    "samples",
)


@dataclass(frozen=True)
class Alternative:
    """One change: its name, who scores like that, and the function that makes it; what it cannot change it returns as it was."""

    name: str
    who: str
    change: Callable[[Scoring], Scoring]
    chained: bool
    """Whether the default path of `explain` goes through it; of two that exclude each other one does."""


def _swap(old: str, new: str) -> Callable[[Scoring], Scoring]:
    return lambda scoring: replace(
        scoring, metrics=tuple(new if metric == old else metric for metric in scoring.metrics)
    )


def _without(joint: str) -> Callable[[Scoring], Scoring]:
    return lambda scoring: replace(scoring, joints=tuple(name for name in scoring.joints if name != joint))


def _root_joint(scoring: Scoring) -> str:
    from posebench.skeletons import SKELETONS

    skeleton = SKELETONS[scoring.skeleton]
    return skeleton.joints[skeleton.root]


TWICE = Alternative(
    "all predictions of a frame",
    "MixSTE, KTPFormer, D3DP",
    lambda scoring: replace(scoring, repeats="all"),
    chained=True,
)

ALTERNATIVES: tuple[Alternative, ...] = (
    TWICE,
    Alternative(
        "root set to 0",
        "MHFormer, P-STMO, STCFormer, D3DP",
        lambda scoring: replace(scoring, root="zeroed"),
        chained=False,
    ),
    Alternative(
        "root subtracted",
        "SemGCN, PoseAug, metrabs, MotionBERT",
        lambda scoring: replace(scoring, root="subtracted"),
        chained=True,
    ),
    Alternative("without Neck/Nose", "SemGCN, PoseAug, PoseBench3D", _without("Neck/Nose"), chained=True),
    Alternative(
        "without the root",
        "the temporal_3d lineage",
        lambda scoring: _without(_root_joint(scoring))(scoring),
        chained=False,
    ),
    Alternative("P-MPJPE with reflections", "GFPose, ZeDO", _swap("p_mpjpe", "p_mpjpe_reflected"), chained=True),
    Alternative(
        "PCK and AUC over all joints",
        "mmpose, ZeDO, manipose",
        lambda scoring: replace(scoring, pck_joints=scoring.joints),
        chained=True,
    ),
    Alternative("PCK with <=", "the 3DPW challenge", _swap("pck150", "pck150_inclusive"), chained=False),
    Alternative("AUC without threshold 0", "some papers", _swap("auc", "auc30"), chained=True),
    Alternative("continuous AUC", "PosePile", _swap("auc", "auc_continuous"), chained=False),
    Alternative(
        "all frames pooled",
        "mmpose, metrabs, PoseBench3D",
        lambda scoring: replace(scoring, averaging="frames", group_weights=()),
        chained=True,
    ),
)


def alternatives(scoring: Scoring, tail: str) -> list[tuple[Alternative, Scoring]]:
    """Every alternative that changes this rule for a lifter of that tail rule, with the changed value."""
    tried = ((alternative, alternative.change(scoring)) for alternative in _applicable(tail))
    return [(alternative, changed) for alternative, changed in tried if changed != scoring]


def _applicable(tail: str) -> list[Alternative]:
    # Only an overlapping last chunk has frames that are predicted twice.
    return [a for a in ALTERNATIVES if a is not TWICE or tail == "overlap-chunk"]


def default_path(scoring: Scoring, tail: str) -> list[tuple[str, Scoring]]:
    """The chained alternatives applied one after the other."""
    steps: list[tuple[str, Scoring]] = []
    current = scoring
    for alternative in _applicable(tail):
        changed = alternative.change(current)
        if alternative.chained and changed != current:
            steps.append((alternative.name, changed))
            current = changed
    return steps


def path_between(start: Scoring, target: Scoring) -> list[tuple[str, Scoring]]:
    """From one rule to another, a field at a time in `FIELD_ORDER`; the last value scores like the target."""
    steps: list[tuple[str, Scoring]] = []
    current = start
    for name, changed in _field_changes(start, target):
        # A rule that pools frames has no weights of groups: both change in one step.
        current = replace(current, **changed)
        steps.append((name, current))
    return steps


def _field_changes(start: Scoring, target: Scoring) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in FIELD_ORDER:
        before, after = getattr(start, name), getattr(target, name)
        if name == "averaging" and before != after:
            yield f"averaging: {after} instead of {before}", {"averaging": after, "group_weights": ()}
        elif name == "group_weights" and after:
            yield "weights of groups", {"group_weights": after}
        elif before != after and name != "group_weights":
            yield _describe(name, before, after), {name: after}


def _describe(name: str, before: object, after: object) -> str:
    if name in ("joints", "pck_joints"):
        what = "joints" if name == "joints" else "joints in PCK and AUC"
        return f"{len(after)} instead of {len(before)} {what}"  # type: ignore[arg-type]
    if isinstance(after, str):
        return f"{name}: {after} instead of {before}"
    return {
        "left_out": "other clips left out",
        "metrics": "other metrics",
        "aggregates": "other aggregates",
        "samples": "other metrics of all hypotheses together",
    }[name]
