"""Checkpoints of JihuaPeng/KTPFormer."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes
from posebench.errors import WeightsError
from posebench.skeletons import HUMAN36M_17
from zoo.conversions import mixste


def infer(shapes: Shapes) -> dict[str, Any]:
    """Everything but the heads."""
    dim = shapes["Spatial_norm.weight"][0]
    return {
        "frames": shapes["tpattention.attn.Temporal_pos_embed"][1],
        "dim": dim,
        "depth": sum(key.startswith("STEblocks.") and key.endswith(".norm1.weight") for key in shapes),
        "mlp_ratio": mixste.mlp_ratio(shapes["kpattention.mlp.fc1.weight"][0], dim),
        "qkv_bias": "kpattention.attn.qkv.bias" in shapes,
    }


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """From the names of the public constructor, as far as they are given.

    Raises `WeightsError` for what no state dict tells and our network has not: another scale of the attention, and
    `spatial_edges` or `temporal_edges` from which other adjacencies follow.
    """
    if (edges := config.get("spatial_edges")) is not None:
        _check(edges, HUMAN36M_17.bones, f"the bones of {HUMAN36M_17.name}")
    if (edges := config.get("temporal_edges")) is not None:
        frames = config.get("num_frame", len(edges) + 1)
        _check(edges, pairwise(range(frames)), f"the steps through {frames} frames")
    return mixste.translate(config)


def _check(given: Iterable[Sequence[int]], ours: Iterable[Sequence[int]], what: str) -> None:
    """An edge has no direction."""
    if {frozenset(edge) for edge in given} != {frozenset(edge) for edge in ours}:
        raise WeightsError(f"The edges {given} are not {what}, which our ktpformer has.")


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """The bare network on (batch, frames, 17, 2): metres (batch, frames, 17, 3)."""
    import torch

    return module.network(torch.from_numpy(arrays["keypoints_2d"]))


CONVERSION = Conversion(
    architecture="ktpformer",
    repository="JihuaPeng/KTPFormer",
    licence="none",
    parity=("ktpformer",),
    rules=(
        # The public blocks hold the graph, the position and the first norm inside of their attention.
        Rule(r"kpattention\.attn\.kpa\.(.+)", r"network.joint_prior.graph.\1"),
        Rule(r"kpattention\.attn\.Spatial_pos_embed", "network.joint_prior.position"),
        Rule(r"kpattention\.attn\.(norm1\..+)", r"network.joint_prior.block.\1"),
        Rule(r"kpattention\.((?:attn|norm2|mlp)\..+)", r"network.joint_prior.block.\1"),
        Rule(r"tpattention\.attn\.tpa\.(.+)", r"network.frame_prior.graph.\1"),
        Rule(r"tpattention\.attn\.Temporal_pos_embed", "network.frame_prior.position"),
        Rule(r"tpattention\.attn\.(norm1\..+)", r"network.frame_prior.block.\1"),
        Rule(r"tpattention\.((?:attn|norm2|mlp)\..+)", r"network.frame_prior.block.\1"),
        Rule(r"STEblocks\.(.+)", r"network.spatial_blocks.\1"),
        Rule(r"TTEblocks\.(.+)", r"network.temporal_blocks.\1"),
        Rule(r"Spatial_norm\.(.+)", r"network.spatial_norm.\1"),
        Rule(r"Temporal_norm\.(.+)", r"network.temporal_norm.\1"),
        Rule(r"head\.(.+)", r"network.head.\1"),
    ),
    infer=infer,
    translate=translate,
    run=run,
)
