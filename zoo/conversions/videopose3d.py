"""Checkpoints of facebookresearch/VideoPose3D (`model_pos`), dilated as in the paper."""

from collections.abc import Mapping
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes
from posebench.errors import WeightsError

#: What the public constructor could vary and this lifter does not.
FIXED = {"num_joints_in": 17, "in_features": 2, "num_joints_out": 17, "dense": False}
ARGUMENTS = ("filter_widths", "channels", "causal", "dropout")

_PARAMETERS = r"(?:weight|bias|running_mean|running_var|num_batches_tracked)"


def infer(shapes: Shapes) -> dict[str, Any]:
    """Filter widths and channels. Whether it is causal no shape tells: it is not, unless said."""
    channels, _, first = shapes["expand_conv.weight"]
    # A wide filter and one of width 1 follow each other.
    blocks = sum(key.startswith("layers_conv.") for key in shapes) // 2
    widths = [shapes[f"layers_conv.{2 * block}.weight"][2] for block in range(blocks)]
    return {"filter_widths": [first, *widths], "channels": channels}


def translate(public: Mapping[str, Any]) -> dict[str, Any]:
    """The names are ours as well. Raises `WeightsError` for what cannot be loaded."""
    for name, value in FIXED.items():
        if public.get(name, value) != value:
            raise WeightsError(f"VideoPose3D with {name}={public[name]} cannot be loaded here; it must be {value}.")
    return {name: public[name] for name in ARGUMENTS if name in public}


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """The bare network on (batch, frames, 17, 2): metres (batch, frames - window + 1, 17, 3)."""
    import torch

    return module.network(torch.from_numpy(arrays["keypoints_2d"]))


CONVERSION = Conversion(
    architecture="videopose3d",
    repository="facebookresearch/VideoPose3D",
    licence="CC BY-NC 4.0",
    parity=("videopose3d",),
    rules=(Rule(rf"((?:expand_conv|expand_bn|shrink|layers_conv\.\d+|layers_bn\.\d+)\.{_PARAMETERS})", r"network.\1"),),
    infer=infer,
    translate=translate,
    run=run,
)
