"""Checkpoints of JinluZhang1126/MixSTE, and what D3DP's denoiser shares with them."""

import math
from collections.abc import Mapping
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes
from posebench.errors import WeightsError

#: Arguments of the public constructor, and ours.
ARGUMENTS = {
    "num_frame": "frames",
    "embed_dim_ratio": "dim",
    "depth": "depth",
    "num_heads": "heads",
    "mlp_ratio": "mlp_ratio",
    "qkv_bias": "qkv_bias",
}


def stack_rules(target: str) -> tuple[Rule, ...]:
    """From the public keys of the stack of blocks to a `SpaceTimeTransformer` at `target`."""
    return (
        Rule(r"STEblocks\.(.+)", rf"{target}.spatial_blocks.\1"),
        Rule(r"TTEblocks\.(.+)", rf"{target}.temporal_blocks.\1"),
        Rule(r"Spatial_norm\.(.+)", rf"{target}.spatial_norm.\1"),
        Rule(r"Temporal_norm\.(.+)", rf"{target}.temporal_norm.\1"),
        Rule(r"Spatial_patch_to_embedding\.(.+)", rf"{target}.embed.\1"),
        Rule(r"Spatial_pos_embed", f"{target}.spatial_position"),
        Rule(r"Temporal_pos_embed", f"{target}.temporal_position"),
        Rule(r"head\.(.+)", rf"{target}.head.\1"),
    )


def infer(shapes: Shapes, prefix: str = "") -> dict[str, Any]:
    """Everything but the heads, from the keys behind `prefix`."""
    dim, hidden = shapes[f"{prefix}Spatial_norm.weight"][0], shapes[f"{prefix}STEblocks.0.mlp.fc1.weight"][0]
    return {
        "frames": shapes[f"{prefix}Temporal_pos_embed"][1],
        "dim": dim,
        "depth": sum(key.startswith(f"{prefix}STEblocks.") and key.endswith(".norm1.weight") for key in shapes),
        "mlp_ratio": mlp_ratio(hidden, dim),
        "qkv_bias": f"{prefix}STEblocks.0.attn.qkv.bias" in shapes,
    }


def mlp_ratio(hidden: int, dim: int) -> float:
    """The ratio from which a network of this width gets this hidden width again."""
    ratio = hidden / dim
    # The quotient may have been rounded down, and the network would round down again.
    return math.nextafter(ratio, math.inf) if int(dim * ratio) < hidden else ratio


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """From the names of the public constructor, as far as they are given; raises `WeightsError` for another attention."""
    if config.get("qk_scale") is not None:
        raise WeightsError(f"qk_scale is {config['qk_scale']}; ours has only the usual one.")
    return {ours: config[public] for public, ours in ARGUMENTS.items() if public in config}


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """The bare network on (batch, frames, 17, 2): metres (batch, frames, 17, 3)."""
    import torch

    return module.network(torch.from_numpy(arrays["keypoints_2d"]))


CONVERSION = Conversion(
    architecture="mixste",
    repository="JinluZhang1126/MixSTE",
    licence="none",
    parity=("mixste",),
    rules=stack_rules("network"),
    infer=infer,
    translate=translate,
    run=run,
)
