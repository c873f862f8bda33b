"""A lifter on random poses: does it keep its contract, without any data or weights?"""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from posebench.cameras import Camera
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.inputs.heatmaps import BuiltHeatmaps
from posebench.inputs.keypoints import Keypoints
from posebench.prediction.create import LoadedLifter, build_module
from posebench.prediction.lazy_heatmaps import LazyHeatmaps
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.predict_sequence import check_shape, lift
from posebench.prediction.spec import ANY_JOINTS
from posebench.registry.resolve import resolve_model
from posebench.seeding import frozen_generator, torch_generator
from posebench.skeletons import HUMAN36M_17, SKELETONS, Skeleton

#: A plain camera for lifters that ask for intrinsics or are fitted.
MOCK_CAMERA = Camera(
    "mock", 1000, 1000, (1145.0, 1145.0), (512.0, 515.0), (-0.2, 0.24, 0.0), (0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
)  # fmt: skip


@dataclass(frozen=True)
class MockRun:
    """What came of it. `seconds` is None on the `meta` device, where nothing is computed."""

    name: str
    device: str
    parameters: int
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    seconds: float | None


def mock(name: str, device: str = "auto", batch: int = 2) -> MockRun:
    """Run a registered lifter with random weights on random poses and check what it returns.

    `auto` is the CPU for tags with weights or without need of any, and `meta`
    (shapes only) for published sizes that have none. Raises
    `LifterContractError` for an output its spec does not promise.
    """
    tag = resolve_model(name)
    if device == "auto":
        device = "meta" if tag.described.needs_weights and tag.described.weights is None else "cpu"
    config = dict(tag.config)
    spec = tag.entry.spec(config)
    # A lifter of any joint set is tried on the most usual one.
    skeleton = HUMAN36M_17 if spec.skeleton == ANY_JOINTS else SKELETONS[spec.skeleton]
    with torch.device(device):
        module = build_module(tag, config)
    lifter = LoadedLifter(module, spec, tag, config, None)
    if spec.fitted:
        module.fit([random_sequence(skeleton)])  # type: ignore[operator]  # promised by the spec
        module.to(device)
    rows = spec.stride or 8
    frames = spec.window if spec.stride else rows + spec.window - 1
    inputs = _random_inputs(lifter, skeleton, batch, frames, torch.device(device))
    began = time.perf_counter()
    with torch.inference_mode():
        lifted = lift(lifter, skeleton, inputs, flip=False)
    seconds = time.perf_counter() - began
    check_shape(lifter, skeleton, lifted, batch, rows)
    return MockRun(
        tag.name, device, lifter.parameters, tuple(inputs.keypoints.shape), tuple(lifted.poses.shape),
        None if device == "meta" else seconds,
    )  # fmt: skip


def random_sequence(skeleton: Skeleton, frames: int = 16) -> Sequence:
    """Random poses about 5 m in front of `MOCK_CAMERA`: right in shape and size, no motion."""
    random = frozen_generator("mock", skeleton.name, frames)
    poses = random.normal(0.0, 300.0, (frames, skeleton.num_joints, 3)) + np.array([0.0, 0.0, 5000.0])
    info = SequenceInfo("mock", "S0", "standing", "0", MOCK_CAMERA.name, "train", frames, 50.0)
    return Sequence(info, skeleton, MOCK_CAMERA, poses.astype(np.float32))


def _random_inputs(
    lifter: LoadedLifter, skeleton: Skeleton, batch: int, frames: int, device: torch.device
) -> LifterInputs:
    joints = skeleton.num_joints
    privileges = lifter.spec.privileges
    stream = torch_generator("mock", lifter.name)
    keypoints = 300 + 400 * torch.rand((batch, frames, joints, 2), generator=stream)
    maps = heatmaps_of(keypoints, skeleton, device) if "heatmaps" in privileges else None
    inputs = LifterInputs(
        keypoints=keypoints,
        confidence=torch.ones(batch, frames, joints),
        image_size=torch.tensor([1000.0, 1000.0]),
        fps=50.0,
        lens=torch.tensor(MOCK_CAMERA.lens) if "intrinsics" in privileges else None,
        root_depth=torch.full((batch, frames), 5000.0) if "root_depth" in privileges else None,
        heatmaps=maps,
        action="standing" if "action_label" in privileges else None,
        noise_streams=tuple(torch_generator("mock", lifter.name, i) for i in range(batch)),
    )
    moved = {
        name: value.to(device)
        for name in ("keypoints", "confidence", "image_size", "lens", "root_depth")
        if (value := getattr(inputs, name)) is not None
    }
    return replace(inputs, **moved)


def heatmaps_of(keypoints: torch.Tensor, skeleton: Skeleton, device: torch.device) -> LazyHeatmaps:
    """Heatmaps around keypoints (batch, frames, joints, 2), all of them frames of one sequence."""
    batch, frames, joints, _ = keypoints.shape
    count = batch * frames
    seen = Keypoints(keypoints.flatten(0, 1).numpy(), np.ones((count, joints), np.float32), (1000, 1000))
    maps = BuiltHeatmaps(seen, skeleton, random_sequence(skeleton, count).info)
    return LazyHeatmaps.whole(maps, count, device).windows(np.arange(count).reshape(batch, frames))
