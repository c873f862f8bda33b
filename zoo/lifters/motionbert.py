"""MotionBERT: two orders of space and time, fused joint by joint.

Zhu, Ma, Liu, Liu, Wu, Wang, ICCV 2023, section 3.2 (DSTformer). Shapes and order are those of the public code
(Walter0807/MotionBERT, `lib/model/DSTformer.py`), 42,466,317 parameters as published and 16,001,549 of the lite size.
"""

import torch
from torch import Tensor, nn

from zoo import specs
from zoo.blocks.image25d import Image25DLifter
from zoo.blocks.transformer import EPSILON, Block


class SpaceTimeBlock(nn.Module):
    """One block over the joints of each frame and one over the frames of each joint, in either order."""

    def __init__(
        self, dim: int, heads: int, mlp_ratio: float, qkv_bias: bool, epsilon: float, *, space_first: bool
    ) -> None:
        super().__init__()
        self.spatial = Block(dim, heads, mlp_ratio, qkv_bias, epsilon=epsilon)
        self.temporal = Block(dim, heads, mlp_ratio, qkv_bias, epsilon=epsilon)
        self.space_first = space_first

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, frames, joints, dim) to the same."""
        if self.space_first:
            return self._over_time(self._over_space(x))
        return self._over_space(self._over_time(x))

    def _over_space(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.spatial(x.flatten(0, 1))
        return mixed.view(x.shape)

    def _over_time(self, x: Tensor) -> Tensor:
        by_joint = x.transpose(1, 2)
        mixed: Tensor = self.temporal(by_joint.flatten(0, 1))
        return mixed.view(by_joint.shape).transpose(1, 2)


class DSTformer(nn.Module):
    """x, y, confidence (batch, frames, 17, 3) to 2.5D poses (batch, frames, 17, 3); at most `frames` frames.

    `dim`, `dim_rep`
        Width of the features, and of the motion representation before the head.
    `adaptive_fusion`
        The two orders are mixed by a softmax over them for each joint and frame (equation 4); otherwise averaged.
    `epsilon`
        Of the norms. Public training and evaluation use the default (`lib/utils/learning.py: load_backbone`).
    """

    def __init__(
        self,
        frames: int = 243,
        dim: int = 512,
        dim_rep: int = 512,
        depth: int = 5,
        heads: int = 8,
        mlp_ratio: float = 2,
        qkv_bias: bool = True,
        adaptive_fusion: bool = True,
        epsilon: float = EPSILON,
    ) -> None:
        super().__init__()
        self.joints_embed = nn.Linear(3, dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, 17, dim))
        self.temp_embed = nn.Parameter(torch.zeros(1, frames, 1, dim))
        self.blocks_st, self.blocks_ts = (
            nn.ModuleList(
                SpaceTimeBlock(dim, heads, mlp_ratio, qkv_bias, epsilon, space_first=space_first) for _ in range(depth)
            )
            for space_first in (True, False)
        )
        self.ts_attn = nn.ModuleList(nn.Linear(2 * dim, 2) for _ in range(depth)) if adaptive_fusion else None
        self.norm = nn.LayerNorm(dim, eps=epsilon)
        self.representation = nn.Linear(dim, dim_rep)
        self.head = nn.Linear(dim_rep, 3)
        self._initialise()

    def _initialise(self) -> None:
        """Narrow normal weights; both orders count the same at first."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for embedding in (self.pos_embed, self.temp_embed):
            nn.init.trunc_normal_(embedding, std=0.02)
        for fusion in self.ts_attn or ():
            nn.init.zeros_(fusion.weight)  # type: ignore[arg-type]
            nn.init.constant_(fusion.bias, 0.5)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """In the unit and about the origin of the input; the root is about 0 where the network was trained so."""
        x = self.joints_embed(x) + self.pos_embed + self.temp_embed[:, : x.shape[1]]
        for i, (space_first, time_first) in enumerate(zip(self.blocks_st, self.blocks_ts, strict=True)):
            st, ts = space_first(x), time_first(x)
            if self.ts_attn is None:
                x = (st + ts) * 0.5
            else:
                share = self.ts_attn[i](torch.cat([st, ts], dim=-1)).softmax(dim=-1)
                x = st * share[..., :1] + ts * share[..., 1:]
        x = torch.tanh(self.representation(self.norm(x)))
        return self.head(x)  # type: ignore[no-any-return]


class MotionBERT(Image25DLifter):
    """The lifter around the network; `output`, `rootrel` and `normalize` are explained at `Image25DLifter`.

    `fps`
        Frame rate of the training data; only declared.
    """

    def __init__(
        self,
        frames: int = 243,
        dim: int = 512,
        dim_rep: int = 512,
        depth: int = 5,
        heads: int = 8,
        mlp_ratio: float = 2,
        qkv_bias: bool = True,
        adaptive_fusion: bool = True,
        epsilon: float = EPSILON,
        output: str = "image25d",
        rootrel: bool = True,
        normalize: str = "screen",
        fps: float | None = specs.PUBLISHED_FPS,
    ) -> None:
        super().__init__(
            DSTformer(frames, dim, dim_rep, depth, heads, mlp_ratio, qkv_bias, adaptive_fusion, epsilon),
            {"frames": frames, "output": output, "fps": fps},
            rootrel=rootrel,
            normalize=normalize,
        )
