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
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, least_squares, minimize

from posebench.cameras import project, world_to_camera
from posebench.datasets.detections import read_openpose
from posebench.datasets.pose2sim.adapter import CAMERAS, triangulated_joints
from posebench.datasets.pose2sim.calibration import read_calibration
from posebench.errors import DataMissingError, PosebenchError
from posebench.joint_maps import convert_joints
from posebench.skeletons import BODY_25B, HUMAN36M_17

Array = npt.NDArray[np.float64]

TRIAL = "balancing"
TRC = f"{TRIAL}/pose-3d/S00_P00_T01_BalancingTrial_0-100.trc"
CALIBRATION = "calibration/Calib_qualisys.toml"

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


def read_person(folder: Path) -> tuple[Array, Array]:
    """(frames, 17, 2) pixels, NaN where missing, and (frames, 17) confidence of the one associated person.

    A joint made from several keypoints has their mean confidence here; the data set `pose2sim` stores the least.
    """
    person = read_openpose(folder, BODY_25B).people[:, 0]
    person[person[..., 2] == 0] = np.nan
    joints: Array = np.asarray(convert_joints(person, BODY_25B, HUMAN36M_17), dtype=np.float64)
    return joints[..., :2], np.nan_to_num(joints[..., 2])


def read_demo(demo: Path) -> Detections:
    """Everything that is measured; raises `DataMissingError` when the folder is not the demo."""
    folders = [f"{TRIAL}/pose-associated/{camera.replace('_', '')}_json" for camera in CAMERAS]
    for needed in (TRC, CALIBRATION, *folders):
        if not (demo / needed).exists():
            raise DataMissingError(
                f"{demo} is not Pose2Sim's demo: {needed} is not in it; give the folder that holds '{TRIAL}'."
            )
    cameras = read_calibration(demo / CALIBRATION, CAMERAS)
    world = triangulated_joints(demo / TRC)
    true: Array = np.stack([project(world_to_camera(world, camera), camera) for camera in cameras])
    views = [read_person(demo / folder) for folder in folders]
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
