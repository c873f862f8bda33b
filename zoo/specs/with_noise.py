"""What another lifter with noise added declares: all that the other one does, and that it samples. Imports no torch."""

from dataclasses import replace
from typing import Any

from posebench.errors import UsageError
from posebench.prediction.flip import check_flip
from posebench.prediction.spec import LifterSpec
from posebench.registry.decorators import LIFTERS


def spec(config: dict[str, Any]) -> LifterSpec:
    """As the lifter inside; whether it averages with its mirror image says the configuration (`flip`).

    Raises `UsageError` for a lifter inside that returns something else than one root-relative pose a frame.
    """
    of = str(config["of"])
    inside: LifterSpec = LIFTERS.get(of).spec(dict(config.get("lifter", {})))
    if inside.samples or inside.fitted or inside.space != "root_relative":
        raise UsageError(
            f"with_noise takes a trained lifter of one root-relative pose a frame, and {of} is none; choose another."
        )
    if flip := bool(config.get("flip", False)):
        check_flip(inside, of)
    return replace(inside, samples=True, flips_itself=flip)
