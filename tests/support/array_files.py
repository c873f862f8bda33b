"""Writes files as a user of the data set `arrays` would: a person who walks on the spot, seen by two cameras."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from scipy.spatial.transform import Rotation
from tiny import STANDING, tiny_cameras

from posebench.cameras import Camera, project, world_to_camera

FPS = 25.0


def walking(frames: int = 20, fps: float = FPS) -> np.ndarray:
    """(frames, 17, 3) world mm: knees that bend backwards in turn, arms that swing."""
    t = np.arange(frames)[:, None] / fps
    world = np.repeat(STANDING[None], frames, axis=0)
    for knee, ankle, phase in ((2, 3, 0.0), (5, 6, np.pi)):
        lift = np.clip(np.sin(4 * t + phase), 0, None)
        world[:, knee] += lift * [0, 120, 40]
        world[:, ankle] += np.array([0, -20, 12]) + lift * [0, -150, 200]
    for wrist, phase in ((13, 0.0), (16, np.pi)):
        world[:, wrist] += 80 * np.sin(4 * t + phase) * [0, 1, 0]
    return world


def seen(world: np.ndarray, camera: Camera) -> np.ndarray:
    """(frames, joints, 2) pixels."""
    return project(world_to_camera(world, camera), camera)


def world_to_camera_matrix(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV's R and t of a camera, by another library than the one under test uses for the way there."""
    w, x, y, z = camera.orientation
    rotation = Rotation.from_quat([x, y, z, w]).as_matrix().T
    return rotation, -rotation @ np.array(camera.position)


def world_file(frames: int = 20, **changes: Any) -> dict[str, Any]:
    """One camera, poses of the world, and 2D with confidence; `changes` replace keys, None leaves one away."""
    camera = tiny_cameras()[0]
    world = walking(frames)
    rotation, translation = world_to_camera_matrix(camera)
    values = {
        "poses": world,
        "space": "world",
        "joint_set": "human36m-17",
        "fps": FPS,
        "image_size": (camera.width, camera.height),
        "focal": camera.focal,
        "center": camera.center,
        "radial": camera.radial,
        "tangential": camera.tangential,
        "rotation": rotation,
        "translation": translation,
        "keypoints": np.concatenate([seen(world, camera), np.full((frames, 17, 1), 0.9)], axis=-1),
        "action": "walk",
    }
    return {key: value for key, value in {**values, **changes}.items() if value is not None}


def write(path: Path, values: dict[str, Any]) -> Path:
    """An npz, or a safetensors file with the texts as metadata, by the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, **values)
        return path
    texts = {key: value for key, value in values.items() if isinstance(value, str)}
    arrays = {key: np.ascontiguousarray(value) for key, value in values.items() if key not in texts}
    save_file(arrays, path, metadata=texts)
    return path
