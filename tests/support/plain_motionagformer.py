"""MotionAGFormer as the public code computes it, written down a second time without any of the zoo's blocks."""

import torch
from torch import Tensor
from torch.nn import functional

LIMBS = (
    (0, 1),
    (1, 2),
    (2, 3),
    (4, 5),
    (5, 6),
    (0, 7),
    (7, 8),
    (8, 9),
    (9, 10),
    (11, 12),
    (12, 13),
    (14, 15),
    (15, 16),
)
NORM_PARTS = ("running_mean", "running_var", "weight", "bias")


class Plain:
    """The network as the public code computes it, from the public keys, a function of names and shapes alone."""

    def __init__(self, weights: dict[str, Tensor], heads: int, neighbours: int, reach: int | None) -> None:
        self.w, self.heads, self.neighbours, self.reach = weights, heads, neighbours, reach

    def linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"))

    def norm(self, x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def batch_norm(self, x: Tensor, name: str) -> Tensor:
        mean, variance, weight, bias = (self.w[f"{name}.{part}"] for part in NORM_PARTS)
        return functional.batch_norm(x, mean, variance, weight, bias)

    def attention(self, x: Tensor, name: str) -> Tensor:
        shape = (*x.shape[:2], self.heads, -1)
        query, key, value = (part.reshape(shape) for part in self.linear(x, f"{name}.qkv").chunk(3, -1))
        scores = torch.einsum("gqhc,gkhc->ghqk", query, key) / query.shape[-1] ** 0.5
        return self.linear(torch.einsum("ghqk,gkhc->gqhc", scores.softmax(-1), value).flatten(2), f"{name}.proj")

    def graph(self, x: Tensor, name: str) -> Tensor:
        nodes = x.shape[1]
        adjacency = torch.zeros(len(x), nodes, nodes, dtype=x.dtype)
        if "spatial" in name:
            # Along the limbs both ways; outwards only from Hip to left hip and from Thorax to the shoulders.
            for one, other in LIMBS:
                adjacency[:, one, other] = adjacency[:, other, one] = 1
            for joint, heard in ((4, 0), (11, 8), (14, 8)):
                adjacency[:, joint, heard] = 1
        elif self.reach is None:
            similarity = torch.einsum("gac,gbc->gab", x, x)
            # Frames that a ReLU has silenced are equally unlike all others: then all of them tie.
            least = similarity.sort(dim=-1, descending=True).values[..., self.neighbours - 1, None]
            adjacency[similarity >= least] = 1
        else:
            for frame in range(nodes):
                adjacency[:, frame, frame : frame + self.reach + 1] = 1
        degree = torch.diag_embed(adjacency.sum(-1) ** -0.5)
        heard_of = degree @ adjacency @ degree @ self.linear(x, f"{name}.V")
        return (x + self.batch_norm(heard_of + self.linear(x, f"{name}.U"), f"{name}.batch_norm")).relu()

    def convolutions(self, x: Tensor, name: str) -> Tensor:
        w, channels, parts = self.w, x.transpose(1, 2), []
        for index in range(4):
            branch = f"{name}.branches.{index}"
            part = functional.conv1d(channels, w[f"{branch}.0.weight"][..., 0], w[f"{branch}.0.bias"])
            part = self.batch_norm(part, f"{branch}.1")
            if index < 2:
                kernel, step = w[f"{branch}.3.conv.weight"][..., 0], index + 1
                part = functional.conv1d(
                    part.relu(), kernel, w[f"{branch}.3.conv.bias"], padding=2 * step, dilation=step
                )
                part = self.batch_norm(part, f"{branch}.3.bn")
            elif index == 2:
                part = self.batch_norm(functional.max_pool1d(part.relu(), 3, 1, 1), f"{branch}.4")
            parts.append(part)
        return x + torch.cat(parts, dim=1).transpose(1, 2)

    def mixer(self, x: Tensor, name: str) -> Tensor:
        if f"{name}.qkv.weight" in self.w:
            return self.attention(x, name)
        return self.graph(x, name) if f"{name}.U.weight" in self.w else self.convolutions(x, name)

    def block(self, x: Tensor, name: str) -> Tensor:
        if f"{name}.norm1.weight" not in self.w:
            return self.mixer(x, name)
        one = torch.ones((), dtype=x.dtype)
        first, second = (self.w.get(f"{name}.layer_scale_{index}", one) for index in (1, 2))
        x = x + first * self.mixer(self.norm(x, f"{name}.norm1"), f"{name}.mixer")
        hidden = functional.gelu(self.linear(self.norm(x, f"{name}.norm2"), f"{name}.mlp.fc1"))
        return x + second * self.linear(hidden, f"{name}.mlp.fc2")

    def stream(self, x: Tensor, name: str) -> Tensor:
        """Joint after joint and frame after frame, without a batch of them."""
        x = torch.stack([self.block(frame, f"{name}_spatial") for frame in x.unbind(1)], dim=1)
        return torch.stack([self.block(joint, f"{name}_temporal") for joint in x.unbind(2)], dim=2)

    def layer(self, x: Tensor, name: str) -> Tensor:
        if self.w[f"{name}.att_spatial.norm1.weight"].numel() < x.shape[-1]:
            first, second = x.chunk(2, dim=-1)
            attended = self.stream(first, f"{name}.att")
            return torch.cat([attended, self.stream(second + attended, f"{name}.graph")], dim=-1)
        attended, convolved = self.stream(x, f"{name}.att"), self.stream(x, f"{name}.graph")
        if f"{name}.fusion.weight" not in self.w:
            return (attended + convolved) * 0.5
        share = self.linear(torch.cat([attended, convolved], dim=-1), f"{name}.fusion").softmax(-1)
        return attended * share[..., :1] + convolved * share[..., 1:]

    def __call__(self, x: Tensor) -> Tensor:
        x = self.linear(x, "joints_embed") + self.w["pos_embed"]
        for index in range(sum(key.endswith("att_spatial.norm1.bias") for key in self.w)):
            x = self.layer(x, f"layers.{index}")
        return self.linear(self.linear(self.norm(x, "norm"), "rep_logit.fc").tanh(), "head")
