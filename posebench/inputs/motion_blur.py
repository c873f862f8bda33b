"""The 2D source `simulated-blur`: the simulated detector on frames with motion blur.

While the shutter is open a fast joint draws a streak. A detector finds it anywhere along the streak, is less sure, and
misses it more often. The throwing wrist of a pitcher moves at 20 m/s, most joints of most motions at 1 or 2. All
other errors are those of `simulated`, to the bit: the difference between the two sources is the blur. The exposure is
a broadcast's, the rest a guess (`docs/motion-blur.md`).
"""

import numpy as np

from posebench.datasets.sequence import Sequence
from posebench.inputs import simulated
from posebench.inputs.detector_noise import Array, person_size
from posebench.inputs.detector_severity import MID
from posebench.inputs.keypoints import Keypoints, KeypointSource
from posebench.inputs.projected import read_projected
from posebench.seeding import frozen_generator

#: Of the blur, then of the detector under it.
VERSION = f"1.{simulated.VERSION}"

#: How long the shutter is open; a frame's whole time where that is shorter.
EXPOSURE_SECONDS = 1 / 250
#: Length of a streak, as a share of the person's size, by which confidence falls to 1/e.
FADE = 0.15
#: Length at which a joint is missed in all but 1/e of the frames: twice that of the wrist at 20 m/s.
LOSS = 0.1


def simulate_blurred_detections(sequence: Sequence, seed: int = 0) -> Keypoints:
    """Keypoints of a sequence as `simulate_detections` makes them at the severity mid, from blurred frames.

    Raises `UsageError` for a skeleton other than `human36m-17`.
    """
    return simulated.simulate_detections(sequence, MID, seed, motion_blur(sequence, seed))


def motion_blur(sequence: Sequence, seed: int = 0) -> simulated.Blur:
    """The blur of every frame and joint; none for a joint at rest, or that is missing.

    A point of the streak is drawn uniformly, in each frame anew. The streak is the velocity in the image, a mean over
    the two frames around, times the exposure. So a low frame rate rounds the peak of a fast motion off.
    """
    true = read_projected(sequence).pixels.astype(np.float64)
    true[np.isinf(true)] = np.nan
    frames, joints = true.shape[:2]
    fps = sequence.info.fps
    stream = ("simulated-blur", VERSION, seed, sequence.info.dataset, sequence.info.id)
    uniform = frozen_generator(*stream).random_sample((frames, 2 * joints))
    streak = _velocity(true, fps) * min(EXPOSURE_SECONDS, 1 / fps)
    length = np.linalg.norm(streak, axis=-1)
    # Without a size nothing is there to blur.
    relative = np.where(length > 0, length / person_size(true, fps)[:, None], 0.0)
    return simulated.Blur(
        shift=(uniform[:, :joints, None] - 0.5) * streak,
        clarity=np.exp(-relative / FADE),
        lost=uniform[:, joints:] < -np.expm1(-((relative / LOSS) ** 2)),
    )


def _velocity(pixels: Array, fps: float) -> Array:
    """Pixels a second (frames, joints, 2): the mean of the steps before and after, of one where the other is missing."""
    step = np.diff(pixels, axis=0) * fps
    none = np.full((1, *pixels.shape[1:]), np.nan)
    around = np.stack([np.concatenate([none, step]), np.concatenate([step, none])])
    there = np.isfinite(around)
    velocity: Array = np.where(there, around, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return velocity


MOTION_BLUR = KeypointSource("simulated-blur", VERSION, simulate_blurred_detections)
