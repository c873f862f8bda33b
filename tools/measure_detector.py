"""Measure the errors of the one real detector that the 2D source `simulated` follows.

    python tools/measure_detector.py PATH_TO/pose2sim_demo

`PATH_TO/pose2sim_demo` is the Demo folder of Pose2Sim (Pagnon et al. 2022):
OpenPose BODY_25B detections of one adult seen by four calibrated cameras, 100
frames at 60 Hz, and the 3D that was triangulated from those same detections.
The triangulated points are projected back into each camera and compared with
the detections, so a mistake that all cameras share does not show: the true
errors are likely larger. Prints the tables of `docs/simulated-detector.md`.
"""

import argparse
import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, least_squares, minimize
from scipy.spatial.transform import Rotation

from posebench.cameras import Camera, project, world_to_camera
from posebench.errors import DataMissingError, PosebenchError
from posebench.skeletons import HUMAN36M_17

Array = npt.NDArray[np.float64]

JOINTS = HUMAN36M_17.joints
CAMERAS = ("01", "02", "03", "04")
TRIAL = "balancing"
TRC = f"{TRIAL}/pose-3d/S00_P00_T01_BalancingTrial_0-100.trc"
CALIBRATION = "calibration/Calib_qualisys.toml"

#: BODY_25B keypoints that the 17 joints are made of, by their index in OpenPose's JSON.
BODY_25B = {
    "LShoulder": 5,
    "RShoulder": 6,
    "LElbow": 7,
    "RElbow": 8,
    "LWrist": 9,
    "RWrist": 10,
    "LHip": 11,
    "RHip": 12,
    "LKnee": 13,
    "RKnee": 14,
    "LAnkle": 15,
    "RAnkle": 16,
    "Neck": 17,
    "Head": 18,
}
#: Where a Human3.6M joint is another name for one keypoint; the other four are middles, see `to_17`.
RENAMED = {"RFoot": "RAnkle", "LFoot": "LAnkle", "Neck/Nose": "Neck"}

#: Left and right are measured together: one person has too few frames to tell them apart.
POOLED = {
    "Hip": ("Hip",),
    "RHip, LHip": ("RHip", "LHip"),
    "Knees": ("RKnee", "LKnee"),
    "Feet": ("RFoot", "LFoot"),
    "Spine": ("Spine",),
    "Thorax": ("Thorax",),
    "Neck/Nose": ("Neck/Nose",),
    "Head": ("Head",),
    "Shoulders": ("RShoulder", "LShoulder"),
    "Elbows": ("RElbow", "LElbow"),
    "Wrists": ("RWrist", "LWrist"),
}
#: Joints far enough from each other in BODY_25B that no keypoint enters two of them.
APART = ("RKnee", "RFoot", "LKnee", "LFoot", "Head", "LElbow", "LWrist", "RElbow", "RWrist")
LAGS = (1, 2, 3, 5, 10, 20, 30)
QUANTILES = np.array([0.5, 0.9, 0.95, 0.99])


@dataclass(frozen=True)
class Detections:
    """All cameras' detections beside the back-projected 3D.

    `detected` and `true` are (cameras, frames, 17, 2) pixels, `confidence`
    (cameras, frames, 17), `height` (cameras, frames) the height in pixels of
    the box around the true joints.
    """

    detected: Array
    true: Array
    confidence: Array
    height: Array

    @property
    def error(self) -> Array:
        """(cameras, frames, 17, 2) detected minus true, as a share of the person's height."""
        return (self.detected - self.true) / self.height[..., None, None]


def to_17(keypoints: dict[str, Array]) -> Array:
    """(..., 17, n) from named BODY_25B keypoints, by the table of the joint conventions."""
    hip = (keypoints["RHip"] + keypoints["LHip"]) / 2
    thorax = (keypoints["RShoulder"] + keypoints["LShoulder"]) / 2
    made = {**keypoints, "Hip": hip, "Thorax": thorax, "Spine": (hip + thorax) / 2}
    return np.stack([made[RENAMED.get(name, name)] for name in JOINTS], axis=-2)


def read_cameras(path: Path) -> list[Camera]:
    """The cameras of a Pose2Sim calibration: OpenCV's x = R X + t with a rotation vector and metres."""
    table: dict[str, dict[str, Any]] = tomllib.loads(path.read_text())
    cameras = []
    for number in CAMERAS:
        entry = table[f"cam_{number}"]
        matrix = entry["matrix"]
        k1, k2, p1, p2 = entry["distortions"]
        turn = Rotation.from_rotvec(entry["rotation"]).inv()
        x, y, z, w = turn.as_quat()
        position = -turn.apply(entry["translation"]) * 1000
        width, height = (int(side) for side in entry["size"])
        cameras.append(
            Camera(
                name=f"cam_{number}",
                width=width,
                height=height,
                focal=(matrix[0][0], matrix[1][1]),
                center=(matrix[0][2], matrix[1][2]),
                radial=(k1, k2, 0.0),
                # OpenCV's p1 goes with y, the Human3.6M lens model's with x.
                tangential=(p2, p1),
                orientation=(float(w), float(x), float(y), float(z)),
                position=(float(position[0]), float(position[1]), float(position[2])),
            )
        )
    return cameras


def read_trc(path: Path) -> Array:
    """(frames, 17, 3) world mm, z up, of a Pose2Sim TRC file (metres, y up)."""
    lines = path.read_text().splitlines()
    markers = [name for name in lines[3].split("\t")[2:] if name.strip()]
    values = np.array([[float(cell) for cell in line.split("\t")[2:] if cell] for line in lines[5:] if line.strip()])
    points = values.reshape(len(values), -1, 3)[..., [2, 0, 1]] * 1000
    return to_17({name: points[:, markers.index(name)] for name in BODY_25B})


def read_openpose(folder: Path) -> tuple[Array, Array]:
    """(frames, 17, 2) pixels, NaN where missing, and (frames, 17) confidence of a folder of OpenPose JSON."""
    files = sorted(folder.glob("*.json"))
    keypoints = np.full((len(files), 25, 3), np.nan)
    for row, file in enumerate(files):
        people = json.loads(file.read_text())["people"]
        # The associated folders hold one person; an empty entry means that it was not found in this view.
        if people and people[0].get("pose_keypoints_2d"):
            keypoints[row] = np.reshape(people[0]["pose_keypoints_2d"], (25, 3))
    keypoints[keypoints[..., 2] == 0] = np.nan
    joints = to_17({name: keypoints[:, index] for name, index in BODY_25B.items()})
    return joints[..., :2], np.nan_to_num(joints[..., 2])


def read_demo(demo: Path) -> Detections:
    """Everything that is measured; raises `DataMissingError` when the folder is not the demo."""
    folders = [f"{TRIAL}/pose-associated/cam{number}_json" for number in CAMERAS]
    for needed in (TRC, CALIBRATION, *folders):
        if not (demo / needed).exists():
            raise DataMissingError(
                f"{demo} is not Pose2Sim's demo: {needed} is not in it; give the folder that holds '{TRIAL}'."
            )
    cameras = read_cameras(demo / CALIBRATION)
    world = read_trc(demo / TRC)
    true: Array = np.stack([project(world_to_camera(world, camera), camera) for camera in cameras])
    views = [read_openpose(demo / folder) for folder in folders]
    detected = np.stack([view[0][: len(world)] for view in views])
    confidence = np.stack([view[1][: len(world)] for view in views])
    height: Array = np.nanmax(true[..., 1], axis=-1) - np.nanmin(true[..., 1], axis=-1)
    return Detections(detected, true, confidence, height)


def contaminated_quantiles(good: float, poor: float, share: float, at: Array) -> Array:
    """Quantiles of the length of a 2D error that is normal with deviation `poor` in a `share` of cases, else `good`."""

    def exceeds(length: float, level: float) -> float:
        tails = np.exp(-0.5 * np.square(length / np.array([good, poor])))
        return float((1 - share) * tails[0] + share * tails[1] - (1 - level))

    return np.array([brentq(exceeds, 0.0, 20.0 * poor, args=(level,)) for level in at])


def fit_contaminated(length: Array) -> tuple[float, float, float]:
    """Good and poor deviation and poor share whose quantiles are nearest to the measured ones (in logarithm).

    Median and 90th percentile weigh three times as much as the 95th and 99th.
    The share stays within 2 and 35 %: beyond, the two parts trade places.
    """
    measured = np.quantile(length, QUANTILES)

    def miss(x: Array) -> Array:
        found = contaminated_quantiles(x[0], x[0] * x[1], x[2], QUANTILES)
        weighted: Array = np.array([3.0, 3.0, 1.0, 1.0]) * np.log(found / measured)
        return weighted

    bounds = ([1e-3, 1.2, 0.02], [0.1, 25.0, 0.35])
    starts = [(measured[0] / 1.2, ratio, share) for ratio in (2.0, 5.0, 15.0) for share in (0.03, 0.2)]
    best = min((least_squares(miss, start, bounds=bounds) for start in starts), key=lambda result: float(result.cost)).x
    return float(best[0]), float(best[0] * best[1]), float(best[2])


def fit_student(length: Array) -> float:
    """Degrees of freedom of the isotropic 2D Student t of greatest likelihood for these error lengths."""

    def loss(x: Array) -> float:
        scale, freedom = np.exp(x)
        return float(-np.sum(-2 * np.log(scale) - (freedom / 2 + 1) * np.log1p(np.square(length / scale) / freedom)))

    fitted = minimize(loss, np.log([np.median(length), 3.0]), method="Nelder-Mead").x
    return float(np.exp(fitted[1]))


def autocorrelation(values: Array, lag: int) -> float:
    """Autocorrelation about zero of (cameras, frames, ...), pooled, over the pairs of frames that both have a value."""
    first, second = values[:, :-lag], values[:, lag:]
    both = ~np.isnan(first) & ~np.isnan(second)
    return float(np.sum(first[both] * second[both]) / np.sqrt(np.sum(first[both] ** 2) * np.sum(second[both] ** 2)))


def common_correlation(error: Array) -> float:
    """Mean correlation between the errors of joints that are `APART`, errors clipped at four medians."""
    chosen = error[:, :, HUMAN36M_17.indices(APART)]
    limit = 4 * np.nanmedian(np.abs(chosen))
    columns = np.clip(np.nan_to_num(chosen), -limit, limit).transpose(0, 1, 3, 2).reshape(-1, len(APART))
    products = columns.T @ columns
    deviation = np.sqrt(np.diag(products))
    off_diagonal = ~np.eye(len(APART), dtype=bool)
    return float((products / np.outer(deviation, deviation))[off_diagonal].mean())


def print_by_joint(found: Detections) -> None:
    """The table of errors by joint, in percent of the person's height."""
    length = np.linalg.norm(found.error, axis=-1)
    print("| joint | median | p90 | p95 | p99 | t dof | good | poor | poor share | missed | confidence |")
    print("| --- " * 11 + "|")
    for label, names in POOLED.items():
        chosen = HUMAN36M_17.indices(names)
        values = length[:, :, chosen]
        seen = values[~np.isnan(values)]
        good, poor, share = fit_contaminated(seen)
        quantiles = " | ".join(f"{100 * value:.2f}" for value in np.quantile(seen, QUANTILES))
        confidence = found.confidence[:, :, chosen][~np.isnan(values)]
        print(
            f"| {label} | {quantiles} | {fit_student(seen):.1f} | {100 * good:.2f} | {100 * poor:.2f} | {share:.2f} "
            f"| {100 * np.isnan(values).mean():.2f} | {confidence.mean():.2f} |"
        )
    seen = length[~np.isnan(length)]
    median, tail = 100 * np.quantile(seen, (0.5, 0.9))
    print(f"\nAll joints: median {median:.2f}, 90th percentile {tail:.2f} % of the height.")
    print(f"Missed: {100 * np.isnan(length).mean():.2f} % of joint-frames.")


def print_in_time(found: Detections) -> None:
    """Memory, the part that stays, and what the joints have in common."""
    error = found.error
    centred = error - np.nanmean(error, axis=1, keepdims=True)
    print("\n| lag in frames | " + " | ".join(str(lag) for lag in LAGS) + " |")
    print("| --- " * (len(LAGS) + 1) + "|")
    for label, values in (("error", error), ("error minus its mean over the clip", centred)):
        print(f"| {label} | " + " | ".join(f"{autocorrelation(values, lag):.2f}" for lag in LAGS) + " |")
    constant = 1 - np.nanmean(centred**2) / np.nanmean(error**2)
    print(f"\nShare of the mean square that is constant over the clip: {constant:.2f}.")
    moving = error - np.nanmedian(error, axis=1, keepdims=True)
    print(
        f"Correlation between joints apart: {common_correlation(error):.2f}, "
        f"minus each joint's median over the clip: {common_correlation(moving):.2f}."
    )


def print_confidence_and_swaps(found: Detections) -> None:
    """How confidence goes with the error, and frames in which left and right are exchanged."""
    length = np.linalg.norm(found.error, axis=-1)
    seen = ~np.isnan(length)
    confidence = found.confidence[seen]
    print(f"\nConfidence: mean {confidence.mean():.2f}, deviation {confidence.std():.3f}.")
    wandering = found.confidence - found.confidence.mean(axis=1, keepdims=True)
    print(f"Its lag-1 autocorrelation: {autocorrelation(wandering, 1):.2f}.")
    for label, limit in (("", np.inf), (", errors clipped at 20 % of the height", 0.2)):
        correlation = np.corrcoef(confidence, np.minimum(length[seen], limit))[0, 1]
        print(f"Correlation of confidence with error{label}: {correlation:.2f}.")
    print("Median error by confidence: ", end="")
    for low in np.arange(0.1, 0.9, 0.1):
        inside = (confidence >= low) & (confidence < low + 0.1)
        print(f"{low:.1f}-{low + 0.1:.1f}: {100 * np.median(length[seen][inside]):.1f} % ({inside.sum()})", end="; ")
    mirrored = list(HUMAN36M_17.mirrored)
    own = np.linalg.norm(found.detected - found.true, axis=-1)
    crossed = np.linalg.norm(found.detected - found.true[:, :, mirrored], axis=-1)
    swapped = (crossed + crossed[:, :, mirrored] < 0.7 * (own + own[:, :, mirrored])).sum() // 2
    print(f"\nPairs of joints with left and right exchanged: {swapped} of {own[:, :, :6].size}.")


def main() -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("demo", type=Path, help="Pose2Sim's demo folder")
    try:
        found = read_demo(parser.parse_args().demo)
    except PosebenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print_by_joint(found)
    print_in_time(found)
    print_confidence_and_swaps(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
