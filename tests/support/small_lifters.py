"""Every lifter of the zoo in a small configuration, and what the tests of them all promise of it."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch

from posebench.prediction.create import LoadedLifter, build_module
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import MOCK_CAMERA, heatmaps_of, random_sequence
from posebench.prediction.spec import ANY_JOINTS, LifterSpec
from posebench.registry.resolve import resolve_model
from posebench.seeding import torch_generator
from posebench.skeletons import HUMAN36M_17, SKELETONS, Skeleton


@dataclass(frozen=True)
class SmallLifter:
    """A small configuration of an architecture.

    `bfloat16`
        How far autocast to bfloat16 on a CPU may move a coordinate, as a share of the largest: what was
        measured (0.1 to 1.2 %), with room for other processors.
    `generative`
        It draws noise: another seed gives other poses, and a mirrored person has no mirrored noise.
    `compiled`
        What `torch.compile` takes as one graph: all of `lift`, or the `network` or `denoise` alone of a lifter that
        draws noise, because torch cannot trace the generators that devices and shards share.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    bfloat16: float = 0.02
    generative: bool = False
    compiled: str = "lift"
    variant: str = ""

    @property
    def id(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name


FRAMES = {"frames": 9}
TRANSFORMER = {**FRAMES, "dim": 32, "depth": 2, "heads": 4}

SMALL_LIFTERS = (
    SmallLifter("mean-pose", bfloat16=0.0),
    SmallLifter("zero-depth", bfloat16=0.0),
    SmallLifter("simple_baseline", {"linear_size": 32, "normalize": "person"}),
    SmallLifter("videopose3d", {"filter_widths": [3, 3], "channels": 32}),
    SmallLifter("videopose3d", {"filter_widths": [3, 3], "channels": 32, "causal": True}, variant="causal"),
    SmallLifter("semgcn", {"dim": 16, "layers": 2}),
    SmallLifter("mixste", TRANSFORMER),
    SmallLifter(
        "d3dp", {**TRANSFORMER, "hypotheses": 2, "steps": 2, "flip": True}, generative=True, compiled="network"
    ),
    SmallLifter(
        "dreampose3d",
        {**TRANSFORMER, "prompt_dim": 32, "hypotheses": 2, "steps": 2, "normalize": "person"},
        generative=True,
        compiled="denoise",
    ),
    SmallLifter("motionbert", {**TRANSFORMER, "dim_rep": 32}),
    SmallLifter("motionbert", {**TRANSFORMER, "dim_rep": 32, "output": "camera"}, variant="camera"),
    SmallLifter("poseformerv2", {**FRAMES, "kept_frames": 3, "kept_coefficients": 3, "dim": 8, "depth": 2}),
    SmallLifter("motionagformer", {**FRAMES, "layers": 2, "dim": 32, "dim_rep": 32}),
    SmallLifter(
        "motionagformer", {**FRAMES, "layers": 2, "dim": 32, "dim_rep": 32, "output": "camera"}, variant="camera"
    ),
    SmallLifter("ktpformer", TRANSFORMER),
    SmallLifter(
        "heatmap_diffusion",
        {"frames": 1, "dim": 32, "depth": 2, "hypotheses": 2, "steps": 3},
        bfloat16=0.0,
        generative=True,
        compiled="network",
    ),
    SmallLifter(
        "heatmap_diffusion",
        {**FRAMES, "dim": 32, "depth": 2, "frequencies": 4, "hypotheses": 2, "steps": 3}
        | {"camera": "granted", "root": "granted"},
        bfloat16=0.0,
        generative=True,
        compiled="network",
        variant="motion",
    ),
)


def skeleton_of(spec: LifterSpec) -> Skeleton:
    """The joint set that a lifter is shown here: its own, or the most usual one for a lifter of any."""
    return HUMAN36M_17 if spec.skeleton == ANY_JOINTS else SKELETONS[spec.skeleton]


def build(small: SmallLifter, seed: int = 0) -> LoadedLifter:
    """The lifter with random weights; one that is fitted has seen one random sequence."""
    tag = resolve_model(small.name)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = build_module(tag, small.config)
        with torch.no_grad():
            for parameter in module.parameters():
                # What begins at zero or one would hide a mistake.
                parameter.add_(0.05 * torch.randn_like(parameter))
    spec = tag.entry.spec(small.config)
    if spec.fitted:
        module.fit([random_sequence(skeleton_of(spec))])  # type: ignore[operator]  # promised by the spec
    if small.name == "heatmap_diffusion":
        # Else its people are a metre wide in every joint, and nothing but bounds decides.
        module.network.standardise([people(spec.window)])  # type: ignore[operator, union-attr]
    return LoadedLifter(module, spec, tag, small.config, None)


def people(frames: int) -> torch.Tensor:
    """Motions (256, frames, 17, 3) in metres about the root, of the size of people: slow, in every direction."""
    stream = torch_generator("small-lifters", "people", frames)
    standing = 0.3 * torch.randn((256, 1, 17, 3), generator=stream)
    moving = torch.randn((256, 1, 17, 3), generator=stream) * torch.linspace(-0.1, 0.1, frames)[:, None, None]
    poses = standing + (moving if frames > 1 else 0.0)
    return poses - poses[:, :, :1]


def person(spec: LifterSpec, batch: int = 2) -> LifterInputs:
    """Windows of a random person in the middle of the image, with the privileges that the spec names and no other."""
    joints = skeleton_of(spec).num_joints
    frames = spec.window if spec.stride else spec.window + 4
    stream = torch_generator("small-lifters", spec.skeleton)
    standing = 500 + 150 * torch.randn((batch, 1, joints, 2), generator=stream)
    swaying = 30 * torch.sin(torch.arange(frames) * 0.3 + torch.rand((batch, 1, 1, 1), generator=stream) * math.tau)
    keypoints = standing + swaying.transpose(1, 3)
    heatmaps = heatmaps_of(keypoints, skeleton_of(spec), torch.device("cpu"))
    return LifterInputs(
        keypoints=keypoints,
        confidence=torch.rand((batch, frames, joints), generator=stream),
        image_size=torch.tensor([1000.0, 1000.0]),
        fps=50.0,
        lens=torch.tensor(MOCK_CAMERA.lens) if "intrinsics" in spec.privileges else None,
        root_depth=torch.full((batch, frames), 5000.0) if "root_depth" in spec.privileges else None,
        heatmaps=heatmaps if "heatmaps" in spec.privileges else None,
        noise_streams=noise_streams(batch),
    )


def noise_streams(batch: int, seed: int = 0) -> tuple[torch.Generator, ...]:
    """Fresh streams: a lifter that draws from them again gets the same noise."""
    return tuple(torch_generator("small-lifters", seed, window) for window in range(batch))
