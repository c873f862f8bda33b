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
#: Numbers in the tokens of one pass of the denoiser on a CPU, 1 MiB or one pose sequence: with all hypotheses at once each
#: layer reads and writes main memory, which makes a step of the published size a quarter longer (`docs/fast.md`).
ROOM = 2**18


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
        self.together = max(1, ROOM // (frames * HUMAN36M_17.num_joints * dim))

    def forward(self, windows: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """What training calls: the denoiser."""
        clean: Tensor = self.network(windows, noisy, time)
        return clean

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, hypotheses, window, 17, 3), root-relative camera mm, of the last step."""
        keypoints = self.normalise(inputs.keypoints, inputs.image_size)
        shape = (self.hypotheses, *keypoints.shape[1:3], 3)
        poses = sample_poses(
            partial(self.denoise, keypoints), lambda: inputs.noise(*shape), self.steps, inputs.early_steps
        )
        return poses / self.scale * MILLIMETRES

    def denoise(self, keypoints: Tensor, poses: Tensor, time: int) -> Tensor:
        """Clean poses of noisy ones (batch, hypotheses, window, 17, 3), both in metres times `scale`."""
        noisy = poses.clamp(-self.bound, self.bound) / self.scale
        if self.flip:
            keypoints, noisy = (torch.cat([points, mirrored(points)]) for points in (keypoints, noisy))
        clean = self._clean(keypoints, noisy, time).float()
        if self.flip:
            plain, image = clean.chunk(2)
            clean = (plain + mirrored(image)) / 2
        return (clean * self.scale).clamp(-self.bound, self.bound)

    def _clean(self, keypoints: Tensor, noisy: Tensor, time: int) -> Tensor:
        """The denoiser on every hypothesis of every window: at once, or on a CPU a few at a time."""
        hypotheses = noisy.shape[1]
        seen, each = keypoints.repeat_interleave(hypotheses, dim=0), noisy.flatten(0, 1)[:, None]
        times = torch.full((len(each),), time, device=each.device)
        count = -(-len(each) // self.together) if each.device.type == "cpu" else 1
        cut = (values.chunk(count) for values in (seen, each, times))
        parts = [self.network(*some) for some in zip(*cut, strict=True)]
        return torch.cat(parts).view(noisy.shape)
