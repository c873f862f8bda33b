"""Attention among the joints of each frame and along the time of each joint, in turns.

Zhang, Tu, Yang, Chen, Yuan, CVPR 2022 (MixSTE), section 3; Shan et al., ICCV 2023 (D3DP) denoise with the same stack. A
place is added to the tokens before the first block of each kind alone, and one norm of each kind serves every depth, as in
the public code.
"""

import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from zoo.blocks.transformer import EPSILON, Block


class SpaceTimeTransformer(nn.Module):
    """Tokens (batch, frames, joints, channels) to coordinates (batch, frames, joints, 3).

    `depth`
        Pairs of a block over the joints of each frame and one over the frames of each joint.
    `drop_path`
        Of the last pair in training; it grows to that from 0 in the first.
    """

    def __init__(
        self,
        frames: int,
        joints: int,
        channels: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float = 2.0,
        qkv_bias: bool = True,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        if dim % heads:
            raise UsageError(f"dim is {dim}, which does not divide into {heads} heads.")
        self.embed = nn.Linear(channels, dim)
        self.spatial_position = nn.Parameter(torch.zeros(1, joints, dim))
        self.temporal_position = nn.Parameter(torch.zeros(1, frames, dim))
        drops = [drop_path * block / max(1, depth - 1) for block in range(depth)]
        self.spatial_blocks, self.temporal_blocks = (
            nn.ModuleList(Block(dim, heads, mlp_ratio, qkv_bias, drop) for drop in drops) for _ in range(2)
        )
        self.spatial_norm = nn.LayerNorm(dim, eps=EPSILON)
        self.temporal_norm = nn.LayerNorm(dim, eps=EPSILON)
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 3))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """See the class; `condition` (batch, dim) is added to every token before the first block."""
        x = self.embed(x) + self.spatial_position
        if condition is not None:
            x = x + condition[:, None, None]
        for depth, (spatial, temporal) in enumerate(zip(self.spatial_blocks, self.temporal_blocks, strict=True)):
            x = self.spatial_norm(spatial(x.flatten(0, 1))).view(x.shape)
            tracks = x.transpose(1, 2)
            if depth == 0:
                tracks = tracks + self.temporal_position
            shape = tracks.shape
            x = self.temporal_norm(temporal(tracks.flatten(0, 1))).view(shape).transpose(1, 2)
        return self.head(x)  # type: ignore[no-any-return]
