"""The lifter around a network that gives a pose for every frame of its window."""

from torch import Tensor, nn

from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec
from zoo.lifters.normalisation import find_normaliser

MILLIMETRES = 1000.0


class Seq2SeqLifter(nn.Module):
    """Normalise, lift all frames of the window, metres to mm.

    `network`
        Normalised windows (batch, window, 17, 2) to metres (batch, window, 17, 3).
    `normalize`
        How pixels become inputs, see `zoo.lifters.normalisation`; published networks see the `screen`.
    """

    def __init__(self, network: nn.Module, spec: LifterSpec, normalize: str) -> None:
        super().__init__()
        self.spec = spec
        self.normalise = find_normaliser(normalize)
        self.network = network

    def forward(self, windows: Tensor) -> Tensor:
        """Normalised windows (batch, window, 17, 2) to root-relative mm (batch, window, 17, 3)."""
        return self.network(windows).float() * MILLIMETRES  # type: ignore[no-any-return]

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, window, 17, 3), root-relative camera mm."""
        poses: Tensor = self(self.normalise(inputs.keypoints, inputs.image_size))
        return poses
