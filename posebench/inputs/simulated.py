"""The 2D sources `simulated`, `simulated-low`, `simulated-high`: the true projection with the errors of a detector.

The error of a joint is a vector in pixels: the person's size times the joint's
scale (`detector_severity.JOINT_ERRORS`) times a standard normal process with
memory. Confidence falls with large errors; left and right are swapped, joints
are missed, for stretches of frames. `docs/simulated-detector.md` has the
measurement behind the numbers, and its limits.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from posebench.datasets.sequence import Sequence, round_thousandth
from posebench.errors import UsageError
from posebench.inputs import detector_severity as measured
from posebench.inputs.detector_noise import Array, episodes, person_size, wander
from posebench.inputs.detector_severity import HIGH, JOINT_ERRORS, LOW, MID, Severity
from posebench.inputs.keypoints import Keypoints, KeypointSource
from posebench.inputs.projected import read_projected
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17

VERSION = "1"

#: Joints whose left and right are taken for each other together.
SWAP_GROUPS = (
    HUMAN36M_17.indices(("LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist")),
    HUMAN36M_17.indices(("LHip", "LKnee", "LFoot", "RHip", "RKnee", "RFoot")),
    HUMAN36M_17.left + HUMAN36M_17.right,
)


@dataclass(frozen=True)
class Blur:
    """What motion blur adds to the errors of a detector, joint by joint as they are in truth.

    `shift` is (frames, joints, 2) pixels, `clarity` (frames, joints) the factor of the confidence, at most 1, and
    `lost` (frames, joints) where nothing is found.
    """

    shift: Array
    clarity: Array
    lost: npt.NDArray[np.bool_]


def simulate_detections(sequence: Sequence, severity: Severity, seed: int = 0, blur: Blur | None = None) -> Keypoints:
    """Keypoints of a sequence as a detector might have found them.

    The noise is a function of (version, severity, seed, data set, sequence id)
    and the sequence's length and frame rate: never of its poses or of other
    sequences. `blur` comes on top of it, and leaves the noise as it is. A joint that is missing in the ground truth, that is missed, or
    that comes to lie outside of the image, is NaN with confidence 0. Pixels
    and confidence are on a grid of 0.001. Raises `UsageError` for a skeleton
    other than `human36m-17`.
    """
    if sequence.skeleton.name != HUMAN36M_17.name:
        raise UsageError(
            f"The 2D source 'simulated' knows the errors of {HUMAN36M_17.name!r} only, "
            f"and {sequence.info.dataset!r} has {sequence.skeleton.name!r}; use the source 'gt'."
        )
    frames, joints = sequence.poses.shape[:2]
    fps = sequence.info.fps
    stream = ("simulated", VERSION, severity.name, seed, sequence.info.dataset, sequence.info.id)
    # Two streams, each drawn frame by frame: the first frames of a sequence have the same noise as the whole one.
    normal = frozen_generator(*stream, "errors").standard_normal((frames, 7 * joints + 2))
    uniform = frozen_generator(*stream, "episodes").random_sample((frames, 2 * joints + len(SWAP_GROUPS)))

    true = read_projected(sequence).pixels.astype(np.float64)
    true[np.isinf(true)] = np.nan
    size = person_size(true, fps)
    error = _relative_error(normal[:, : 6 * joints + 2], uniform[:, :joints], severity, fps)
    confidence = _confidence(normal[:, 6 * joints + 2 :], error, severity, fps)
    exact = true + error * size[:, None, None]
    if blur is not None:
        exact += blur.shift
        exact[blur.lost] = np.nan
        confidence = np.maximum(confidence * blur.clarity, measured.CONFIDENCE_FLOOR).round(3)

    order = _swapped_order(uniform[:, 2 * joints :], true, size, severity, fps)
    exact = np.take_along_axis(exact, order[..., None], axis=1)
    confidence = np.take_along_axis(confidence, order, axis=1)

    pixels = round_thousandth(exact)
    missed = episodes(uniform[:, joints : 2 * joints], severity.miss_rate, severity.miss_seconds, fps)
    missed |= np.isnan(true).any(axis=-1)
    # Written so that a NaN, from a partner that is missing, is not inside.
    missed |= ~((pixels >= 0) & (pixels <= np.asarray(sequence.camera.image_size) - 1)).all(axis=-1)
    pixels[missed] = np.nan
    confidence[missed] = 0.0
    return Keypoints(pixels, confidence.astype(np.float32), sequence.camera.image_size)


def _relative_error(normal: Array, uniform: Array, severity: Severity, fps: float) -> Array:
    """Error vectors (frames, joints, 2) as a share of the person's size."""
    frames, joints = uniform.shape
    common = wander(normal[:, :2], measured.SLOW_SECONDS, fps)[:, None, :]
    own, fast, jitter = np.moveaxis(normal[:, 2:].reshape(frames, 3, joints, 2), 1, 0)
    own = wander(own, measured.SLOW_SECONDS, fps)
    slow = np.sqrt(measured.SLOW_COMMON) * common + np.sqrt(1.0 - measured.SLOW_COMMON) * own
    unit = (
        np.sqrt(measured.SLOW_SHARE) * slow
        + np.sqrt(measured.FAST_SHARE) * wander(fast, measured.FAST_SECONDS, fps)
        + np.sqrt(measured.JITTER_SHARE) * jitter
    )
    errors = [JOINT_ERRORS[name] for name in HUMAN36M_17.joints]
    share = np.array([error.poor_share for error in errors])
    poor = episodes(uniform, share / (1.0 - share) / measured.POOR_SECONDS, measured.POOR_SECONDS, fps)
    scale = np.where(poor, [error.poor for error in errors], [error.good for error in errors])
    relative: Array = severity.error_scale * scale[..., None] * unit
    return relative


def _confidence(normal: Array, error: Array, severity: Severity, fps: float) -> Array:
    """Confidence (frames, joints) in steps of 0.001, never 0: it falls where the error is large for this severity."""
    large = np.linalg.norm(error, axis=-1) / severity.error_scale - measured.CONFIDENCE_KNEE
    noise = wander(normal, measured.CONFIDENCE_SECONDS, fps)
    drop = measured.CONFIDENCE_SLOPE * np.maximum(large, 0.0)
    value = severity.confidence + measured.CONFIDENCE_SPREAD * noise - drop
    rounded: Array = np.round(np.clip(value, measured.CONFIDENCE_FLOOR, 1.0), 3)
    return rounded


def _swapped_order(uniform: Array, true: Array, size: Array, severity: Severity, fps: float) -> npt.NDArray[np.intp]:
    """For each frame and joint (frames, joints) the joint whose keypoint it is given: its own or its mirror's."""
    mirrored = np.asarray(HUMAN36M_17.mirrored)
    own = np.arange(HUMAN36M_17.num_joints)
    gap = np.linalg.norm(true - true[:, mirrored], axis=-1) / size[:, None]
    swapped = np.zeros(true.shape[:2], dtype=bool)
    for column, group in enumerate(SWAP_GROUPS):
        gaps = gap[:, list(group)]
        pairs = (~np.isnan(gaps)).sum(axis=1)
        # The mean over the pairs that are whole; without any there is nothing to exchange, whatever the rate.
        apart = np.nansum(gaps, axis=1) / np.maximum(pairs, 1)
        rate = severity.swap_rate / (1.0 + (apart / measured.SWAP_GAP) ** 2)
        active = episodes(uniform[:, [column]], rate[:, None], severity.swap_seconds, fps)
        swapped[:, list(group)] |= active
    return np.where(swapped, mirrored, own)


SIMULATED = KeypointSource("simulated", VERSION, partial(simulate_detections, severity=MID))
SIMULATED_LOW = KeypointSource("simulated-low", VERSION, partial(simulate_detections, severity=LOW))
SIMULATED_HIGH = KeypointSource("simulated-high", VERSION, partial(simulate_detections, severity=HIGH))

SOURCES = (SIMULATED, SIMULATED_LOW, SIMULATED_HIGH)
