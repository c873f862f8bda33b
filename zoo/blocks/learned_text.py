"""A small text encoder of its own, trained with the lifter: for a prompt without any pretrained model."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from zoo.blocks.transformer import EPSILON, Block


class LearnedText(nn.Module):
    """Soft action tokens behind learned subject tokens, read at a last token; every action's name is a learned vector.

    It has the interface of `zoo.blocks.clip_text.ClipText`, and takes its place where nothing shall be downloaded.
    `actions` are the names that it can be asked for.
    """

    def __init__(
        self,
        actions: Sequence[str],
        width: int = 64,
        features: int = 128,
        tokens: int = 8,
        subject: int = 4,
        depth: int = 1,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.width, self.features, self.tokens = width, features, tokens
        self.actions = tuple(actions)
        self.subject = nn.Parameter(torch.randn(subject, width) * 0.02)
        self.reader = nn.Parameter(torch.randn(1, width) * 0.02)
        self.position = nn.Parameter(torch.randn(subject + tokens + 1, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.project = nn.Linear(width, features, bias=False)
        self.vectors = nn.Parameter(torch.randn(len(self.actions), features) * features**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, width) to (batch, features)."""
        before, after = (given.expand(len(tokens), -1, -1) for given in (self.subject, self.reader))
        x = self.blocks(torch.cat([before, tokens, after], dim=1) + self.position)
        return self.project(self.norm(x[:, -1]))  # type: ignore[no-any-return]

    def names(self, names: Sequence[str]) -> Tensor:
        """The vectors (names, features) of actions; raises `UsageError` for a name that it was not made with."""
        unknown = [name for name in names if name not in self.actions]
        if unknown:
            raise UsageError(f"The action {unknown[0]!r} is none of the learned ones: {', '.join(self.actions)}.")
        return self.vectors[[self.actions.index(name) for name in names]]
