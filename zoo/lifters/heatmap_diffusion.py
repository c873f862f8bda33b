"""Many plausible poses of heatmaps, by a prior that never saw an image: unconditional diffusion, steered while it samples.

Snelgar, Xu, Gould, Zheng, Asthana, "Flexible geometric guidance" (arXiv 2602.03126), as far as it is known: a diffusion
over root-relative poses, trained on 3D alone, and gradients of a detector's heatmaps where a sample projects. The
energy, its schedule, the root and the sampler are this project's choice, explained in `zoo/guidance`.
"""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from posebench.errors import LifterContractError
from posebench.prediction.lazy_streams import Streams
from posebench.prediction.lifter import Lifted, LifterInputs
from zoo.blocks.pose_prior import JOINTS, PosePrior
from zoo.blocks.sizes import check_counts, check_positive
from zoo.guidance import without_image
from zoo.guidance.camera import assumed_lens, rays
from zoo.guidance.evidence import HeatmapEvidence
from zoo.guidance.sampler import Guidance, Samples, sample
from zoo.guidance.steering import Seen
from zoo.specs import heatmap_diffusion as specs

MILLIMETRES = 1000.0
#: Poses that are sampled in one tensor, and frames whose heatmaps are held (0.3 MB each): memory is bounded. The last part
#: is filled up, for products of another shape differ in their last bits, and sampling makes much of little: so the batch of
#: a run changes no bits.
POSES, FRAMES = 512, 32


class HeatmapDiffusion(nn.Module):
    """The lifter: evidence from heatmaps, samples of the prior, metres to mm.

    `frames`
        1 for a prior of single poses, more for one of short motions.
    `dim`, `depth`, `dropout`, `frequencies`
        Of the prior.
    `hypotheses`, `steps`
        How many poses are sampled of every window, and in how many steps.
    `scale`, `ancestral`, `through_network`
        See `zoo.guidance.sampler.Guidance`.
    `camera`
        `assumed`: a plain lens whose focal length is `focal` image widths; `granted`: the true one.
    `focal`
        1.15, about Human3.6M's lenses (1.145) and so that of the data sets whose virtual cameras have them; a lens of
        36 mm film with 41 mm.
    `root`
        `solved` from the evidence; `granted`: at the true depth, where the hip's keypoint is seen. Papers that use the
        true root know the two other coordinates too.
    `fps`
        Frame rate of the training data; only declared.

    It computes in float32 whatever the precision of a run.
    """

    def __init__(
        self,
        frames: int = 1,
        dim: int = 208,
        depth: int = 4,
        dropout: float = 0.0,
        frequencies: int = 1,
        hypotheses: int = 10,
        steps: int = 50,
        scale: float = 1.0,
        ancestral: float = 1.0,
        through_network: bool = True,
        camera: str = "assumed",
        focal: float = 1.15,
        root: str = "solved",
        fps: float | None = None,
    ) -> None:
        super().__init__()
        check_counts(hypotheses=hypotheses)
        check_positive(focal=focal)
        self.spec = specs.spec({"frames": frames, "camera": camera, "root": root, "fps": fps})
        self.network = PosePrior(frames, dim, depth, dropout, frequencies)
        self.guidance = Guidance(steps, scale, ancestral, through_network)
        self.hypotheses, self.camera, self.focal, self.root = hypotheses, camera, focal, root

    def forward(self, noisy: Tensor, time: Tensor) -> Tensor:
        """What training calls: clean standardised poses (batch, frames, 16, 3) of noisy ones at times (batch,)."""
        clean: Tensor = self.network(noisy, time)
        return clean

    def lift(self, inputs: LifterInputs) -> Lifted:
        """Poses (batch, hypotheses, window, 17, 3) in root-relative mm, and the root of each in camera mm."""
        if inputs.heatmaps is None:
            raise LifterContractError("heatmap_diffusion was handed no heatmaps; grant the privilege 'heatmaps'.")
        parts, lens = self._sampled(inputs, None)
        roots = [part.roots for part in parts if part.roots is not None]
        windows = len(inputs.keypoints)
        return Lifted(
            poses=torch.cat([part.poses for part in parts])[:windows].float() * MILLIMETRES,
            root=torch.cat(roots)[:windows].float() * MILLIMETRES,
            lens=lens,
        )

    def generate(self, streams: Streams) -> Tensor:
        """See `posebench.prediction.generative.GenerativeLifter`."""
        return without_image.generate(self.network, self.guidance, streams)

    def complete(self, inputs: LifterInputs, known: Tensor) -> Tensor:
        """See `posebench.prediction.generative.GenerativeLifter`."""
        if inputs.heatmaps is None:
            return without_image.complete(self.network, self.guidance, known, self.hypotheses, inputs.noise_streams[:])
        parts, _ = self._sampled(inputs, known)
        return torch.cat([part.poses for part in parts])[: len(known)].float() * MILLIMETRES

    def denoise(self, noisy: Tensor, deviation: float, streams: Streams) -> Tensor:
        """See `posebench.prediction.generative.GenerativeLifter`."""
        return without_image.denoise(self.network, self.guidance, noisy, deviation, self.hypotheses, streams)

    def _sampled(self, inputs: LifterInputs, known: Tensor | None) -> tuple[list[Samples], Tensor]:
        """Samples of all windows, the last part filled up, and the lens that they are seen by; `known` as `complete` has it."""
        frames = inputs.keypoints.shape[1]
        parts = []
        # Gradients are needed while sampling, and what was made in inference mode has none. Always float32: the first
        # steps divide by the square root of what is left of the pose, and rounding would be tens of mm.
        kind, guidance = inputs.keypoints.device.type, self.guidance
        if kind == "meta":
            # Shapes alone are asked for, and every step has the same.
            kind, guidance = "cpu", replace(guidance, steps=1)
        with torch.inference_mode(False), torch.autocast(kind, enabled=False):
            lens = self._lens(inputs)
            together = max(1, min(POSES // (self.hypotheses * frames), FRAMES // frames))
            windows = len(inputs.keypoints)
            for first in range(0, windows, together):
                chosen = slice(first, min(first + together, windows))
                seen = self._seen(inputs, lens, chosen, together)
                given = None if known is None else self._known(_filled(known[chosen].clone(), together))
                noise = partial(self._noise, inputs, chosen, together)
                parts.append(sample(self.network, seen, guidance, noise, given))
        return parts, lens

    def _known(self, known: Tensor) -> Tensor:
        """What is known (windows, frames, 17, 3) mm, standardised, for each of the hypotheses."""
        return self.network.inward(known / MILLIMETRES)[:, None].expand(-1, self.hypotheses, -1, -1, -1)

    def _lens(self, inputs: LifterInputs) -> Tensor:
        if self.camera == "assumed":
            return assumed_lens(inputs.image_size.clone(), self.focal)
        if inputs.lens is None:
            raise LifterContractError("camera: granted was handed no lens; grant the privilege 'intrinsics'.")
        return inputs.lens.clone()

    def _seen(self, inputs: LifterInputs, lens: Tensor, chosen: slice, together: int) -> Seen:
        assert inputs.heatmaps is not None
        maps, crop = (
            _filled(part.clone(), together) for part in (inputs.heatmaps.read(chosen), inputs.heatmaps.crop[chosen])
        )
        evidence = HeatmapEvidence.of_maps(maps.flatten(0, 1), crop.flatten(0, 1))
        if self.root == "solved":
            return Seen(evidence, lens)
        if inputs.root_depth is None:
            raise LifterContractError("root: granted was handed no root depth; grant the privilege 'root_depth'.")
        along = rays(_filled(inputs.keypoints[chosen, :, 0].clone(), together), lens)
        depth = _filled(inputs.root_depth[chosen].clone(), together)[..., None] / MILLIMETRES
        return Seen(evidence, lens, (along / along[..., 2:] * depth)[:, None])

    def _noise(self, inputs: LifterInputs, chosen: slice, together: int) -> Tensor:
        """(together, hypotheses, frames, 16, 3) of the chosen windows' own streams, the last repeated."""
        own = replace(inputs, noise_streams=inputs.noise_streams[chosen])
        return _filled(own.noise(self.hypotheses, inputs.keypoints.shape[1], JOINTS, 3), together)


def _filled(part: Tensor, together: int) -> Tensor:
    """(windows, ...) to (together, ...): the last window repeated."""
    return torch.cat([part, part[-1:].expand(together - len(part), *part.shape[1:])])
