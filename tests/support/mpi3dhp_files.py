"""Writes small MPI-INF-3DHP trees in the owner's containers, and the npz files in circulation, with plain arithmetic."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from scipy.io import savemat

Array = npt.NDArray[np.float64]

#: All 28 joints of a person who stands before the camera and looks into it, knees a little bent: mm from the pelvis, y down.
BODY: dict[str, tuple[float, float, float]] = {
    "spine3": (0, -280, 0), "spine4": (0, -380, 0), "spine2": (0, -180, 0), "spine": (0, -80, 0), "pelvis": (0, 0, 0),
    "neck": (0, -480, 0), "head": (0, -560, -30), "head_top": (0, -690, -20),
    "left_clavicle": (60, -450, 0), "left_shoulder": (170, -430, 0), "left_elbow": (220, -160, 10),
    "left_wrist": (230, 80, -60), "left_hand": (235, 150, -80),
    "right_clavicle": (-60, -450, 0), "right_shoulder": (-170, -430, 0), "right_elbow": (-220, -160, 10),
    "right_wrist": (-230, 80, -60), "right_hand": (-235, 150, -80),
    "left_hip": (100, 20, 0), "left_knee": (110, 440, -80), "left_ankle": (110, 860, 40), "left_foot": (110, 900, -40),
    "left_toe": (110, 910, -120),
    "right_hip": (-100, 20, 0), "right_knee": (-110, 440, -80), "right_ankle": (-110, 860, 40),
    "right_foot": (-110, 900, -40), "right_toe": (-110, 910, -120),
}  # fmt: skip
#: The 17 relevant joints in the order of the official evaluation.
RELEVANT = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head",
)  # fmt: skip
NAMES = list(BODY)
PELVIS = 14
#: annot3 / univ_annot3 of each test sequence; those of TS5 and TS6 are the owner's.
SCALES = {"TS1": 1.0, "TS2": 1.03, "TS3": 0.99, "TS4": 1.01, "TS5": 1.04672, "TS6": 0.992}
#: Focal lengths and centre in px.
STUDIO = (1500.172288, 1500.172288, 1017.38733568, 1043.03198208)
OUTDOORS = (1683.98345952, 1683.98345952, 939.85754016, 560.140743168)
#: The frame at which the second half of a sequence's activities begins, and what the two halves are.
ACTIVITIES = {"TS1": (1, 2), "TS2": (3, 4), "TS3": (5, 6), "TS4": (7, 1), "TS5": (1, 4), "TS6": (1, 7)}
ANGLES = (0.0, 0.5, -0.5, 1.2, 1.0, -1.0, 2.0, -2.0, 3.0, 0.3, -0.3, 0.7, -0.7, 1.7)
CALIBRATED = 14


def move(frames: int, seed: int = 0) -> Array:
    """(frames, 28, 3) mm from the pelvis: the person turns and swings arms and legs."""
    t = np.arange(frames)[:, None] / 25 + seed
    body = np.broadcast_to(np.array(list(BODY.values()), float), (frames, 28, 3)).copy()
    for joint, size in (("left_wrist", 90), ("right_wrist", -90), ("left_ankle", 40), ("right_ankle", -40)):
        body[:, NAMES.index(joint), 2] += size * np.sin(2 * t[:, 0])
    return turn(body, 0.4 * np.sin(0.7 * t[:, 0]))


def turn(body: Array, angle: Any) -> Array:
    """Turned about the vertical by an angle a frame."""
    sine, cosine = np.sin(angle), np.cos(angle)
    x, y, z = (body[..., i] for i in range(3))
    sine, cosine = (np.asarray(value)[..., None] for value in (sine, cosine))
    return np.stack([x * cosine + z * sine, y, z * cosine - x * sine], axis=-1)


def relevant(body: Array) -> Array:
    """The 17 joints of 28."""
    return body[:, [NAMES.index(name) for name in RELEVANT]]


def see(poses: Array, lens: tuple[float, float, float, float], distortion: tuple[float, ...] = ()) -> Array:
    """Pixels of camera-space poses; `distortion` is OpenCV's k1 k2 p1 p2 k3."""
    fx, fy, cx, cy = lens
    x, y = poses[..., 0] / poses[..., 2], poses[..., 1] / poses[..., 2]
    if distortion:
        k1, k2, p1, p2, k3 = distortion
        r2 = x * x + y * y
        radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
        x, y = (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        )
    return np.stack([fx * x + cx, fy * y + cy], axis=-1)


def universal(annot3: Array, name: str) -> Array:
    """The person in another size at the same place; knees and ankles of TS6 are those of an older annotation."""
    pelvis = annot3[:, PELVIS : PELVIS + 1]
    found = pelvis + (annot3 - pelvis) / SCALES.get(name, 1.05)
    if name == "TS6":
        found[:, [9, 12], 2] += 19
        found[:, [10, 13], 2] += 33
    return found


def sequence_arrays(name: str, frames: int = 40, valid: int | None = None) -> dict[str, Array]:
    """What `annot_data.mat` of a sequence holds, frame by frame, before MATLAB's axes; the last frames are not valid."""
    number = int(name[2:])
    annot3 = relevant(move(frames, number)) + np.array([50.0 * number - 150, 120, 4200 + 50 * number])
    lens = OUTDOORS if name in ("TS5", "TS6") else STUDIO
    first, second = ACTIVITIES[name]
    return {
        "annot2": see(annot3, lens),
        "annot3": annot3,
        "univ_annot3": universal(annot3, name),
        "valid_frame": (np.arange(frames) < (frames - 5 if valid is None else valid)).astype(float),
        "activity_annotation": np.where(np.arange(frames) < frames // 2, first, second).astype(float),
    }


def write_mat73(path: Path, arrays: Mapping[str, Array]) -> Path:
    """An `annot_data.mat` as MATLAB 7.3 writes it: a header, HDF5 with axes turned round, a cell of references."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, array in arrays.items():
            # A person's axis of one stands behind the frames: MATLAB has (3, 17, 1, frames), and (1, frames).
            file[key] = array[:, None]
            file[key].attrs["MATLAB_class"] = np.bytes_("double")
        frames = len(next(iter(arrays.values())))
        references = file.create_group("#refs#")
        cells = file.create_dataset("bb_crop", (frames, 1), dtype=h5py.ref_dtype)
        for frame in range(frames):
            references[f"c{frame}"] = np.zeros((34, 1))
            cells[frame, 0] = references[f"c{frame}"].ref
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Tue Aug 22 21:06:10 2017 HDF5 schema 1.00 ."
    with path.open("r+b") as raw:
        raw.write(header.ljust(116) + bytes(8) + b"\x00\x02IM")
    return path


def write_sequences(root: Path, names: tuple[str, ...] = tuple(SCALES), frames: int = 40) -> Path:
    """`TS1` .. `TS6` under a folder."""
    for name in names:
        write_mat73(root / name / "annot_data.mat", sequence_arrays(name, frames))
    return root


def training_lens(camera: int) -> tuple[float, float, float, float]:
    """Every camera has a lens of its own."""
    return 1490.0 + camera, 1491.0 + camera, 1020.0 + camera, 1050.0 - camera


def training_poses(camera: int, frames: int, seed: int = 3) -> Array:
    """(frames, 28, 3) camera mm: the fourteen cameras stand around."""
    return turn(move(frames, seed), np.full(frames, ANGLES[camera])) + np.array(
        [20.0 * camera, 100, 3600 + 60 * camera]
    )


def training_arrays(frames: int = 30, seed: int = 3) -> dict[str, Any]:
    """What `annot.mat` holds: cells of fourteen cameras, rows of joint behind joint."""
    cells: dict[str, Any] = {key: np.empty((CALIBRATED, 1), object) for key in ("annot2", "annot3", "univ_annot3")}
    for camera in range(CALIBRATED):
        poses = training_poses(camera, frames, seed)
        pelvis = poses[:, NAMES.index("pelvis")][:, None]
        cells["annot2"][camera, 0] = see(poses, training_lens(camera)).reshape(frames, 56)
        cells["annot3"][camera, 0] = poses.reshape(frames, 84)
        cells["univ_annot3"][camera, 0] = (pelvis + (poses - pelvis) / 1.06).reshape(frames, 84)
    return {**cells, "cameras": np.arange(CALIBRATED)[None], "frames": np.arange(frames)[:, None]}


def calibration_text(cameras: tuple[int, ...] = tuple(range(CALIBRATED))) -> str:
    """`camera.calibration` with seven lines a camera."""
    lines = ["Skeletool Camera Calibration File V1.0"]
    for camera in cameras:
        fx, fy, cx, cy = training_lens(camera)
        lines += [
            f"name          {camera}",
            "  sensor      10 10",
            "  size        2048 2048",
            "  animated    0",
            f"  intrinsic   {fx} 0 {cx} 0 0 {fy} {cy} 0 0 0 1 0 0 0 0 1 ",
            "  extrinsic   1 0 0 0 0 -1 0 1400 0 0 -1 3800 0 0 0 1 ",
            "  radial      0",
        ]
    return "\n".join([*lines, ""])


def write_training(root: Path, subject: str = "S1", sequence: str = "Seq1", frames: int = 30) -> Path:
    """`S1/Seq1` with its `annot.mat` and `camera.calibration`."""
    folder = root / subject / sequence
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "annot.mat", training_arrays(frames, int(subject[1:])), do_compression=True)
    (folder / "camera.calibration").write_text(calibration_text())
    return root


def write_npz_test(path: Path, truth: str = "univ_annot3", frames: Mapping[str, int] | None = None) -> Path:
    """P-STMO's `data_test_3dhp.npz`, or with annot3 D3DP's."""
    found = {name: sequence_arrays(name, (frames or {}).get(name, 40)) for name in SCALES}
    data = {
        name: {"data_2d": arrays["annot2"], "data_3d": arrays[truth], "valid": arrays["valid_frame"]}
        for name, arrays in found.items()
    }
    return write_npz(path, data)


def write_npz_training(path: Path, truth: str = "univ_annot3", frames: int = 30) -> Path:
    """P-STMO's `data_train_3dhp.npz` with one sequence at 25 and one at 50 frames a second."""
    data = {}
    for name, fps in (("S1 Seq1", 25), ("S1 Seq2", 50)):
        arrays = training_arrays(frames, seed=fps)
        select = [NAMES.index(joint) for joint in RELEVANT]
        data[name] = [
            {
                str(camera): {
                    "data_2d": arrays["annot2"][camera, 0].reshape(frames, 28, 2)[:, select],
                    "data_3d": arrays[truth][camera, 0].reshape(frames, 28, 3)[:, select],
                }
                for camera in (0, 1, 2, 4, 5, 6, 7, 8)
            },
            fps,
        ]
    return write_npz(path, data)


def write_npz(path: Path, data: dict[str, Any]) -> Path:
    """One dictionary as numpy saves it: a pickle in an array without dimensions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, data=np.array(data, dtype=object))
    return path
