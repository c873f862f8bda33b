"""PoseFormerV2: a few frames about the middle, and a few cosine coefficients of a long window.

Zhao, Zheng, Liu, Chen, CVPR 2023 (arXiv 2303.17472), section 3. A window of F frames becomes f tokens of its middle
frames and n of its lowest frequencies, so the cost does not grow with F. 14,381,899 parameters for the published
243 frames with f = n = 27. One rule follows the public code where the paper's drawing differs: a mixed block sends the
first half of its tokens, which begin with the coefficients, through the plain perceptron, and the second half through
the frequency one; with f != n the halves are not the two kinds.
"""

import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from torch import Tensor, nn

from posebench.errors import UsageError
from posebench.prediction.lifter import LifterInputs
from zoo.blocks.dct import dct_matrix, inverse_dct_matrix
from zoo.blocks.transformer import EPSILON, Attention, Block
from zoo.lifters.normalisation import find_normaliser
from zoo.specs import PUBLISHED_FPS
from zoo.specs import poseformerv2 as specs

MILLIMETRES = 1000.0
JOINTS = 17


class FrequencyMlp(Mlp):
    """A perceptron over the frequencies of its tokens in time: cosine transform, perceptron, inverse."""

    dct: Tensor
    inverse: Tensor

    def __init__(self, dim: int, hidden: int, tokens: int) -> None:
        super().__init__(dim, hidden)
        # Functions of the number of tokens alone: no part of a checkpoint.
        self.register_buffer("dct", dct_matrix(tokens), persistent=False)
        self.register_buffer("inverse", inverse_dct_matrix(tokens), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, dim) to the same."""
        mixed: Tensor = super().forward(self.dct @ x)  # type: ignore[no-untyped-call]  # timm's
        return self.inverse @ mixed


class MixedBlock(nn.Module):
    """Attention over all tokens; then a perceptron in time for the first half, one in frequency for the second."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float, drop_path: float, tokens: int) -> None:
        super().__init__()
        self.in_time = tokens // 2
        self.norm1 = nn.LayerNorm(dim, eps=EPSILON)
        self.attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=EPSILON)
        self.mlp1 = Mlp(dim, int(dim * mlp_ratio))
        self.norm3 = nn.LayerNorm(dim, eps=EPSILON)
        self.mlp2 = FrequencyMlp(dim, int(dim * mlp_ratio), tokens - self.in_time)
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, dim) to the same."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        first, second = x[:, : self.in_time], x[:, self.in_time :]
        first = first + self.drop_path(self.mlp1(self.norm2(first)))
        second = second + self.drop_path(self.mlp2(self.norm3(second)))
        return torch.cat([first, second], dim=1)


class FrequencyTransformer(nn.Module):
    """Normalised windows (batch, frames, 17, 2) to the metres (batch, 1, 17, 3) of the middle frame.

    `dim` is that of a joint's token; a frame's token has 17 times as many. `naive` has plain blocks in place of the
    mixed ones, an option of the public code for MPI-INF-3DHP.
    """

    dct: Tensor

    def __init__(
        self,
        frames: int = specs.FRAMES,
        kept_frames: int = specs.KEPT_FRAMES,
        kept_coefficients: int = specs.KEPT_COEFFICIENTS,
        dim: int = 32,
        depth: int = 4,
        heads: int = 8,
        mlp_ratio: float = 2.0,
        naive: bool = False,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        specs.check_kept(frames, kept_frames, kept_coefficients)
        if dim % heads:
            raise UsageError(f"dim is {dim}, which does not divide into {heads} heads.")
        self.kept_coefficients = kept_coefficients
        first = (frames - 1) // 2 - kept_frames // 2
        self.middle = slice(first, first + kept_frames)
        wide, tokens = JOINTS * dim, kept_coefficients + kept_frames
        self.joint_embedding = nn.Linear(2, dim)
        self.frequency_embedding = nn.Linear(2 * JOINTS, wide)
        self.joint_position = nn.Parameter(torch.zeros(1, JOINTS, dim))
        self.frame_position = nn.Parameter(torch.zeros(1, kept_frames, wide))
        self.coefficient_position = nn.Parameter(torch.zeros(1, kept_coefficients, wide))
        drops = [drop_path * block / max(1, depth - 1) for block in range(depth)]
        self.spatial_blocks = nn.ModuleList(Block(dim, heads, mlp_ratio, drop_path=drop) for drop in drops)
        self.spatial_norm = nn.LayerNorm(dim, eps=EPSILON)
        self.blocks = nn.ModuleList(
            Block(wide, heads, mlp_ratio, drop_path=drop) if naive else MixedBlock(wide, heads, mlp_ratio, drop, tokens)
            for drop in drops
        )
        self.norm = nn.LayerNorm(wide, eps=EPSILON)
        # Learned averages over the tokens of each kind.
        self.coefficient_mean = nn.Conv1d(kept_coefficients, 1, 1)
        self.frame_mean = nn.Conv1d(kept_frames, 1, 1)
        self.head = nn.Sequential(nn.LayerNorm(2 * wide), nn.Linear(2 * wide, 3 * JOINTS))
        self.register_buffer("dct", dct_matrix(frames, kept_coefficients), persistent=False)

    def _frame_tokens(self, x: Tensor) -> Tensor:
        """The middle frames, each after attention among its joints: (batch, kept_frames, 17 * dim)."""
        middle = x[:, self.middle]
        joints = self.joint_embedding(middle.flatten(0, 1)) + self.joint_position
        for block in self.spatial_blocks:
            joints = block(joints)
        tokens: Tensor = self.spatial_norm(joints).reshape(*middle.shape[:2], -1)
        return tokens + self.frame_position

    def _coefficient_tokens(self, x: Tensor) -> Tensor:
        """The low frequencies of every coordinate over the whole window: (batch, kept_coefficients, 17 * dim)."""
        coefficients: Tensor = self.frequency_embedding(self.dct @ x.flatten(2))
        return coefficients + self.coefficient_position

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        tokens = torch.cat([self._coefficient_tokens(x), self._frame_tokens(x)], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        coefficients, frames = tokens[:, : self.kept_coefficients], tokens[:, self.kept_coefficients :]
        both = torch.cat([self.coefficient_mean(coefficients), self.frame_mean(frames)], dim=-1)
        return self.head(both).view(-1, 1, JOINTS, 3)  # type: ignore[no-any-return]


class PoseFormerV2(nn.Module):
    """The lifter around the network: normalise, lift the middle frame, metres to mm.

    `normalize`
        How pixels become inputs, see `zoo.lifters.normalisation`; the published networks see the `screen`.
    `fps`
        Frame rate of the training data; only declared.

    The others are `FrequencyTransformer`'s.
    """

    def __init__(
        self,
        frames: int = specs.FRAMES,
        kept_frames: int = specs.KEPT_FRAMES,
        kept_coefficients: int = specs.KEPT_COEFFICIENTS,
        dim: int = 32,
        depth: int = 4,
        heads: int = 8,
        mlp_ratio: float = 2.0,
        naive: bool = False,
        drop_path: float = 0.2,
        normalize: str = "screen",
        fps: float | None = PUBLISHED_FPS,
    ) -> None:
        super().__init__()
        self.spec = specs.spec({"frames": frames, "fps": fps})
        self.normalise = find_normaliser(normalize)
        self.network = FrequencyTransformer(
            frames, kept_frames, kept_coefficients, dim, depth, heads, mlp_ratio, naive, drop_path
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Normalised windows (batch, window, 17, 2) to the root-relative mm (batch, 1, 17, 3) of the middle frame."""
        return self.network(windows).float() * MILLIMETRES  # type: ignore[no-any-return]

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, 1, 17, 3), root-relative camera mm."""
        poses: Tensor = self(self.normalise(inputs.keypoints, inputs.image_size))
        return poses
