"""The entry point: what is registered. It imports no torch, so that `posebench list` stays fast."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench import LifterSpec, register_dataset, register_lifter, register_manifest, register_protocol

if TYPE_CHECKING:
    from posebench.datasets.adapter import Adapter
    from posebench.protocols.protocol import ProtocolFamily

register_manifest(Path(__file__).with_name("registry.yaml"))


@register_lifter("frontal", spec=LifterSpec(window=1, stride=1))
def frontal(**config: Any) -> Any:
    """Every pose as a flat figure that faces the camera."""
    from stranger_lifters.frontal import Frontal

    return Frontal(**config)


@register_dataset(
    "skaters",
    summary="two generated people who glide on one leg; for a test",
    licence="Apache-2.0",
    obtain="nothing to get: it is generated when first used",
    default_rule="upper-body",
)
def skaters() -> "Adapter":
    """The adapter."""
    from stranger_lifters.skaters import Skaters

    return Skaters()


@register_protocol("skaters/upper-body")
def upper_body() -> "ProtocolFamily":
    """The rule of the open sets, over the joints above the hips."""
    from posebench.protocols.open_sets import open_standard

    family = open_standard("skaters", default_source="gt", rule="upper-body")
    joints = tuple(j for j in family.scoring.joints if not j.endswith(("Hip", "Knee", "Foot")))
    scoring = replace(
        family.scoring,
        owner="Stranger Institute: the joints above the hips",
        joints=joints,
        pck_joints=joints,
        metrics=("mpjpe", "p_mpjpe", "pck150"),
    )
    return replace(family, scoring=scoring)
