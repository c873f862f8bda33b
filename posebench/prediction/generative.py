"""What a prior of poses offers beside lifting: drawing poses, completing and denoising them (`LifterSpec.generates`).

All poses are root-relative mm (frames, 17, 3) in Human3.6M's joints, joint 0 the origin, in the axes of a camera that sees
the person: x right, y down, z forward. `frames` is the spec's window. Noise comes from the streams that are handed in, one
a window, so that it does not depend on the device or on what is drawn beside.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor

from posebench.prediction.lazy_streams import Streams
from posebench.prediction.lifter import Lifter, LifterInputs


@runtime_checkable
class GenerativeLifter(Lifter, Protocol):
    """A lifter that knows how people hold themselves without seeing one."""

    def generate(self, streams: Streams) -> Tensor:
        """Poses or motions (windows, frames, joints, 3) of the prior alone, one for each stream."""
        ...

    def complete(self, inputs: LifterInputs, known: Tensor) -> Tensor:
        """Poses (windows, hypotheses, frames, joints, 3) that agree with what is known.

        `known` is (windows, frames, joints, 3) mm, NaN where a joint is to be
        found; the root is always known. `inputs.keypoints` are NaN, with
        confidence 0, where a joint is not seen: whatever the spec declares of
        missing joints, none is filled in. Without any 2D `inputs.heatmaps` is
        None. What comes back where a joint was known is not looked at.
        """
        ...

    def denoise(self, noisy: Tensor, deviation: float, streams: Streams) -> Tensor:
        """Poses (windows, hypotheses, frames, joints, 3) that `noisy` (windows, frames, joints, 3) may have been.

        `noisy` has normal noise of `deviation` mm in each coordinate of each
        joint but the root.
        """
        ...
