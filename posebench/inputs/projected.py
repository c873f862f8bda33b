"""The 2D source `gt`: the true pose projected with lens distortion, confidence 1."""

import numpy as np

from posebench.cameras import project
from posebench.datasets.sequence import Sequence, round_thousandth
from posebench.inputs.keypoints import Keypoints, KeypointSource


def read_projected(sequence: Sequence) -> Keypoints:
    """Exact keypoints of a sequence, on the grid of 0.001 px; a missing joint stays NaN with confidence 0."""
    pixels = round_thousandth(project(sequence.poses, sequence.camera))
    confidence = np.where(np.isnan(pixels).any(axis=-1), 0.0, 1.0).astype(np.float32)
    return Keypoints(pixels, confidence, sequence.camera.image_size)


PROJECTED = KeypointSource(name="gt", version="1", read=read_projected)
