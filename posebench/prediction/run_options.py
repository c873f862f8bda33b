"""What a run may ask of a lifter beyond its tag: how many hypotheses in how many steps, and a precision. Imports no torch."""

from typing import Literal, get_args

from posebench.errors import UsageError
from posebench.prediction.spec import LifterSpec
from posebench.registry.resolve import ModelTag, model_tags

#: What a lifter computes in: float32, or autocast to bfloat16.
Precision = Literal["fp32", "bf16"]

#: The names in the configuration of a lifter that declares `samples`.
SAMPLING = ("hypotheses", "steps")
#: Diffusions are trained with this many times, so no more steps can differ.
MOST_STEPS = 1000


def check_precision(asked: str) -> Precision:
    """The precision by name; raises `UsageError` for another."""
    for known in get_args(Precision):
        if asked == known:
            return known  # type: ignore[no-any-return]  # of get_args
    raise UsageError(f"--precision {asked!r} is not known; give {' or '.join(get_args(Precision))}.")


def sampling_config(tag: ModelTag, hypotheses: int | None, steps: int | None) -> dict[str, int]:
    """What of a tag's configuration a run asks to be otherwise; None asks nothing.

    Raises `UsageError` for numbers that cannot be, and for a lifter that does not sample.
    """
    if hypotheses is not None and hypotheses < 1:
        raise UsageError(f"--hypotheses is {hypotheses}; give 1 or more.")
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise UsageError(f"--steps is {steps}; give 1 to {MOST_STEPS}.")
    asked = {name: value for name, value in zip(SAMPLING, (hypotheses, steps), strict=True) if value is not None}
    if asked and not samples(tag):
        others = sorted({other.architecture for other in model_tags() if samples(other)})
        raise UsageError(
            f"{tag.name} does not sample: leave {' and '.join(f'--{name}' for name in asked)} away, or choose a lifter "
            f"that does ({', '.join(others) or 'none is registered'})."
        )
    return asked


def check_describes(spec: LifterSpec, name: str) -> None:
    """Raise `UsageError` for a lifter that does not infer what a motion is."""
    if not spec.describes:
        others = sorted({other.architecture for other in model_tags() if other.entry.spec(other.config).describes})
        raise UsageError(
            f"{name} infers no action from the keypoints, so it has no prompt to show; choose a lifter that does "
            f"({', '.join(others) or 'none is registered'})."
        )


def check_generates(spec: LifterSpec, name: str) -> None:
    """Raise `UsageError` for a lifter that is no prior of poses."""
    if not spec.generates:
        others = sorted({other.architecture for other in model_tags() if other.entry.spec(other.config).generates})
        raise UsageError(
            f"{name} lifts keypoints and is no prior of poses, so it cannot generate, complete or denoise any; choose a "
            f"lifter that can ({', '.join(others) or 'none is registered'})."
        )


def samples(tag: ModelTag) -> bool:
    """Whether the lifter declares that its configuration has hypotheses and steps."""
    return tag.entry.spec(tag.config).samples
