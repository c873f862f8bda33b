"""2D sources of a data set's own files: what a detector or the owner found, read from the store."""

import numpy as np

from posebench.datasets.clip import StoredKeypoints
from posebench.datasets.sequence import Sequence
from posebench.errors import DataMissingError
from posebench.inputs.keypoints import Keypoints, KeypointSource

#: Stored numbers are part of the data set's fingerprint: only the way of reading them has a version.
VERSION = "1"


def stored_source(name: str) -> KeypointSource:
    """The source that reads the keypoints stored under a name."""

    def read(sequence: Sequence) -> Keypoints:
        if name not in sequence.keypoints:
            here = ", ".join(sequence.keypoints) or "none"
            raise DataMissingError(
                f"{sequence.info.dataset!r} was prepared without the 2D source {name!r} (it has {here}); "
                "put its file beside the others and prepare the data set again, or choose another with --keypoints."
            )
        return as_keypoints(sequence.keypoints[name], sequence.camera.image_size)

    return KeypointSource(name, VERSION, read)


def as_keypoints(stored: StoredKeypoints, image_size: tuple[int, int]) -> Keypoints:
    """What a store holds as what a lifter is shown: NaN and confidence 0 at the same joints, confidence 1 without one."""
    pixels = np.array(stored.pixels)
    missing = np.isnan(pixels[..., 0]) | np.isnan(pixels[..., 1])
    confidence = np.ones(missing.shape, np.float32) if stored.confidence is None else np.array(stored.confidence)
    if stored.confidence is not None:
        missing |= confidence == 0
    pixels[missing] = np.nan
    confidence[missing] = 0.0
    return Keypoints(pixels, confidence, image_size)
