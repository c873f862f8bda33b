"""The numbers of the simulated detector: what was measured, and how the three severities turn it.

`tools/measure_detector.py` prints the measurement that the constants come
from; `docs/simulated-detector.md` says how little it was fitted to. Changing a
number here changes every protocol with a simulated source: raise `VERSION` of
`posebench.inputs.simulated`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class JointError:
    """The error of one joint: normal around the truth in x and y, mostly seen well, at times badly.

    The mixture of two normals is the contaminated normal of Tukey (1960). It
    has the measured heavy tail and, other than a Student t with the measured 1
    to 2 degrees of freedom, it has a variance.
    """

    good: float
    """Standard deviation in x and in y while the joint is seen well, as a share of the person's size."""
    poor: float
    """The same while it is seen badly."""
    poor_share: float
    """Share of the time in which it is seen badly."""


#: Fitted to the quantiles of the measured errors, left and right together.
JOINT_ERRORS = {
    "Hip": JointError(0.0118, 0.0289, 0.30),
    "RHip": JointError(0.0085, 0.0462, 0.35),
    "RKnee": JointError(0.0094, 0.0387, 0.35),
    "RFoot": JointError(0.0132, 0.0456, 0.02),
    "LHip": JointError(0.0085, 0.0462, 0.35),
    "LKnee": JointError(0.0094, 0.0387, 0.35),
    "LFoot": JointError(0.0132, 0.0456, 0.02),
    "Spine": JointError(0.0089, 0.0241, 0.35),
    "Thorax": JointError(0.0078, 0.0290, 0.35),
    "Neck/Nose": JointError(0.0126, 0.0587, 0.02),
    "Head": JointError(0.0092, 0.0389, 0.35),
    "LShoulder": JointError(0.0081, 0.0389, 0.35),
    "LElbow": JointError(0.0107, 0.0347, 0.33),
    "LWrist": JointError(0.0153, 0.1804, 0.05),
    "RShoulder": JointError(0.0081, 0.0389, 0.35),
    "RElbow": JointError(0.0107, 0.0347, 0.33),
    "RWrist": JointError(0.0153, 0.1804, 0.05),
}


@dataclass(frozen=True)
class Severity:
    """How bad the detector is. Rates are per second of recording, so the frame rate does not matter."""

    name: str
    """The suffix of the 2D source, and part of the name of the random stream."""
    error_scale: float
    """All errors are multiplied by this; 1 is what was measured."""
    swap_rate: float
    """Left-right swaps per second of one group (arms, legs, whole body) whose left and right coincide in the image."""
    swap_seconds: float
    """Mean length of a swap."""
    miss_rate: float
    """Misses per second of one joint that is there."""
    miss_seconds: float
    """Mean length of a miss."""
    confidence: float
    """Mean confidence of a joint with a small error."""


LOW = Severity("low", 0.5, swap_rate=0.0, swap_seconds=0.15, miss_rate=0.01, miss_seconds=0.1, confidence=0.75)
MID = Severity("mid", 1.0, swap_rate=0.1, swap_seconds=0.15, miss_rate=0.04, miss_seconds=0.1, confidence=0.64)
HIGH = Severity("high", 2.0, swap_rate=0.4, swap_seconds=0.3, miss_rate=0.1, miss_seconds=0.2, confidence=0.5)

#: The error's variance is the sum of three parts, each with its own memory: an offset that depends on view and
#: clothing, a wander, and noise that is new in each frame. With the stretches of bad sight they give the measured
#: autocorrelation from 1 to 30 frames at 60 Hz.
SLOW_SHARE = 0.52
FAST_SHARE = 0.20
JITTER_SHARE = 0.28
#: Seconds in which correlation falls to 1/e. The measured clip lasts 1.7 s: how long the offset stays is a guess.
SLOW_SECONDS = 6.0
FAST_SECONDS = 0.075
#: Share of the slow part that all joints have in common.
SLOW_COMMON = 0.5

#: Mean length in seconds of a stretch in which a joint is seen badly.
POOR_SECONDS = 1.0

#: Confidence wanders around its mean by this, with this memory in seconds.
CONFIDENCE_SPREAD = 0.065
CONFIDENCE_SECONDS = 0.026
#: Errors up to this share of the person's size, in units of the severity, leave no trace in the confidence.
CONFIDENCE_KNEE = 0.05
#: Above, it falls by this for every 1.0 of the person's size.
CONFIDENCE_SLOPE = 1.0
#: A joint that was found at all has at least this confidence.
CONFIDENCE_FLOOR = 0.05

#: Distance of left and right, as a share of the person's size, at which swaps are half as frequent.
SWAP_GAP = 0.1
