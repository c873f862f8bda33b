"""The 2D source `gt`: where the true pose is in the image, with lens distortion, confidence 1."""

import numpy as np

from posebench.cameras import project
from posebench.datasets.sequence import IMAGE25D, Sequence, round_thousandth
from posebench.inputs.keypoints import Keypoints, KeypointSource
from posebench.inputs.stored import stored_source


def read_projected(sequence: Sequence) -> Keypoints:
    """Exact keypoints of a sequence, on the grid of 0.001 px; a missing joint stays NaN with confidence 0.

    Where the data set has no camera space (a 2.5D truth) they are those that it stores under this name.
    """
    if sequence.truth == IMAGE25D:
        return stored_source(PROJECTED.name).read(sequence)
    pixels = round_thousandth(project(sequence.poses, sequence.camera))
    # Not `any` over the last axis: for two values it takes ten times as long.
    missing = np.isnan(pixels[..., 0]) | np.isnan(pixels[..., 1])
    return Keypoints(pixels, (~missing).astype(np.float32), sequence.camera.image_size)


PROJECTED = KeypointSource(name="gt", version="1", read=read_projected)
