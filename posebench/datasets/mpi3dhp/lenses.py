"""The cameras of the test set, and the lens of a camera whose calibration a file lacks.

The owner calibrated the two test cameras in millimetres on a sensor, with a pixel aspect and, outdoors, distortion
(`test_util/camera_calibration`). Public code disagrees on what to use of it: D3DP and others take focal length and centre
alone, metrabs and PosePile all of it (protocols.md, "Official 3DHP"). `annot2` is the projection of `annot3`, so the files
themselves say which it was: the lens under which the one falls on the other.
"""

from dataclasses import dataclass

import numpy as np

from posebench.cameras import Camera, project
from posebench.datasets.mpi3dhp.annotation import Array, Mask
from posebench.datasets.mpi3dhp.facts import OUTDOORS, TRAIN_SIZE

#: The poses are in camera space: the world is the camera's own.
UPRIGHT, ORIGIN = (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class _Calibration:
    """Millimetres on the sensor; `distortion` is k1 k2 p1 p2 k3 as OpenCV lists it."""

    size: tuple[int, int]
    sensor: tuple[float, float]
    focal: float
    offset: tuple[float, float]
    pixel_aspect: float
    distortion: tuple[float, float, float, float, float]


_STUDIO = _Calibration((2048, 2048), (10.0, 10.0), 7.32506, (-0.0322884, 0.0929296), 1.00044, (0.0, 0.0, 0.0, 0.0, 0.0))
_OUTDOORS = _Calibration(
    (1920, 1080),
    (10.0, 5.625),
    8.770747185,
    (-0.104908645, 0.104899704),
    0.993236423,
    (-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332),
)


@dataclass(frozen=True)
class Lens:
    """A camera of a clip, and how its lens was settled, for the clip's metadata."""

    camera: Camera
    why: str


def pinhole(sequence: str) -> Camera:
    """The camera of TS1 to TS6 with focal length and centre alone, as D3DP has it."""
    calibration = _OUTDOORS if sequence in OUTDOORS else _STUDIO
    (width, height), (wide, high) = calibration.size, calibration.sensor
    return _camera(
        "cam0",
        calibration.size,
        (calibration.focal / wide * width, calibration.focal / high * height),
        (width / 2 + calibration.offset[0] / wide * width, height / 2 + calibration.offset[1] / high * height),
    )


def calibrated(sequence: str) -> Camera:
    """The same with pixel aspect and distortion.

    `posebench.cameras.distort` has the tangential term of VideoPose3D, in which p1 is the one along x: OpenCV's p2
    comes first. The two models then differ by under 0.7 px at the corners of these images.
    """
    calibration = _OUTDOORS if sequence in OUTDOORS else _STUDIO
    plain = pinhole(sequence)
    k1, k2, p1, p2, k3 = calibration.distortion
    focal = (plain.focal[0], plain.focal[1] * calibration.pixel_aspect)
    return _camera("cam0", calibration.size, focal, plain.center, (k1, k2, k3), (p2, p1))


def nearest_lens(sequence: str, poses: Array, pixels: Array, scored: Mask) -> Lens:
    """Of the two readings of the calibration the one under which the poses fall on their 2D, by the median distance."""
    lenses = {"pinhole": pinhole(sequence), "calibrated": calibrated(sequence)}
    medians = {
        name: float(np.median(reprojection_errors(poses[scored], pixels[scored], camera)))
        for name, camera in lenses.items()
    }
    best = min(medians, key=lambda name: medians[name])
    found = ", ".join(f"{name} {median:.2f} px" for name, median in medians.items())
    return Lens(lenses[best], f"{best}, by the median distance of the reprojected poses from the 2D: {found}")


def fitted_lens(name: str, poses: Array, pixels: Array) -> Lens:
    """The pinhole of least squares between camera-space poses and their 2D, in a training image (as mmpose fits it)."""
    solved = [_fit_line(poses[..., axis] / poses[..., 2], pixels[..., axis]) for axis in (0, 1)]
    camera = _camera(name, TRAIN_SIZE, (solved[0][0], solved[1][0]), (solved[0][1], solved[1][1]))
    return Lens(camera, "pinhole, fitted to the 2D by least squares: the file has no calibration")


def training_camera(
    name: str, size: tuple[int, int], focal: tuple[float, float], center: tuple[float, float]
) -> Camera:
    """A calibrated pinhole."""
    return _camera(name, size, focal, center)


def reprojection_errors(poses: Array, pixels: Array, camera: Camera) -> Array:
    """Distance in px (frames, joints) of camera-space poses from their 2D."""
    errors: Array = np.linalg.norm(project(poses, camera) - pixels, axis=-1)
    return errors


def _fit_line(x: Array, y: Array) -> tuple[float, float]:
    """Slope and intercept of least squares, rounded so that a store's bytes do not depend on the last bit."""
    slope, intercept = np.polyfit(x.ravel(), y.ravel(), 1)
    return round(float(slope), 6), round(float(intercept), 6)


def _camera(
    name: str,
    size: tuple[int, int],
    focal: tuple[float, float],
    center: tuple[float, float],
    radial: tuple[float, float, float] = (0.0, 0.0, 0.0),
    tangential: tuple[float, float] = (0.0, 0.0),
) -> Camera:
    return Camera(name, *size, focal, center, radial, tangential, UPRIGHT, ORIGIN)
