"""Where coordinates go into a network and come out of it, autocast keeps its hands off.

bfloat16 has eight bits of a number: 4 mm of a metre, 4 pixels of a thousand. Between, tokens bear it; the products here are a
hundredth of all.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def full_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`functional.linear` in float32, under autocast too."""
    # Autocast knows no meta device, on which shapes are counted.
    kind = "cpu" if x.device.type == "meta" else x.device.type
    with torch.autocast(kind, enabled=False):
        return functional.linear(x.float(), weight, bias)


class FullLinear(nn.Linear):
    """`nn.Linear` in float32, under autocast too; the same parameters."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return full_linear(input, self.weight, self.bias)
