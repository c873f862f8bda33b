"""MotionAGFormer's checkpoints (`.pth.tr`, `model`, keys with `module.`), all sizes, Human3.6M and MPI-INF-3DHP."""

import math
from collections.abc import Mapping
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes
from posebench.errors import WeightsError

#: The public constructor's names and ours; `root_rel` is of the training configuration.
NAMES = {
    "n_frames": "frames",
    "n_layers": "layers",
    "dim_feat": "dim",
    "dim_rep": "dim_rep",
    "num_heads": "heads",
    "mlp_ratio": "mlp_ratio",
    "qkv_bias": "qkv_bias",
    "neighbour_num": "neighbours",
    "use_temporal_similarity": "temporal_similarity",
    "temporal_connection_len": "temporal_reach",
    "use_adaptive_fusion": "adaptive_fusion",
    "use_layer_scale": "layer_scale",
    "hierarchical": "hierarchical",
    "graph_only": "graph_only",
    "use_tcn": "tcn",
    "root_rel": "rootrel",
}
#: What the public constructor could vary and this lifter does not.
FIXED = {"dim_in": 3, "dim_out": 3, "num_joints": 17, "qkv_scale": None, "act_layer": "gelu"}


def infer(shapes: Shapes) -> dict[str, Any]:
    """All that shapes tell; heads, neighbours and how the temporal graph is made are left at their published values.

    The number of frames is seen in the norm of the temporal graph, which a network of convolutions over time lacks.
    """
    dim, channels = shapes["joints_embed.weight"]
    if channels != 3:
        raise WeightsError(
            f"This MotionAGFormer sees {channels} values a joint; only x, y, confidence are loaded here."
        )
    width = shapes["layers.0.att_spatial.norm1.weight"][0]
    bare = "layers.0.graph_spatial.U.weight" in shapes
    temporal = "layers.0.graph_temporal." if bare else "layers.0.graph_temporal.mixer."
    tcn = temporal + "batch_norm.weight" not in shapes
    config = {
        "layers": sum(key.startswith("layers.") and key.endswith(".att_spatial.norm1.weight") for key in shapes),
        "dim": dim,
        "dim_rep": shapes["head.weight"][1],
        "mlp_ratio": _ratio(shapes["layers.0.att_spatial.mlp.fc1.weight"][0], width),
        "qkv_bias": "layers.0.att_spatial.mixer.qkv.bias" in shapes,
        "adaptive_fusion": "layers.0.fusion.weight" in shapes,
        "layer_scale": "layers.0.att_spatial.layer_scale_1" in shapes,
        "hierarchical": width != dim,
        "graph_only": bare,
        "tcn": tcn,
    }
    return config if tcn else {"frames": shapes[temporal + "batch_norm.weight"][0], **config}


def _ratio(hidden: int, width: int) -> float:
    """The least number that gives `hidden` when the network multiplies it by `width` and rounds down."""
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else math.nextafter(ratio, math.inf)


def translate(public: Mapping[str, Any]) -> dict[str, Any]:
    """Ours from the names of the public constructor or training configuration; dropout and the like are left away.

    Raises `WeightsError` for what cannot be loaded.
    """
    for name, value in FIXED.items():
        if public.get(name, value) != value:
            raise WeightsError(f"MotionAGFormer with {name}={public[name]} cannot be loaded here; it must be {value}.")
    return {ours: public[name] for name, ours in NAMES.items() if name in public}


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """x, y, confidence in [-1, 1] to the network's output, as the public code gives it."""
    import torch

    with torch.no_grad():
        return module.network(torch.from_numpy(arrays["keypoints_2d_conf"]))


_LINEAR = r"(?:weight|bias)"
_NORM = r"(?:weight|bias|running_mean|running_var|num_batches_tracked)"
_GRAPH = rf"(?:(?:U|V)\.{_LINEAR}|batch_norm\.{_NORM})"
_CONVOLUTIONS = rf"branches\.\d\.\d\.(?:(?:conv|bn)\.)?{_NORM}"
_ATTENTION = rf"(?:qkv|proj)\.{_LINEAR}"
_AROUND = rf"(?:(?:norm1|norm2|mlp\.fc1|mlp\.fc2)\.{_LINEAR}|layer_scale_[12])"

CONVERSION = Conversion(
    architecture="motionagformer",
    repository="TaatiTeam/MotionAGFormer",
    licence="unknown, see the repository",
    parity=("motionagformer",),
    rules=(
        Rule(rf"(layers\.\d+\.att_(?:spatial|temporal)\.(?:{_AROUND}|mixer\.{_ATTENTION}))", r"network.\1"),
        Rule(
            rf"(layers\.\d+\.graph_(?:spatial|temporal)\.(?:{_AROUND}|(?:mixer\.)?(?:{_GRAPH}|{_CONVOLUTIONS})))",
            r"network.\1",
        ),
        Rule(rf"((?:layers\.\d+\.fusion|joints_embed|norm|rep_logit\.fc|head)\.{_LINEAR}|pos_embed)", r"network.\1"),
    ),
    infer=infer,
    translate=translate,
    run=run,
)
