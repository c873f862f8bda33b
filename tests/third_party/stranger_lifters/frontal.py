"""A lifter of one parameter: the length of everybody's torso."""

import torch
from torch import Tensor, nn

from posebench import LifterInputs

THORAX = 8


class Frontal(nn.Module):
    """The keypoints scaled until hip to thorax has the learned length (mm); no joint has depth."""

    def __init__(self, torso: float = 500.0) -> None:
        super().__init__()
        self.torso = nn.Parameter(torch.tensor(torso))

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, 1, 17, 2) pixels to (batch, 1, 17, 3) mm about the hip."""
        flat = inputs.keypoints - inputs.keypoints[:, :, :1]
        pixels = flat[:, :, THORAX].norm(dim=-1).clamp(min=1.0)
        flat = flat * (self.torso / pixels)[..., None, None]
        return torch.cat([flat, torch.zeros_like(flat[..., :1])], dim=-1)
