"""MixSTE: seq2seq mixed spatio-temporal encoder for 3D human pose estimation in video.

Zhang, Tu, Yang, Chen, Yuan, CVPR 2022 (arXiv 2203.00859), section 3. Order, shapes and epsilons are those of the public
code (JinluZhang1126/MixSTE), 33,783,811 parameters for the published 243 frames.
"""

from posebench.skeletons import HUMAN36M_17
from zoo.blocks.sizes import check_counts
from zoo.blocks.space_time import SpaceTimeTransformer
from zoo.lifters.seq2seq import Seq2SeqLifter
from zoo.specs import PUBLISHED_FPS
from zoo.specs import mixste as specs


class MixSTE(Seq2SeqLifter):
    """A `SpaceTimeTransformer` on keypoints, whose arguments these are; `fps`, of the training data, is only declared.

    Raises `UsageError` for sizes that cannot be.
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
        check_counts(frames=frames)
        network = SpaceTimeTransformer(
            frames, HUMAN36M_17.num_joints, 2, dim, depth, heads, mlp_ratio, qkv_bias, drop_path
        )
        super().__init__(network, specs.spec({"frames": frames, "fps": fps}), normalize)
