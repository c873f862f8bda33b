"""Small files in exactly the layouts in which Human3.6M is in circulation: VideoPose3D's, MotionBERT's, mmpose's.

Everything here is made by plain definitions of its own, so that reading is tested against more than itself: the
camera model is VideoPose3D's in metres and normalised screen units, clamp included.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from posebench.datasets.human36m_cameras import EXTRINSICS, LENSES
from posebench.seeding import frozen_generator

CAMERAS = ("54138969", "55011271", "58860488", "60457274")
#: Where the 17 joints stand among the owner's 32.
OWNER_INDEX = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
SYMMETRY = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
#: A person with bent knees, world mm, z up, facing +y, left to -x.
CROUCHING = np.array(
    [
        [0, 0, 900], [130, 0, 880], [140, 120, 490], [140, 0, 90], [-130, 0, 880], [-140, 120, 490], [-140, 0, 90],
        [0, 0, 1130], [0, 0, 1380], [0, 90, 1490], [0, 20, 1650], [-180, 0, 1350], [-230, 0, 1070], [-240, 60, 820],
        [180, 0, 1350], [230, 0, 1070], [240, 60, 820],
    ],
    dtype=float,
)  # fmt: skip

#: Names of takes as the owner's files have them, those of S9 and S11 out of the ordinary among them.
TAKES: dict[str, tuple[str, ...]] = {
    "S1": ("Directions 1", "Directions", "Eating", "Eating 2"),
    "S5": ("Photo 2", "Photo"),
    "S9": ("Greeting 1", "Greeting", "SittingDown", "SittingDown 1", "Waiting 1", "Waiting"),
    "S11": ("Directions 1", "Phoning 3", "Phoning 2"),
}


def world_poses(subject: str, name: str, frames: int) -> np.ndarray:
    """(frames, 17, 3) mm: a person of the subject's size who turns and swings the arms."""
    random = frozen_generator("human36m-files", subject, name)
    t = np.arange(frames)[:, None]
    body = np.repeat(CROUCHING[None] * random.uniform(0.92, 1.08), frames, axis=0)
    swing = 120 * np.sin(0.3 * t + random.uniform(0, 6))
    body[:, [12, 13, 15, 16], 1] += swing * np.array([1.0, 2.0, -1.0, -2.0])
    angle = random.uniform(0, 6.28) + 0.05 * t
    x, y = body[..., 0].copy(), body[..., 1].copy()
    body[..., 0] = x * np.cos(angle) - y * np.sin(angle) + random.uniform(-400, 400)
    body[..., 1] = x * np.sin(angle) + y * np.cos(angle) + random.uniform(-400, 400)
    return body


def camera_poses(world: np.ndarray, subject: str, camera: int) -> np.ndarray:
    """World mm to camera mm by quaternion products, as VideoPose3D's `world_to_camera`."""
    (w, *axis), position = EXTRINSICS[subject][camera]
    inverse = -np.array(axis)
    offset = world - np.array(position)
    once = np.cross(np.broadcast_to(inverse, offset.shape), offset)
    return offset + 2 * (w * once + np.cross(np.broadcast_to(inverse, offset.shape), once))


def pixels(poses: np.ndarray, camera: int) -> np.ndarray:
    """Camera mm to px in normalised screen units and back, as VideoPose3D's `project_to_2d`."""
    lens = LENSES[camera]
    size = np.array(lens.image_size)
    focal = np.array(lens.focal) / lens.width * 2
    center = np.array(lens.center) / lens.width * 2 - [1, lens.height / lens.width]
    flat = np.clip(poses[..., :2] / poses[..., 2:], -1, 1)
    r2 = (flat**2).sum(axis=-1, keepdims=True)
    radial = 1 + (np.array(lens.radial) * np.concatenate([r2, r2**2, r2**3], axis=-1)).sum(axis=-1, keepdims=True)
    tangential = (np.array(lens.tangential) * flat).sum(axis=-1, keepdims=True)
    screen = focal * (flat * (radial + tangential) + np.array(lens.tangential) * r2) + center
    return (screen + np.array([1, size[1] / size[0]])) * size[0] / 2


def videopose3d_content(
    takes: Mapping[str, tuple[str, ...]] = TAKES, frames: int = 12, noise: float = 3.0, extra: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`positions_3d` and `positions_2d`: owner's 32 joints in metres, and px of four cameras, `extra` frames longer."""
    positions: dict[str, Any] = {}
    keypoints: dict[str, Any] = {}
    for subject, names in takes.items():
        positions[subject], keypoints[subject] = {}, {}
        for name in names:
            world = world_poses(subject, name, frames + extra)
            owner = np.repeat(world[:, :1], 32, axis=1)
            owner[:, list(OWNER_INDEX)] = world
            positions[subject][name] = (owner[:frames] / 1000).astype("float32")
            random = frozen_generator("human36m-noise", subject, name)
            keypoints[subject][name] = [
                (pixels(camera_poses(world, subject, i), i) + random.normal(0, noise, (frames + extra, 17, 2))).astype(
                    "float32"
                )
                for i in range(4)
            ]
    return positions, keypoints


def save_2d(path: Path, keypoints: dict[str, Any], **metadata: Any) -> Path:
    """A 2D file; `metadata` replaces what VideoPose3D writes there."""
    own = {"layout_name": "h36m", "num_joints": 17, "keypoints_symmetry": SYMMETRY, **metadata}
    np.savez_compressed(path, positions_2d=keypoints, metadata=own)
    return path


def write_videopose3d(
    folder: Path,
    takes: Mapping[str, tuple[str, ...]] = TAKES,
    frames: int = 12,
    sources: Mapping[str, float] | None = None,
    extra: int = 0,
) -> Path:
    """`data_3d_h36m.npz` and a 2D file for each source, of that noise in px, below `folder`; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    positions, _ = videopose3d_content(takes, frames)
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=positions)
    for name, noise in (sources if sources is not None else {"cpn_ft_h36m_dbb": 3.0}).items():
        _, keypoints = videopose3d_content(takes, frames, noise, extra)
        save_2d(folder / f"data_2d_h36m_{name}.npz", keypoints)
    return folder


#: (subject, owner's action, take) of MotionBERT's split `test`: S9 Directions, Greeting 2 and Waiting 1, S11 Directions 2.
MOTIONBERT_TAKES = ((9, 2, 1), (9, 5, 2), (9, 13, 1), (11, 2, 2))


def motionbert_content(frames: int = 12, confidence_axis: bool = True) -> dict[str, Any]:
    """MotionBERT's dict: rows of all sequences behind each other, 2.5D truth in `test` only."""
    splits: dict[str, Any] = {}
    for split, takes in (("train", ((1, 2, 1),)), ("test", MOTIONBERT_TAKES)):
        rows: dict[str, list[Any]] = {
            name: []
            for name in ("joint_2d", "confidence", "joint3d_image", "camera_name", "source", "action", "factor")
        }
        for subject, action, take in takes:
            for camera in range(4):
                world = world_poses(f"S{subject}", f"{action}-{take}", frames)
                seen = camera_poses(world, f"S{subject}", camera)
                factor = seen[:, 0, 2] / LENSES[camera].focal[0]
                depth = (seen[..., 2] - seen[:, :1, 2]) / factor[:, None]
                image = np.concatenate([pixels(seen, camera), depth[..., None]], axis=-1)
                random = frozen_generator("human36m-motionbert", subject, action, take, camera)
                rows["joint_2d"].append(image[..., :2] + random.normal(0, 4, (frames, 17, 2)))
                rows["confidence"].append(random.uniform(0.3, 1, (frames, 17, 1)))
                rows["joint3d_image"].append(image)
                rows["factor"].append(factor)
                name = f"s_{subject:02d}_act_{action:02d}_subact_{take:02d}_ca_{camera + 1:02d}"
                for column, value in (("camera_name", CAMERAS[camera]), ("source", name), ("action", str(action))):
                    rows[column] += [value] * frames
        made: dict[str, Any] = {
            "joint_2d": np.concatenate(rows["joint_2d"]).astype("float32"),
            "confidence": np.concatenate(rows["confidence"]).astype("float32"),
            "joint3d_image": np.concatenate(rows["joint3d_image"]).astype("float32"),
            "camera_name": np.array(rows["camera_name"]),
            "source": rows["source"],
            "action": rows["action"],
        }
        if not confidence_axis:
            made["confidence"] = made["confidence"][..., 0]
        if split == "test":
            made["2.5d_factor"] = np.concatenate(rows["factor"])
            made["joints_2.5d_image"] = made["joint3d_image"] * made["2.5d_factor"][:, None, None].astype("float32")
        splits[split] = made
    return splits


def write_motionbert(folder: Path, content: dict[str, Any] | None = None, detector: str = "sh_conf") -> Path:
    """`h36m_<detector>_cam_source_final.pkl` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"h36m_{detector}_cam_source_final.pkl"
    with path.open("wb") as file:
        pickle.dump(motionbert_content() if content is None else content, file, protocol=4)
    return path


#: Owner's names as in mmpose's image names, by split.
MMPOSE_TAKES: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {"S1": ("Directions 1", "TakingPhoto")},
    "test": {"S9": ("Greeting", "WalkingDog 1", "Waiting 1"), "S11": ("Directions", "Phoning 3")},
}


def mmpose_content(split: str, frames: int = 12, step: int = 1) -> dict[str, np.ndarray]:
    """The arrays of `h36m_<split>.npz`, every `step`-th frame of the videos."""
    columns: dict[str, list[Any]] = {name: [] for name in ("imgname", "center", "scale", "part", "S")}
    ones = np.ones((frames, 17, 1))
    for subject, names in MMPOSE_TAKES[split].items():
        for name in names:
            world = world_poses(subject, name, frames * step)[::step]
            for i, camera in enumerate(CAMERAS):
                seen = camera_poses(world, subject, i)
                base = f"{subject}_{name}.{camera}".replace(" ", "_")
                columns["imgname"] += [f"{subject}/{base}/{base}_{row * step + 1:06d}.jpg" for row in range(frames)]
                columns["part"].append(np.concatenate([pixels(seen, i), ones], axis=-1))
                columns["S"].append(np.concatenate([seen / 1000, ones], axis=-1))
                columns["center"].append(np.full((frames, 2), 500.0))
                columns["scale"].append(np.full(frames, 3.0))
    joined = {name: np.concatenate(values) for name, values in columns.items() if name != "imgname"}
    return {"imgname": np.array(columns["imgname"]), **joined}


def write_mmpose(folder: Path, frames: int = 12, step: int = 1, splits: tuple[str, ...] = ("train", "test")) -> Path:
    """mmpose's tree: annotations by frame rate, detections in a folder of their own; returns `folder`."""
    annotations = folder / "annotation_body3d" / f"fps{50 // step}"
    detections = folder / "joint_2d_det_files"
    for made in (annotations, detections):
        made.mkdir(parents=True, exist_ok=True)
    for split in splits:
        content = mmpose_content(split, frames, step)
        np.savez(annotations / f"h36m_{split}.npz", **content)
        random = frozen_generator("human36m-mmpose", split)
        found = content["part"] + random.normal(0, 3, content["part"].shape) * [1, 1, 0]
        np.save(detections / f"cpn_ft_h36m_dbb_{split}.npy", found)
    return folder
