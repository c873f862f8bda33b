"""Small sessions in exactly the layout of Pose2Sim's demo: calibration TOML, TRC, a JSON a frame and camera."""

import json
from pathlib import Path

import numpy as np

from posebench.cameras import look_at, rotation_matrix

TRIAL = "S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial"
TRC_NAME = "S00_P00_T01_BalancingTrial_0-100.trc"
#: The order of OpenPose's JSON.
KEYPOINTS = [
    "Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist",
    "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle", "Neck", "Head", "LBigToe", "LSmallToe", "LHeel",
    "RBigToe", "RSmallToe", "RHeel",
]  # fmt: skip
#: The order of the TRC file, which has no eyes and ears.
MARKERS = [
    "RHip", "RKnee", "RAnkle", "RBigToe", "RSmallToe", "RHeel", "LHip", "LKnee", "LAnkle", "LBigToe",
    "LSmallToe", "LHeel", "Neck", "Head", "Nose", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow",
    "LWrist",
]  # fmt: skip
FOCAL, CENTER, SIZE = (1680.0, 1679.0), (533.0, 948.0), (1088, 1920)
#: OpenCV's k1 k2 p1 p2.
DISTORTIONS = (-0.02, 0.03, 0.0004, -0.0003)
POSITIONS = ((1.5, -3.9, 1.9), (4.6, 0.7, 1.7), (-3.2, 3.4, 1.6), (-3.9, -2.2, 1.8))


def person(frames: int) -> dict[str, np.ndarray]:
    """(frames, 3) world metres, z up, of every keypoint of somebody who faces +y, left to -x, and walks that way."""
    half = {
        "Eye": (0.03, 0.10, 1.60), "Ear": (0.07, 0.02, 1.58), "Shoulder": (0.18, 0.0, 1.40), "Elbow": (0.23, 0.0, 1.12),
        "Wrist": (0.24, 0.06, 0.87), "Hip": (0.12, 0.0, 0.93), "Knee": (0.13, 0.06, 0.50), "Ankle": (0.13, 0.0, 0.09),
        "BigToe": (0.12, 0.20, 0.03), "SmallToe": (0.17, 0.17, 0.03), "Heel": (0.13, -0.05, 0.04),
    }  # fmt: skip
    points = {"Nose": (0.0, 0.12, 1.56), "Neck": (0.0, 0.02, 1.50), "Head": (0.0, 0.0, 1.72)}
    for name, (x, y, z) in half.items():
        points |= {"L" + name: (-x, y, z), "R" + name: (x, y, z)}
    time = np.arange(frames) / 60
    walked = {}
    for name, point in points.items():
        track = np.tile(point, (frames, 1))
        swing = 0.15 * np.sin(6 * time) * (1.5 - track[:, 2]) * (1 if name[0] == "L" else -1)
        track[:, 1] += 0.8 * time + (swing if name[0] in "LR" else 0)
        walked[name] = track
    return walked


def turn(camera: int) -> np.ndarray:
    """(3, 3) world to camera of a camera, counted from 0."""
    at = POSITIONS[camera]
    x, y, z = at
    return rotation_matrix(look_at((x, y, z), (0.0, 0.3, 0.9))).T


def seen(points: np.ndarray, camera: int) -> np.ndarray:
    """Pixels (..., 2) of world metres (..., 3), by OpenCV's formulas written out."""
    x, y, z = np.moveaxis((points - np.array(POSITIONS[camera])) @ turn(camera).T, -1, 0)
    x, y = x / z, y / z
    k1, k2, p1, p2 = DISTORTIONS
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2
    u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
    v = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
    return np.stack([u * FOCAL[0] + CENTER[0], v * FOCAL[1] + CENTER[1]], axis=-1)


def calibration_text() -> str:
    from scipy.spatial.transform import Rotation

    parts = []
    for camera in range(4):
        rotation = Rotation.from_matrix(turn(camera)).as_rotvec().tolist()
        translation = (-turn(camera) @ np.array(POSITIONS[camera])).tolist()
        parts.append(
            f'[cam_0{camera + 1}]\nname = "cam_0{camera + 1}"\nsize = [ {SIZE[0]}.0, {SIZE[1]}.0]\n'
            f"matrix = [ [ {FOCAL[0]}, 0.0, {CENTER[0]}], [ 0.0, {FOCAL[1]}, {CENTER[1]}], [ 0.0, 0.0, 1.0]]\n"
            f"distortions = {list(DISTORTIONS)}\nrotation = {rotation}\ntranslation = {translation}\nfisheye = false\n"
        )
    return "\n".join([*parts, "[metadata]\nadjusted = false\nerror = 0.0\n"])


def trc_text(points: dict[str, np.ndarray], markers: list[str] = MARKERS) -> str:
    """The owner's TRC: metres, y up, so that a world point (x, y, z) is written y, z, x."""
    frames = len(points["Nose"])
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{TRC_NAME}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"60\t60\t{frames}\t{len(markers)}\tm\t60\t0\t{frames}",
        "Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{n}" for n in range(1, len(markers) + 1) for axis in "XYZ"),
    ]
    for frame in range(frames):
        cells = [str(frame + 1), str((frame + 1) / 60)]
        for name in markers:
            x, y, z = points[name][frame]
            cells += [repr(float(y)), repr(float(z)), repr(float(x))]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def frame_text(*people: np.ndarray | None) -> str:
    """A frame of OpenPose: people (25, 3), None for the empty entry of Pose2Sim's association."""
    entries = [
        {} if keypoints is None else {"person_id": [-1], "pose_keypoints_2d": keypoints.ravel().tolist()}
        for keypoints in people
    ]
    return json.dumps({"version": 1.3, "people": entries})


def keypoints(points: dict[str, np.ndarray], frame: int, camera: int, confidence: float = 0.7) -> np.ndarray:
    """(25, 3) pixels and confidence of a person in a frame of a camera."""
    world = np.stack([points[name][frame] for name in KEYPOINTS])
    return np.concatenate([seen(world, camera), np.full((25, 1), confidence)], axis=1)


def write_session(folder: Path, frames: int = 12) -> Path:
    """A demo session of one walker, with a bystander in the raw detections of the first two cameras.

    In frame 3 the walker of `cam_03` is an empty entry of the associated
    detections. In frame 5 of `cam_01` the bystander is the surer of the two.
    In frame 1 of `cam_04` the left wrist is missing.
    """
    walker = person(frames)
    bystander = {name: track + np.array([1.0, 1.2, 0.0]) for name, track in person(frames).items()}
    trial = folder / TRIAL
    (folder / "calibration").mkdir(parents=True)
    (folder / "calibration" / "Calib_qualisys.toml").write_text(calibration_text())
    (trial / "pose-3d").mkdir(parents=True)
    (trial / "pose-3d" / TRC_NAME).write_text(trc_text(walker))
    (trial / "pose-3d" / TRC_NAME.replace(".trc", "_filt_butterworth.trc")).write_text("not read")
    for camera in range(4):
        for kind in ("pose", "pose-associated"):
            place = trial / kind / f"cam0{camera + 1}_json"
            place.mkdir(parents=True)
            for frame in range(frames):
                own: np.ndarray | None = keypoints(walker, frame, camera)
                assert own is not None
                if (camera, frame) == (3, 1):
                    own[KEYPOINTS.index("LWrist")] = 0
                people = [own]
                if kind == "pose" and camera < 2:
                    sure = 0.9 if (camera, frame) == (0, 5) else 0.3
                    people.insert(0, keypoints(bystander, frame, camera, sure))
                elif kind == "pose-associated" and (camera, frame) == (2, 3):
                    people = [None]
                (place / f"cam0{camera + 1}.{frame:04d}.json").write_text(frame_text(*people))
    return folder
