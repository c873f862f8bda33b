"""D3DP: diffusion-based 3D human pose estimation with multi-hypothesis aggregation.

Shan, Liu, Zhang, Wang, Han, Wang, Ma, Gao, ICCV 2023 (arXiv 2303.11579), section 3. A denoiser that predicts the clean
pose from keypoints, a noisy pose and the time, and a sampler of H hypotheses in K steps of DDIM. Order, shapes and
the sampler's rules are those of the public code (paTRICK-swk/D3DP, `common/diffusionpose.py`), 34,835,459 parameters as
published. The public code aggregates hypotheses in its evaluation; here that is the protocol's part.
"""

from functools import partial

import torch
from torch import Tensor, nn

from posebench.prediction.lifter import LifterInputs
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.diffusion import TimeEmbedding, check_sampling, mirrored, sample_poses
from zoo.blocks.sizes import check_counts, check_positive, check_switches
from zoo.blocks.space_time import SpaceTimeTransformer
from zoo.lifters.normalisation import find_normaliser
from zoo.specs import PUBLISHED_FPS
from zoo.specs import d3dp as specs

MILLIMETRES = 1000.0


class Denoiser(nn.Module):
    """Keypoints, noisy poses and times to clean poses, all normalised or in metres."""

    def __init__(
        self,
        frames: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float = 2.0,
        qkv_bias: bool = True,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.transformer = SpaceTimeTransformer(
            frames, HUMAN36M_17.num_joints, 5, dim, depth, heads, mlp_ratio, qkv_bias, drop_path
        )
        self.time = TimeEmbedding(dim)

    def forward(self, keypoints: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """(batch, frames, joints, 2), (batch, hypotheses, frames, joints, 3), (batch,) to the shape of `noisy`."""
        batch, hypotheses = noisy.shape[:2]
        seen = keypoints[:, None].expand(-1, hypotheses, -1, -1, -1)
        tokens = torch.cat([seen, noisy], dim=-1).flatten(0, 1)
        condition = self.time(time).repeat_interleave(hypotheses, dim=0)
        clean: Tensor = self.transformer(tokens, condition)
        return clean.view(batch, hypotheses, *clean.shape[1:])


class D3DP(nn.Module):
    """The lifter around the denoiser: normalise, sample, metres to mm.

    `hypotheses`, `steps`
        How many poses are sampled of every window, and in how many steps.
    `flip`
        Whether every step takes the mean of the window's denoised pose and that of its mirror image (so a run's own
        flip stays off).
    `scale`
        What poses in metres are multiplied by before noise is added.
    `bound`
        Poses are kept within this many times the scale, in metres. The published bound cuts off raised hands.
    `normalize`, `fps`
        As for `MixSTE`.

    Raises `UsageError` for values that cannot be.
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
        hypotheses: int = 5,
        steps: int = 5,
        flip: bool = True,
        scale: float = 1.0,
        bound: float = 1.1,
        normalize: str = "screen",
        fps: float | None = PUBLISHED_FPS,
    ) -> None:
        super().__init__()
        check_sampling(hypotheses, steps, bound)
        check_counts(frames=frames)
        check_positive(scale=scale)
        check_switches(flip=flip)
        self.spec = specs.spec({"frames": frames, "fps": fps})
        self.normalise = find_normaliser(normalize)
        self.network = Denoiser(frames, dim, depth, heads, mlp_ratio, qkv_bias, drop_path)
        self.hypotheses, self.steps, self.flip, self.scale, self.bound = hypotheses, steps, flip, scale, bound * scale

    def forward(self, windows: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """What training calls: the denoiser."""
        clean: Tensor = self.network(windows, noisy, time)
        return clean

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, hypotheses, window, 17, 3), root-relative camera mm, of the last step."""
        keypoints = self.normalise(inputs.keypoints, inputs.image_size)
        shape = (self.hypotheses, *keypoints.shape[1:3], 3)
        poses = sample_poses(partial(self.denoise, keypoints), lambda: inputs.noise(*shape), self.steps)
        return poses / self.scale * MILLIMETRES

    def denoise(self, keypoints: Tensor, poses: Tensor, time: int) -> Tensor:
        """Clean poses of noisy ones (batch, hypotheses, window, 17, 3), both in metres times `scale`."""
        noisy = poses.clamp(-self.bound, self.bound) / self.scale
        times = torch.full((len(keypoints),), time, device=keypoints.device)
        clean: Tensor = self.network(keypoints, noisy, times)
        if self.flip:
            clean = (clean + mirrored(self.network(mirrored(keypoints), mirrored(noisy), times))) / 2
        return (clean.float() * self.scale).clamp(-self.bound, self.bound)
