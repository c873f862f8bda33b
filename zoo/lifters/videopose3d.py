"""3D human pose estimation in video with temporal convolutions.

Pavllo, Feichtenhofer, Grangier, Auli, CVPR 2019, section 3 and appendix A.5.
The state dict of `TemporalNetwork` has the layout of the public code,
16,952,371 parameters for the published 243 frames.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from posebench.prediction.lifter import LifterInputs
from zoo import specs
from zoo.lifters.normalisation import find_normaliser

MILLIMETRES = 1000.0


class TemporalNetwork(nn.Module):
    """Dilated convolutions over time with residual connections and no padding.

    `forward` slides over a sequence; `forward_window` is the strided twin of
    appendix A.5 that computes one output frame from one receptive field
    without the steps in between. Both read the same weights.
    """

    def __init__(
        self,
        filter_widths: Sequence[int] = specs.FILTER_WIDTHS,
        channels: int = 1024,
        causal: bool = False,
        dropout: float = 0.25,
        joints_in: int = 17,
        joints_out: int = 17,
    ) -> None:
        super().__init__()
        specs.receptive_field(filter_widths)
        self.filter_widths = tuple(filter_widths)
        self.causal = causal
        self.joints_out = joints_out
        self.expand_conv = nn.Conv1d(2 * joints_in, channels, self.filter_widths[0], bias=False)
        self.expand_bn = nn.BatchNorm1d(channels)
        convolutions: list[nn.Module] = []
        dilation = self.filter_widths[0]
        for width in self.filter_widths[1:]:
            convolutions.append(nn.Conv1d(channels, channels, width, dilation=dilation, bias=False))
            convolutions.append(nn.Conv1d(channels, channels, 1, bias=False))
            dilation *= width
        self.layers_conv = nn.ModuleList(convolutions)
        self.layers_bn = nn.ModuleList(nn.BatchNorm1d(channels) for _ in convolutions)
        self.shrink = nn.Conv1d(channels, 3 * joints_out, 1)
        self.dropout = nn.Dropout(dropout)

    def _activate(self, x: Tensor, norm: nn.Module) -> Tensor:
        activated: Tensor = self.dropout(functional.relu(norm(x)))
        return activated

    def forward(self, x: Tensor) -> Tensor:
        """Normalised keypoints (batch, frames, joints, 2) to metres (batch, frames - window + 1, joints, 3)."""
        x = x.flatten(2).transpose(1, 2)
        x = self._activate(self.expand_conv(x), self.expand_bn)
        dilation = self.filter_widths[0]
        for block, width in enumerate(self.filter_widths[1:]):
            span = dilation * (width - 1)
            # The frame that an output stands for: the middle of what it sees, or the newest.
            first = span if self.causal else span // 2
            kept = x[:, :, first : x.shape[2] - span + first]
            x = self._activate(self.layers_conv[2 * block](x), self.layers_bn[2 * block])
            x = kept + self._activate(self.layers_conv[2 * block + 1](x), self.layers_bn[2 * block + 1])
            dilation *= width
        x = self.shrink(x).transpose(1, 2)
        return x.reshape(*x.shape[:2], self.joints_out, 3)

    def forward_window(self, x: Tensor) -> Tensor:
        """Normalised windows (batch, receptive field, joints, 2) to metres (batch, 1, joints, 3).

        A convolution with a stride of its own width is a matrix product over
        blocks of frames, which is how it is computed.
        """
        x = x.flatten(2)
        width = self.filter_widths[0]
        x = self._activate_rows(_blockwise(x, self.expand_conv, width), self.expand_bn)
        for block, width in enumerate(self.filter_widths[1:]):
            kept = x[:, width - 1 if self.causal else width // 2 :: width]
            wide, narrow = self.layers_conv[2 * block], self.layers_conv[2 * block + 1]
            # What the dilated filter reads `dilation` frames apart lies side by side here.
            x = self._activate_rows(_blockwise(x, wide, width), self.layers_bn[2 * block])
            x = kept + self._activate_rows(_blockwise(x, narrow, 1), self.layers_bn[2 * block + 1])
        x = functional.linear(x, self.shrink.weight[:, :, 0], self.shrink.bias)
        return x.reshape(*x.shape[:2], self.joints_out, 3)

    def _activate_rows(self, x: Tensor, norm: nn.Module) -> Tensor:
        return self._activate(x.flatten(0, 1), norm).view(x.shape)


def _blockwise(x: Tensor, convolution: nn.Module, width: int) -> Tensor:
    """(batch, frames, channels) to (batch, frames / width, channels out): the bare convolution with stride `width`."""
    weight: Tensor = convolution.weight  # type: ignore[assignment]
    blocks = x.reshape(x.shape[0], -1, width * x.shape[2])
    return functional.linear(blocks, weight.transpose(1, 2).flatten(1))


class VideoPose3D(nn.Module):
    """The lifter around the network: normalise, slide over the sequence, metres to mm.

    `normalize`
        How pixels become inputs, see `zoo.lifters.normalisation`; the published networks see the `screen`.
    `fps`
        Frame rate of the training data; only declared.
    """

    def __init__(
        self,
        filter_widths: Sequence[int] = specs.FILTER_WIDTHS,
        channels: int = 1024,
        causal: bool = False,
        dropout: float = 0.25,
        normalize: str = "screen",
        fps: float | None = specs.PUBLISHED_FPS,
    ) -> None:
        super().__init__()
        self.spec = specs.videopose3d({"filter_widths": filter_widths, "causal": causal, "fps": fps})
        self.normalise = find_normaliser(normalize)
        self.network = TemporalNetwork(filter_widths, channels, causal, dropout)

    def forward(self, windows: Tensor) -> Tensor:
        """Normalised windows (batch, window, 17, 2) to the root-relative mm (batch, 1, 17, 3) of one frame of each."""
        return self.network.forward_window(windows).float() * MILLIMETRES

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, frames - window + 1, 17, 3), root-relative camera mm."""
        poses: Tensor = self.network(self.normalise(inputs.keypoints, inputs.image_size))
        return poses * MILLIMETRES
