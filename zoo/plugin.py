"""The zoo's entry point: every lifter by name, imported only when it is made. Imports no torch."""

from pathlib import Path
from typing import Any

from posebench.registry.decorators import register_lifter
from posebench.registry.manifest import register_manifest
from zoo import specs

_HERE = Path(__file__).resolve().parent
# In a wheel the manifest lies beside this file; in a checkout it stands at the top, for people to read.
_MANIFEST = _HERE / "registry.yaml"
register_manifest(_MANIFEST if _MANIFEST.exists() else _HERE.parent / "registry.yaml", root=_HERE)


@register_lifter("mean-pose", spec=specs.mean_pose)
def mean_pose() -> Any:
    """The mean pose of the training split, whatever the keypoints."""
    from zoo.lifters.mean_pose import MeanPose

    return MeanPose()


@register_lifter("zero-depth", spec=specs.zero_depth)
def zero_depth() -> Any:
    """Every joint at the training split's mean root depth, back-projected."""
    from zoo.lifters.zero_depth import ZeroDepth

    return ZeroDepth()


@register_lifter("simple_baseline", spec=specs.simple_baseline)
def simple_baseline(**config: Any) -> Any:
    """The residual MLP of Martinez et al."""
    from zoo.lifters.simple_baseline import SimpleBaseline

    return SimpleBaseline(**config)


@register_lifter("videopose3d", spec=specs.videopose3d)
def videopose3d(**config: Any) -> Any:
    """The temporal convolutions of Pavllo et al."""
    from zoo.lifters.videopose3d import VideoPose3D

    return VideoPose3D(**config)
