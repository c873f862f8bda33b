"""What the motion seems to be, from keypoints alone: a learned prompt, read by a text encoder.

DreamPose3D (arXiv 2511.09502), action prompt learning, as secondary descriptions have it: a transformer reads the keypoints,
a decoder (average over time, deconvolution, one hidden layer) makes soft action tokens of that, a text encoder reads
them behind a subject, and a perceptron makes the condition. In training, what the text encoder returns is drawn to
the name of the true action; at inference no label is used. Sizes are this project's choice, and so is that the
condition has several tokens, since attention to a single one would be no choice.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.blocks.transformer import EPSILON, Block


class Prompt(NamedTuple):
    """The condition of a window: `vector` (batch, dim) and `tokens` (batch, tokens, dim); `features` of the text encoder."""

    vector: Tensor
    tokens: Tensor
    features: Tensor


class TextEncoder(Protocol):
    """Reads `tokens` soft tokens of `width` channels, and actions by their names, into `features` channels."""

    width: int
    features: int
    tokens: int

    def __call__(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, width) to (batch, features)."""
        ...

    def names(self, names: Sequence[str]) -> Tensor:
        """(names, features)."""
        ...


class MotionReader(nn.Module):
    """The sequence encoder E and the prompt decoder phi: keypoints (batch, frames, joints, 2) to soft tokens."""

    def __init__(self, frames: int, joints: int, dim: int, depth: int, heads: int, tokens: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(2 * joints, dim)
        self.position = nn.Parameter(torch.randn(1, frames, dim) * 0.02)
        self.blocks = nn.Sequential(*(Block(dim, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=EPSILON)
        self.unfold = nn.ConvTranspose1d(dim, dim, tokens)
        self.perceptron = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, width))

    def forward(self, keypoints: Tensor) -> Tensor:
        """(batch, tokens, width)."""
        read = self.norm(self.blocks(self.embed(keypoints.flatten(2)) + self.position))
        unfolded = self.unfold(read.mean(dim=1)[..., None]).transpose(1, 2)
        return self.perceptron(unfolded)  # type: ignore[no-any-return]


class FixedTokens(nn.Module):
    """Tokens drawn once and never learned, whatever the keypoints: the ablation's random prompt."""

    drawn: Tensor

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.register_buffer("drawn", torch.randn(tokens, width))

    def forward(self, keypoints: Tensor) -> Tensor:
        """(batch, tokens, width)."""
        return self.drawn.expand(len(keypoints), -1, -1)


class ActionPrompt(nn.Module):
    """Normalised keypoints to the `Prompt` of their motion.

    `reader`
        Keypoints to soft tokens of the text encoder.
    `actions`
        Names, in the order of `logits`.
    `dim`, `condition_tokens`
        Of the condition.
    """

    def __init__(
        self, reader: nn.Module, text: TextEncoder, actions: Sequence[str], dim: int, condition_tokens: int
    ) -> None:
        super().__init__()
        self.actions, self.dim = tuple(actions), dim
        self.reader, self.text = reader, text
        self.perceptron = nn.Sequential(
            nn.Linear(text.features, dim), nn.GELU(), nn.Linear(dim, (1 + condition_tokens) * dim)
        )
        # CLIP's: likeness is divided by a learned temperature that begins at 0.07.
        self.sharpness = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, keypoints: Tensor) -> Prompt:
        """(batch, frames, joints, 2)."""
        features = self.text(self.reader(keypoints))
        condition = self.perceptron(features).view(len(features), -1, self.dim)
        return Prompt(condition[:, 0], condition[:, 1:], features)

    def logits(self, features: Tensor) -> Tensor:
        """How like a prompt is to each action's name, (batch, actions), for a softmax: cosines over a temperature."""
        named = self.text.names(self.actions)
        likeness = functional.normalize(features, dim=-1) @ functional.normalize(named, dim=-1).T
        return likeness * self.sharpness.clamp(max=math.log(100.0)).exp()
