"""A simple yet effective baseline for 3D pose: a residual multilayer perceptron on one frame.

Martinez, Hossain, Romero, Little, ICCV 2017, section 3. The state dict of
`ResidualPerceptron` has the layout of the public PyTorch code
(weigq/3d_pose_baseline_pytorch), 4,291,632 parameters as published.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from posebench.prediction.lifter import LifterInputs
from posebench.skeletons import HUMAN36M_17
from zoo import specs
from zoo.lifters.normalisation import find_normaliser

#: The published network sees all joints but Neck/Nose ...
INPUT_JOINTS = tuple(joint for joint in range(17) if HUMAN36M_17.joints[joint] != "Neck/Nose")
#: ... and places all joints but Hip, which is the origin.
OUTPUT_JOINTS = tuple(range(1, 17))


class ResidualStage(nn.Module):
    """Two layers of Linear, BatchNorm, ReLU, Dropout with a connection around them."""

    def __init__(self, linear_size: int, dropout: float) -> None:
        super().__init__()
        self.w1 = nn.Linear(linear_size, linear_size)
        self.batch_norm1 = nn.BatchNorm1d(linear_size)
        self.w2 = nn.Linear(linear_size, linear_size)
        self.batch_norm2 = nn.BatchNorm1d(linear_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, linear_size) to the same."""
        y: Tensor = self.dropout(functional.relu(self.batch_norm1(self.w1(x))))
        y = self.dropout(functional.relu(self.batch_norm2(self.w2(y))))
        return x + y


class ResidualPerceptron(nn.Module):
    """Standardised keypoints (batch, 32) to standardised poses (batch, 48)."""

    def __init__(self, linear_size: int = 1024, num_stage: int = 2, dropout: float = 0.5) -> None:
        super().__init__()
        self.w1 = nn.Linear(2 * len(INPUT_JOINTS), linear_size)
        self.batch_norm1 = nn.BatchNorm1d(linear_size)
        self.linear_stages = nn.ModuleList(ResidualStage(linear_size, dropout) for _ in range(num_stage))
        self.w2 = nn.Linear(linear_size, 3 * len(OUTPUT_JOINTS))
        self.dropout = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Flattened as joint by joint, coordinates innermost."""
        x = self.dropout(functional.relu(self.batch_norm1(self.w1(x))))
        for stage in self.linear_stages:
            x = stage(x)
        return self.w2(x)  # type: ignore[no-any-return]


class SimpleBaseline(nn.Module):
    """The lifter around the network: normalise, standardise, lift one frame, back to mm.

    `normalize`
        How pixels become inputs, see `zoo.lifters.normalisation`; public checkpoints standardise `pixels`.
    `fps`
        Frame rate of the training data; only declared.

    Mean and deviation of inputs and outputs are buffers: a real checkpoint needs them beside its weights.
    """

    mean_2d: Tensor
    deviation_2d: Tensor
    mean_3d: Tensor
    deviation_3d: Tensor

    def __init__(
        self,
        linear_size: int = 1024,
        num_stage: int = 2,
        dropout: float = 0.5,
        normalize: str = "pixels",
        fps: float | None = specs.PUBLISHED_FPS,
    ) -> None:
        super().__init__()
        self.spec = specs.simple_baseline({"fps": fps})
        self.normalise = find_normaliser(normalize)
        self.network = ResidualPerceptron(linear_size, num_stage, dropout)
        self.register_buffer("mean_2d", torch.zeros(len(INPUT_JOINTS), 2))
        self.register_buffer("deviation_2d", torch.ones(len(INPUT_JOINTS), 2))
        self.register_buffer("mean_3d", torch.zeros(len(OUTPUT_JOINTS), 3))
        self.register_buffer("deviation_3d", torch.ones(len(OUTPUT_JOINTS), 3))

    def standardise(self, inputs: Tensor, poses: Tensor) -> None:
        """Take mean and deviation of the training data: normalised inputs (n, 17, 2), root-relative mm (n, 17, 3)."""
        seen, placed = inputs[:, INPUT_JOINTS].double(), poses[:, OUTPUT_JOINTS].double()
        self.mean_2d.copy_(seen.mean(0))
        self.mean_3d.copy_(placed.mean(0))
        # A coordinate that never changes would otherwise be divided by 0.
        self.deviation_2d.copy_(seen.std(0).clamp(min=1e-6))
        self.deviation_3d.copy_(placed.std(0).clamp(min=1e-6))

    def forward(self, windows: Tensor) -> Tensor:
        """Normalised windows (batch, 1, 17, 2) to root-relative mm (batch, 1, 17, 3); the Hip is the origin."""
        standard = (windows[:, 0, INPUT_JOINTS] - self.mean_2d) / self.deviation_2d
        output = self.network(standard.flatten(1)).float().view(-1, 1, *self.mean_3d.shape)
        return functional.pad(output * self.deviation_3d + self.mean_3d, (0, 0, 1, 0))

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, 1, 17, 3), root-relative camera mm."""
        poses: Tensor = self(self.normalise(inputs.keypoints, inputs.image_size))
        return poses
