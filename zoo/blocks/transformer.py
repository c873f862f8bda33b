"""The transformer block of the field: attention and a multilayer perceptron, each behind a norm and around a connection.

Vaswani et al. 2017 as Dosovitskiy et al. 2021 arrange it. Keys of the state dict are timm's (`attn.qkv`, `mlp.fc1`),
which the public lifters share.
"""

import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from torch import Tensor, nn
from torch.nn import functional

#: The public transformers of this field normalise with this epsilon, not torch's 1e-5.
EPSILON = 1e-6


def attend(query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0) -> Tensor:
    """softmax(query key^T / sqrt(dim)) value, for (..., tokens, dim); `dropout` is a share of the attention weights.

    torch's fused kernel, but where gradients are taken on a CPU: there its backward pass, made for long sequences,
    takes half of a training step with the 17 to 81 tokens of this field, and plain products take an eighth of that
    (`tests/benchmarks/test_training.py`).
    """
    if query.device.type == "cpu" and torch.is_grad_enabled():
        weights = ((query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)).softmax(dim=-1)
        return functional.dropout(weights.to(value.dtype), dropout) @ value
    return functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)


class Attention(nn.Module):
    """Multi-head self-attention over tokens (..., tokens, dim)."""

    def __init__(self, dim: int, num_heads: int, qkv_bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, dim) to the same."""
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.num_heads, dim // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = attend(query, key, value, self.dropout if self.training else 0.0)
        projected: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, tokens, dim))
        return projected


class CrossAttention(nn.Module):
    """Multi-head attention of tokens (batch, tokens, dim) to others (batch, others, dim)."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, others: Tensor) -> Tensor:
        """(batch, tokens, dim)."""
        batch, tokens, dim = x.shape
        query = self.q(x).view(batch, tokens, self.num_heads, -1).transpose(1, 2)
        key, value = self.kv(others).view(batch, others.shape[1], 2, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        projected: Tensor = self.proj(attend(query, key, value).transpose(1, 2).reshape(batch, tokens, dim))
        return projected


class Block(nn.Module):
    """x + attention(norm(x)), then x + perceptron(norm(x))."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        mlp_ratio: float = 2.0,
        qkv_bias: bool = True,
        drop_path: float = 0.0,
        epsilon: float = EPSILON,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=epsilon)
        self.attn = Attention(dim, num_heads, qkv_bias)
        self.norm2 = nn.LayerNorm(dim, eps=epsilon)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """(batch, tokens, dim) to the same; `beside`, of that shape, is added where attention is."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        if beside is not None:
            x = x + beside
        added: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return added
