"""MixSTE: seq2seq mixed spatio-temporal encoder for 3D human pose estimation in video.

Zhang, Tu, Yang, Chen, Yuan, CVPR 2022 (arXiv 2203.00859), section 3. Order, shapes and epsilons are those of the public
code (JinluZhang1126/MixSTE), 33,783,811 parameters for the published 243 frames.
"""

from torch import Tensor, nn

from posebench.prediction.lifter import LifterInputs
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.space_time import SpaceTimeTransformer
from zoo.lifters.normalisation import find_normaliser
from zoo.specs import PUBLISHED_FPS
from zoo.specs import mixste as specs

MILLIMETRES = 1000.0


class MixSTE(nn.Module):
    """The lifter around the network: normalise, lift all frames of the window, metres to mm.

    `normalize`
        How pixels become inputs, see `zoo.lifters.normalisation`; the published networks see the `screen`.
    `fps`
        Frame rate of the training data; only declared.

    The others are `SpaceTimeTransformer`'s.
    """

    def __init__(
        self,
        frames: int = specs.FRAMES,
        dim: int = 512,
        depth: int = 8,
        heads: int = 8,
        mlp_ratio: float = 2.0,
        qkv_bias: bool = True,
        drop_path: float = 0.1,
        normalize: str = "screen",
        fps: float | None = PUBLISHED_FPS,
    ) -> None:
        super().__init__()
        self.spec = specs.spec({"frames": frames, "fps": fps})
        self.normalise = find_normaliser(normalize)
        self.network = SpaceTimeTransformer(
            frames, HUMAN36M_17.num_joints, 2, dim, depth, heads, mlp_ratio, qkv_bias, drop_path
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Normalised windows (batch, window, 17, 2) to root-relative mm (batch, window, 17, 3)."""
        return self.network(windows).float() * MILLIMETRES  # type: ignore[no-any-return]

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, window, 17, 3), root-relative camera mm."""
        poses: Tensor = self(self.normalise(inputs.keypoints, inputs.image_size))
        return poses
