"""The zoo's entry point: every lifter by name, imported only when it is made. Imports no torch."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench.registry.decorators import register_conversion, register_lifter
from posebench.registry.manifest import register_manifest

if TYPE_CHECKING:
    from posebench.conversion.rules import Conversion
    from posebench.prediction.spec import LifterSpec

_HERE = Path(__file__).resolve().parent
# In a wheel the manifest lies beside this file; in a checkout it stands at the top, for people to read.
_MANIFEST = _HERE / "registry.yaml"
register_manifest(_MANIFEST if _MANIFEST.exists() else _HERE.parent / "registry.yaml", root=_HERE)


def _spec(module: str, function: str) -> "Callable[[dict[str, Any]], LifterSpec]":
    """A spec of `zoo.specs`, imported when it is first asked for: `list` asks for none."""

    def spec(config: dict[str, Any]) -> "LifterSpec":
        made: LifterSpec = getattr(import_module(module), function)(config)
        return made

    return spec


@register_lifter("mean-pose", spec=_spec("zoo.specs", "mean_pose"))
def mean_pose() -> Any:
    """The mean pose of the training split, whatever the keypoints."""
    from zoo.lifters.mean_pose import MeanPose

    return MeanPose()


@register_lifter("zero-depth", spec=_spec("zoo.specs", "zero_depth"))
def zero_depth() -> Any:
    """Every joint at the training split's mean root depth, back-projected."""
    from zoo.lifters.zero_depth import ZeroDepth

    return ZeroDepth()


@register_lifter("simple_baseline", spec=_spec("zoo.specs", "simple_baseline"))
def simple_baseline(**config: Any) -> Any:
    """The residual MLP of Martinez et al."""
    from zoo.lifters.simple_baseline import SimpleBaseline

    return SimpleBaseline(**config)


@register_lifter("videopose3d", spec=_spec("zoo.specs", "videopose3d"))
def videopose3d(**config: Any) -> Any:
    """The temporal convolutions of Pavllo et al."""
    from zoo.lifters.videopose3d import VideoPose3D

    return VideoPose3D(**config)


#: Public lifters, each in `zoo.lifters.<name>`, its spec in `zoo.specs.<name>`: name and class.
PUBLIC = (
    ("semgcn", "SemGCN"),
    ("mixste", "MixSTE"),
    ("d3dp", "D3DP"),
    ("motionbert", "MotionBERT"),
    ("poseformerv2", "PoseFormerV2"),
    ("motionagformer", "MotionAGFormer"),
    ("ktpformer", "KTPFormer"),
)

#: Methods without public code, whose implementation here is the zoo's own, and a baseline for lifters that sample.
OWN = (("dreampose3d", "DreamPose3D"), ("heatmap_diffusion", "HeatmapDiffusion"), ("with_noise", "WithNoise"))


def _register(name: str, cls: str) -> None:
    def factory(**config: Any) -> Any:
        return getattr(import_module(f"zoo.lifters.{name}"), cls)(**config)

    factory.__qualname__ = name
    register_lifter(name, spec=_spec(f"zoo.specs.{name}", "spec"))(factory)


def _register_conversion(name: str) -> None:
    def make() -> "Conversion":
        conversion: Conversion = import_module(f"zoo.conversions.{name}").CONVERSION
        return conversion

    make.__qualname__ = f"conversion_{name}"
    register_conversion(name)(make)


for _name, _cls in (*PUBLIC, *OWN):
    _register(_name, _cls)
for _name in ("simple_baseline", "videopose3d", *(name for name, _ in PUBLIC)):
    _register_conversion(_name)
