"""The 2.5D image space: an exact oracle in, the true pose out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import STANDING, tiny_cameras
from torch import Tensor, nn

from posebench.cameras import Camera, project, world_to_camera
from posebench.errors import LifterContractError
from posebench.prediction.lifter import LifterInputs
from zoo.blocks.image25d import Image25DLifter, to_camera, to_pixels
from zoo.lifters.normalisation import to_screen

FRAMES = 12
#: What float32 and the iterated lens leave of an exact 2.5D pose five metres away, in mm.
EXACT = 0.005


class Oracle(nn.Module):
    """A network that knows."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Tensor:
        return self.answer.expand(len(x), *self.answer.shape)


def true_poses(camera: Camera) -> np.ndarray:
    """Camera mm (frames, 17, 3) of a person who walks, turns and sways."""
    t = np.arange(FRAMES)[:, None, None] / 10
    x, y, z = np.split(STANDING + 60 * np.sin(7 * t + np.arange(17)[:, None]), 3, axis=-1)
    turned = np.concatenate([x * np.cos(t) - y * np.sin(t) + 300 * t, x * np.sin(t) + y * np.cos(t), z], axis=-1)
    return world_to_camera(turned, camera)


def image25d(poses: np.ndarray, camera: Camera) -> Tensor:
    """Pixels and depth scaled as lengths at the root's depth are."""
    depth = (poses[..., 2] - poses[:, :1, 2]) * camera.focal[0] / poses[:, :1, 2]
    return torch.from_numpy(np.concatenate([project(poses, camera), depth[..., None]], axis=-1)).float()


def shown(poses: np.ndarray, camera: Camera, **granted: Tensor) -> LifterInputs:
    pixels = torch.from_numpy(project(poses, camera)).float()
    return LifterInputs(
        pixels[None], torch.ones(1, FRAMES, 17), torch.tensor([float(camera.width), float(camera.height)]), 50.0, **granted
    )  # fmt: skip


def oracle(truth: Tensor, image_size: Tensor, *, output: str, rootrel: bool) -> Image25DLifter:
    answer = torch.cat([to_screen(truth[..., :2], image_size), truth[..., 2:] * 2 / image_size[0]], dim=-1)
    if rootrel:
        answer = answer - answer[:, :1]
        answer[:, 0] = 7.0  # what a network says of a root that it never learned
    return Image25DLifter(Oracle(answer), {"frames": FRAMES, "output": output}, rootrel=rootrel, normalize="screen")


@pytest.mark.parametrize("camera", [replace(one, height=900) for one in tiny_cameras()], ids=lambda one: one.name)
@pytest.mark.parametrize("rootrel", [True, False])
def test_an_oracle_gives_its_own_pixels_and_the_true_pose(camera: Camera, rootrel: bool) -> None:
    poses = true_poses(camera)
    truth = image25d(poses, camera)
    inputs = shown(
        poses,
        camera,
        lens=torch.tensor(camera.lens),
        root_depth=torch.from_numpy(poses[None, :, 0, 2]).float(),
    )
    pixels = oracle(truth, inputs.image_size, output="image25d", rootrel=rootrel).lift(inputs)[0]
    torch.testing.assert_close(pixels, truth, rtol=0, atol=1e-3)
    found = oracle(truth, inputs.image_size, output="camera", rootrel=rootrel).lift(inputs)[0].numpy()
    assert np.linalg.norm(found - poses, axis=-1).max() < EXACT


def test_a_depth_that_is_off_moves_its_joint_along_its_ray_alone() -> None:
    camera = tiny_cameras()[0]
    poses = true_poses(camera)
    truth = image25d(poses, camera)[None]
    depth, lens = torch.from_numpy(poses[None, :, 0, 2]).float(), torch.tensor(camera.lens)
    truth[..., 13, 2] += 10
    found = to_camera(truth, depth, lens)[0].numpy()
    moved = np.linalg.norm(found - poses, axis=-1) > EXACT
    assert moved[:, 13].all()
    assert moved.sum() == FRAMES
    behind = found[:, 13, 2] - poses[:, 13, 2]
    np.testing.assert_allclose(behind, 10 * poses[:, 0, 2] / camera.focal[0], atol=EXACT)
    np.testing.assert_allclose(project(found[:, 13], camera), project(poses[:, 13], camera), atol=1e-3)


def test_without_what_it_needs_it_says_so() -> None:
    camera = tiny_cameras()[0]
    poses = true_poses(camera)
    lens = torch.tensor(camera.lens)
    inputs = shown(poses, camera, lens=lens)
    with pytest.raises(LifterContractError, match="root_depth"):
        oracle(image25d(poses, camera), inputs.image_size, output="camera", rootrel=True).lift(inputs)


def test_to_pixels_undoes_the_screen() -> None:
    size = torch.tensor([1920.0, 1080.0])
    pixels = torch.rand(5, 17, 2, generator=torch.Generator().manual_seed(1)) * 1000
    screen = torch.cat([to_screen(pixels, size), torch.full((5, 17, 1), 0.25)], dim=-1)
    torch.testing.assert_close(to_pixels(screen, size)[..., :2], pixels, rtol=0, atol=1e-3)
    assert to_pixels(screen, size)[..., 2].unique().tolist() == [240.0]
