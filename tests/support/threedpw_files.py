"""Writes small 3DPW trees in the owner's layout, pickled as python 2 did, and knows by itself what a camera sees."""

import pickle
import struct
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

#: A standing person facing +y, left to -x, knees bent, world metres, z up: SMPL's 24 joints.
BODY = np.array(
    [
        [0, 0, 0.95], [-0.07, 0, 0.87], [0.07, 0, 0.87], [0, -0.03, 1.06], [-0.10, 0.10, 0.50], [0.10, 0.10, 0.50],
        [0, -0.02, 1.20], [-0.11, -0.05, 0.10], [0.11, -0.05, 0.10], [0, 0, 1.26], [-0.12, 0.08, 0.04], [0.12, 0.08, 0.04],
        [0, -0.02, 1.47], [-0.08, 0, 1.38], [0.08, 0, 1.38], [0, 0.03, 1.56], [-0.18, 0, 1.40], [0.18, 0, 1.40],
        [-0.25, -0.02, 1.15], [0.25, -0.02, 1.15], [-0.26, 0.15, 0.95], [0.26, 0.15, 0.95], [-0.26, 0.22, 0.92], [0.26, 0.22, 0.92],
    ]
)  # fmt: skip

#: The same person in the 17 rows of SPIN's regressor, left leg first.
REGRESSED_BODY = np.array(
    [
        [0, 0, 0.93], [-0.12, 0.01, 0.90], [-0.105, 0.10, 0.50], [-0.11, -0.05, 0.09], [0.12, 0.01, 0.90], [0.105, 0.10, 0.50],
        [0.11, -0.05, 0.09], [0, -0.02, 1.18], [0, 0, 1.42], [0, 0.10, 1.55], [0, 0.03, 1.70], [-0.17, 0, 1.40],
        [-0.25, -0.02, 1.15], [-0.26, 0.15, 0.95], [0.17, 0, 1.40], [0.25, -0.02, 1.15], [0.26, 0.15, 0.95],
    ]
)  # fmt: skip

UPRIGHT = np.array([[1961.0, 0, 540], [0, 1969.0, 960], [0, 0, 1]])
ACROSS = np.array([[1961.0, 0, 960], [0, 1969.0, 540], [0, 0, 1]])

#: OpenPose's COCO-18 limbs and SMPL's numbers for them.
_LIMBS = {2: 17, 3: 19, 4: 21, 5: 16, 6: 18, 7: 20, 8: 2, 9: 5, 10: 8, 11: 1, 12: 4, 13: 7}

#: name -> split, people: what `write_threedpw` writes unless told otherwise.
SEQUENCES = {
    "courtyard_arguing_00": ("train", 2),
    "outdoors_fencing_02": ("validation", 1),
    "downtown_walkUphill_00": ("test", 2),
}


class _Python2Pickler(pickle._Pickler):
    """Protocol 2 as python 2 wrote it: text and bytes alike are strings of bytes."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_string(self, value: str | bytes) -> None:
        raw = value.encode("latin1") if isinstance(value, str) else value
        self.write(b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw)
        self.memoize(value)

    dispatch[str] = save_string
    dispatch[bytes] = save_string


def python2_pickle(value: Any) -> bytes:
    """The bytes that python 2 with an old numpy would have written."""
    buffer = BytesIO()
    _Python2Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def moved(body: np.ndarray, frames: int, person: int) -> np.ndarray:
    """World metres (frames, joints, 3): the person turns, and walks a little."""
    made = np.empty((frames, *body.shape))
    for t in range(frames):
        angle = 0.4 * person + 0.05 * t
        for joint, (x, y, z) in enumerate(body):
            made[t, joint] = [
                x * np.cos(angle) - y * np.sin(angle) + 0.8 * person,
                x * np.sin(angle) + y * np.cos(angle) + 0.02 * t,
                z,
            ]
    return made


def camera_poses(frames: int) -> np.ndarray:
    """(frames, 4, 4) world to camera: from the front, at 1.5 m height, 6 m away, moving sideways while it turns."""
    poses = np.empty((frames, 4, 4))
    for t in range(frames):
        turn = 0.03 + 0.004 * t
        forward = np.array([np.sin(turn), -np.cos(turn), 0.0])
        right = np.array([-np.cos(turn), -np.sin(turn), 0.0])
        down = np.array([0.0, 0.0, -1.0])
        centre = np.array([0.1 + 0.03 * t, 6.0, 1.2])
        axes = np.stack([right, down, forward])
        poses[t] = np.eye(4)
        poses[t, :3, :3] = axes
        poses[t, :3, 3] = -axes @ centre
    return poses


def in_camera(world: np.ndarray, cam_poses: np.ndarray) -> np.ndarray:
    """Camera mm, joint by joint."""
    made = np.empty_like(world)
    for t, pose in enumerate(cam_poses):
        for joint, point in enumerate(world[t]):
            made[t, joint] = (pose @ [*point, 1.0])[:3] * 1000
    return made


def recording(name: str, people: int, frames: int = 12, intrinsics: np.ndarray = UPRIGHT) -> dict[str, Any]:
    """What one sequence file holds: frame 1 has no valid camera, frames 2 and 3 no detection, of every person."""
    cam_poses = camera_poses(frames)
    stored: dict[str, Any] = {
        "sequence": name, "genders": [], "jointPositions": [], "campose_valid": [], "poses2d": [], "poses": [], "trans": [],
        "betas": [], "img_frame_ids": 2 * np.arange(frames), "cam_poses": cam_poses, "cam_intrinsics": intrinsics.copy(),
        "texture_maps": [],
    }  # fmt: skip
    for person in range(people):
        world = moved(BODY, frames, person)
        seen = in_camera(world, cam_poses)
        detected = np.zeros((frames, 3, 18))
        for t in range(frames):
            for limb, joint in _LIMBS.items():
                x, y, z = seen[t, joint]
                focal, centre = intrinsics[[0, 1], [0, 1]], intrinsics[:2, 2]
                detected[t, :, limb] = [focal[0] * x / z + centre[0] + 3, focal[1] * y / z + centre[1] + 4, 0.9]
        detected[2:4] = 0
        valid = np.ones(frames, dtype=np.uint8)
        valid[1] = 0
        stored["genders"].append("mf"[person % 2])
        stored["jointPositions"].append(world.reshape(frames, 72))
        stored["campose_valid"].append(valid)
        stored["poses2d"].append(detected)
        stored["poses"].append(np.zeros((frames, 72)))
        stored["trans"].append(world[:, 0])
        stored["betas"].append(np.zeros(300))
    return stored


def write_recording(root: Path, split: str, stored: dict[str, Any], name: str | None = None) -> Path:
    """Write one sequence file."""
    path = root / "sequenceFiles" / split / f"{name or stored['sequence']}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(python2_pickle(stored))
    return path


def write_threedpw(root: Path, frames: int = 12) -> Path:
    """Write the three sequences; returns the folder that holds `sequenceFiles`."""
    for name, (split, people) in SEQUENCES.items():
        write_recording(root, split, recording(name, people, frames))
    return root


def regressed(people: int, frames: int = 12) -> np.ndarray:
    """(people, frames, 17, 3) world metres in the order of the regressor's rows."""
    return np.stack([moved(REGRESSED_BODY, frames, person) for person in range(people)])


def write_regressed(root: Path, names: tuple[str, ...] = tuple(SEQUENCES), frames: int = 12) -> None:
    """The user's `regressed/<sequence>.npz`."""
    (root / "regressed").mkdir(exist_ok=True)
    for name in names:
        joints = regressed(SEQUENCES[name][1], frames).astype(np.float32)
        np.savez(root / "regressed" / f"{name}.npz", joints=joints)


def write_meshes(root: Path, names: tuple[str, ...] = tuple(SEQUENCES), frames: int = 12) -> None:
    """The user's `meshes/<sequence>.npz` and a regressor that makes of them what `regressed` is."""
    (root / "meshes").mkdir(exist_ok=True)
    weights = np.zeros((17, 6890))
    for row in range(17):
        weights[row, 100 * row + 3] = 0.25
        weights[row, 100 * row + 50] = 0.75
    np.save(root / "J_regressor_h36m.npy", weights)
    for name in names:
        joints = regressed(SEQUENCES[name][1], frames)
        vertices = np.full((*joints.shape[:2], 6890, 3), 0.5, np.float32)
        for row in range(17):
            # A quarter of one vertex and three of the other is the joint.
            vertices[:, :, 100 * row + 3] = joints[:, :, row] + np.array([0.03, -0.06, 0.09])
            vertices[:, :, 100 * row + 50] = joints[:, :, row] - np.array([0.01, -0.02, 0.03])
        np.savez(root / "meshes" / f"{name}.npz", vertices=vertices)
