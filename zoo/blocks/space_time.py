"""Attention among the joints of each frame and along the time of each joint, in turns.

Zhang, Tu, Yang, Chen, Yuan, CVPR 2022 (MixSTE), section 3; Shan et al., ICCV 2023 (D3DP) denoise with the same stack. A
place is added to the tokens before the first block of each kind alone, and one norm of each kind serves every depth, as in
the public code.
"""

import torch
from torch import Tensor, nn

from zoo.blocks.full_precision import FullLinear
from zoo.blocks.sizes import check_counts, check_heads, check_positive, check_shares, check_switches
from zoo.blocks.transformer import EPSILON, Block


class SpaceTimeTransformer(nn.Module):
    """Tokens (batch, frames, joints, channels) to coordinates (batch, frames, joints, outputs).

    `depth`
        Pairs of a block over the joints of each frame and one over the frames of each joint.
    `drop_path`
        Of the last pair in training; it grows to that from 0 in the first.

    Raises `UsageError` for sizes that cannot be.
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
        outputs: int = 3,
    ) -> None:
        super().__init__()
        check_counts(frames=frames, depth=depth)
        check_heads(heads, dim=dim)
        check_positive(mlp_ratio=mlp_ratio)
        check_shares(drop_path=drop_path)
        check_switches(qkv_bias=qkv_bias)
        self.embed = FullLinear(channels, dim)
        self.spatial_position = nn.Parameter(torch.zeros(1, joints, dim))
        self.temporal_position = nn.Parameter(torch.zeros(1, frames, dim))
        drops = [drop_path * block / max(1, depth - 1) for block in range(depth)]
        self.spatial_blocks, self.temporal_blocks = (
            nn.ModuleList(Block(dim, heads, mlp_ratio, qkv_bias, drop) for drop in drops) for _ in range(2)
        )
        self.spatial_norm = nn.LayerNorm(dim, eps=EPSILON)
        self.temporal_norm = nn.LayerNorm(dim, eps=EPSILON)
        self.head = nn.Sequential(nn.LayerNorm(dim), FullLinear(dim, outputs))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """See the class; `condition` (batch, dim) is added to every token before the first block."""
        x = self.embed(x) + self.spatial_position
        if condition is not None:
            x = x + condition[:, None, None]
        for depth in range(len(self.spatial_blocks)):
            x = self.over_frames(depth, self.over_joints(depth, x))
        return self.head(x)  # type: ignore[no-any-return]

    def over_joints(self, depth: int, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """Tokens (batch, frames, joints, dim) after the block over joints at a depth; `beside` as for `Block`."""
        shown = None if beside is None else beside.flatten(0, 1)
        mixed: Tensor = self.spatial_norm(self.spatial_blocks[depth](x.flatten(0, 1), shown))
        return mixed.view(x.shape)

    def over_frames(self, depth: int, x: Tensor) -> Tensor:
        """Tokens (batch, frames, joints, dim) after the block over frames at a depth."""
        tracks = x.transpose(1, 2)
        if depth == 0:
            tracks = tracks + self.temporal_position
        mixed: Tensor = self.temporal_norm(self.temporal_blocks[depth](tracks.flatten(0, 1)))
        return mixed.view(tracks.shape).transpose(1, 2)
