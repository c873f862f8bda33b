"""MotionBERT's checkpoints (`model_pos`, keys with `module.`): DSTformer for 3D pose, full and lite."""

import math
from collections.abc import Mapping
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes
from posebench.errors import WeightsError

#: The public constructor's names and ours.
NAMES = {
    "maxlen": "frames",
    "dim_feat": "dim",
    "dim_rep": "dim_rep",
    "depth": "depth",
    "num_heads": "heads",
    "mlp_ratio": "mlp_ratio",
    "qkv_bias": "qkv_bias",
    "att_fuse": "adaptive_fusion",
    "rootrel": "rootrel",
}
#: Of torch's LayerNorm.
TORCH_EPSILON = 1e-5
#: What the public constructor could vary and this lifter does not.
FIXED = {"dim_in": 3, "dim_out": 3, "num_joints": 17, "qk_scale": None}


def infer(shapes: Shapes) -> dict[str, Any]:
    """Everything but the number of heads, which no shape tells: the published 8."""
    dim, hidden = shapes["joints_embed.weight"][0], shapes["blocks_st.0.mlp_s.fc1.weight"][0]
    ratio = hidden / dim
    if int(dim * ratio) < hidden:  # the quotient was rounded down, and the network would round down again
        ratio = math.nextafter(ratio, math.inf)
    return {
        "frames": shapes["temp_embed"][1],
        "dim": dim,
        "dim_rep": shapes["head.weight"][1],
        "depth": sum(key.startswith("blocks_st.") and key.endswith(".norm1_s.weight") for key in shapes),
        "heads": 8,
        "mlp_ratio": ratio,
        "qkv_bias": "blocks_st.0.attn_s.qkv.bias" in shapes,
        "adaptive_fusion": "ts_attn.0.weight" in shapes,
    }


def translate(public: Mapping[str, Any]) -> dict[str, Any]:
    """Ours from the names of the public constructor or training configuration; dropout and the like are left away.

    The norms of a bare constructor have torch's epsilon; training configurations, all of which have `rootrel`, go
    through `load_backbone`, which sets the one that is our default. Raises `WeightsError` for what cannot be loaded.
    """
    for name, value in FIXED.items():
        if public.get(name, value) != value:
            raise WeightsError(f"MotionBERT with {name}={public[name]} cannot be loaded here; it must be {value}.")
    config = {ours: public[name] for name, ours in NAMES.items() if name in public}
    bare = "dim_feat" in public and "rootrel" not in public
    return {**config, "epsilon": TORCH_EPSILON} if bare else config


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """x, y, confidence in [-1, 1] to the network's output, as the public code gives it."""
    import torch

    with torch.no_grad():
        return module.network(torch.from_numpy(arrays["keypoints_2d_conf"]))


_BLOCK = r"(blocks_st|blocks_ts)\.(\d+)\.(norm1|norm2|attn|mlp)"

CONVERSION = Conversion(
    architecture="motionbert",
    repository="Walter0807/MotionBERT",
    licence="Apache-2.0",
    parity=("motionbert",),
    rules=(
        Rule(_BLOCK + r"_s\.(.+)", r"network.\1.\2.spatial.\3.\4"),
        Rule(_BLOCK + r"_t\.(.+)", r"network.\1.\2.temporal.\3.\4"),
        Rule(r"pre_logits\.fc\.(weight|bias)", r"network.representation.\1"),
        Rule(r"((?:joints_embed|norm|head|ts_attn\.\d+)\.(?:weight|bias)|pos_embed|temp_embed)", r"network.\1"),
    ),
    infer=infer,
    translate=translate,
    run=run,
)
