"""Checkpoints of QitaoZhao/PoseFormerV2 (and of its folder mpi_inf_3dhp, which has the same keys)."""

from collections.abc import Mapping
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes

#: Window of the published checkpoints by kept frames. The README also has windows of 81 with 1 and 3 kept frames:
#: no shape tells them from those of 27, so they need `frames` to be given.
PUBLISHED_FRAMES = {1: 27, 3: 27, 9: 81, 27: 243}


def infer(shapes: Shapes) -> dict[str, Any]:
    """Everything but the window, which no weight depends on, and the heads."""
    kept_frames = shapes["Temporal_pos_embed"][1]
    dim = shapes["Spatial_pos_embed"][2]
    config = {
        "kept_frames": kept_frames,
        "kept_coefficients": shapes["Temporal_pos_embed_"][1],
        "dim": dim,
        "depth": sum(key.startswith("Spatial_blocks.") and key.endswith(".norm1.weight") for key in shapes),
        "mlp_ratio": shapes["Spatial_blocks.0.mlp.fc1.weight"][0] / dim,
        "naive": "blocks.0.mlp.fc1.weight" in shapes,
    }
    if kept_frames in PUBLISHED_FRAMES:
        config["frames"] = PUBLISHED_FRAMES[kept_frames]
    return config


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """From the names of the public command line.

    `naive` stays with `infer`: the public code for Human3.6M takes the flag and builds mixed blocks all the same, the
    one for MPI-INF-3DHP obeys it, and the keys say which was built.
    """
    kept_frames = config["number_of_kept_frames"]
    return {
        "frames": config["number_of_frames"],
        "kept_frames": kept_frames,
        # The public code keeps as many coefficients as frames unless told otherwise.
        "kept_coefficients": config.get("number_of_kept_coeffs") or kept_frames,
        "dim": config["embed_dim_ratio"],
        "depth": config["depth"],
    }


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """The bare network on (batch, frames, 17, 2): metres (batch, 1, 17, 3)."""
    import torch

    return module.network(torch.from_numpy(arrays["keypoints_2d"]))


CONVERSION = Conversion(
    architecture="poseformerv2",
    repository="QitaoZhao/PoseFormerV2",
    licence="MIT",
    parity=("poseformerv2",),
    rules=(
        Rule(r"Joint_embedding\.(.+)", r"network.joint_embedding.\1"),
        Rule(r"Freq_embedding\.(.+)", r"network.frequency_embedding.\1"),
        Rule(r"Spatial_pos_embed", "network.joint_position"),
        Rule(r"Temporal_pos_embed", "network.frame_position"),
        Rule(r"Temporal_pos_embed_", "network.coefficient_position"),
        Rule(r"Spatial_blocks\.(.+)", r"network.spatial_blocks.\1"),
        Rule(r"Spatial_norm\.(.+)", r"network.spatial_norm.\1"),
        Rule(r"blocks\.(.+)", r"network.blocks.\1"),
        Rule(r"Temporal_norm\.(.+)", r"network.norm.\1"),
        Rule(r"weighted_mean\.(.+)", r"network.coefficient_mean.\1"),
        Rule(r"weighted_mean_\.(.+)", r"network.frame_mean.\1"),
        Rule(r"head\.(.+)", r"network.head.\1"),
    ),
    infer=infer,
    translate=translate,
    run=run,
)
