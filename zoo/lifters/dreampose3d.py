"""DreamPose3D: a diffusion lifter conditioned on an action prompt that it infers from the keypoints.

Bright, Chen, Zelek, arXiv 2511.09502. There is no public code; what is known comes from the abstract and secondary
descriptions, and everything else is this project's choice, named in `docs/dreampose3d.md`. Schedule and sampler are
D3DP's, the stack of blocks is MixSTE's; new are the prompt, the joint affinity and the hallucinative decoder.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from posebench.prediction.lifter import Described, LifterInputs
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.action_prompt import ActionPrompt, FixedTokens, MotionReader, Prompt, TextEncoder
from zoo.blocks.affinity import JointAffinity
from zoo.blocks.clip_source import PUBLISHED_SHA256, SOURCE
from zoo.blocks.diffusion import TimeEmbedding, check_sampling, expected_share, mirrored, sample_poses
from zoo.blocks.full_precision import full_linear
from zoo.blocks.learned_text import LearnedText
from zoo.blocks.sizes import check_counts, check_heads, check_positive, check_switches
from zoo.blocks.space_time import SpaceTimeTransformer
from zoo.blocks.transformer import EPSILON, CrossAttention
from zoo.lifters.normalisation import find_normaliser
from zoo.specs import PUBLISHED_FPS
from zoo.specs import dreampose3d as specs
from zoo.vocabulary import ACTIONS, label_of

MILLIMETRES = 1000.0
JOINTS = HUMAN36M_17.num_joints

#: `prompt` of a configuration: where the condition comes from.
PROMPTS = ("learned", "clip", "random", "none")


class Condition(NamedTuple):
    """What is computed once for a window, however many hypotheses and steps follow."""

    keypoints: Tensor
    """Embedded, (batch, frames, joints, dim)."""
    prompt: Prompt | None


class PromptedDenoiser(nn.Module):
    """Keypoints, noisy poses and times to clean poses of every frame and of those around it, all normalised or in metres.

    `prompt`
        The module that makes the condition, None for a denoiser without.
    `affinity`
        Joints hear each other through a `JointAffinity` beside the first attention.
    `hallucinated`
        Odd number n of consecutive poses that are predicted about each frame.
    `spread`
        Standard deviation of clean coordinates in metres: noisy poses are embedded times their `expected_share`. None
        embeds them as they are.
    """

    expected: Tensor | None

    def __init__(
        self,
        frames: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        drop_path: float,
        prompt: ActionPrompt | None,
        affinity: bool,
        hallucinated: int,
        spread: float | None,
    ) -> None:
        super().__init__()
        self.hallucinated = hallucinated
        # A function of the configuration alone: no part of a checkpoint.
        expected = None if spread is None else torch.tensor(expected_share(spread))
        self.register_buffer("expected", expected, persistent=False)
        self.transformer = SpaceTimeTransformer(
            frames, JOINTS, 5, dim, depth, heads, mlp_ratio, True, drop_path, outputs=3 * hallucinated
        )
        self.time = TimeEmbedding(dim)
        self.affinity = JointAffinity(JOINTS, HUMAN36M_17.bones) if affinity else None
        self.prompt = prompt
        if prompt is not None:
            self.prompt_norm = nn.LayerNorm(dim, eps=EPSILON)
            self.prompt_attention = CrossAttention(dim, heads)

    def condition(self, keypoints: Tensor) -> Condition:
        """Of normalised keypoints (batch, frames, joints, 2): their tokens and their prompt."""
        embed = self.transformer.embed
        tokens = full_linear(keypoints, embed.weight[:, :2], embed.bias)
        return Condition(tokens, None if self.prompt is None else self.prompt(keypoints))

    def denoise(self, condition: Condition, noisy: Tensor, time: Tensor) -> Tensor:
        """Noisy poses (batch, hypotheses, frames, joints, 3) and times (batch,) to (..., frames, n, joints, 3)."""
        batch, hypotheses = noisy.shape[:2]
        stack = self.transformer
        if self.expected is not None:
            noisy = noisy * self.expected[time].view(-1, 1, 1, 1, 1)
        x = condition.keypoints[:, None] + full_linear(noisy, stack.embed.weight[:, 2:])
        x = x.flatten(0, 1) + stack.spatial_position
        prompt = condition.prompt
        vector, words = (
            (None, None)
            if prompt is None
            else (part.repeat_interleave(hypotheses, dim=0) for part in (prompt.vector, prompt.tokens))
        )
        # Affinity and prompt join where attention among the joints is added: Z = attention + A C + E_c.
        beside = None if self.affinity is None else self.affinity(x)
        if vector is not None:
            shown = vector[:, None, None].expand_as(x)
            beside = shown if beside is None else beside + shown
        x = stack.over_joints(0, x, beside)
        if words is not None:
            x = x + self.prompt_attention(self.prompt_norm(x).flatten(1, 2), words).view(x.shape)
        x = x + self.time(time).repeat_interleave(hypotheses, dim=0)[:, None, None]
        x = stack.over_frames(0, x)
        for depth in range(1, len(stack.spatial_blocks)):
            x = stack.over_frames(depth, stack.over_joints(depth, x))
        poses: Tensor = stack.head(x).view(batch, hypotheses, *x.shape[1:3], self.hallucinated, 3)
        return poses.transpose(3, 4)


class DreamPose3D(nn.Module):
    """The lifter around the denoiser: normalise, condition, sample, metres to mm.

    `prompt`
        `learned`: a text encoder of its own; `clip`: CLIP's, frozen, from the Hub; `random`: fixed tokens, whatever the
        keypoints; `none`.
    `prompt_dim`, `prompt_depth`, `condition_tokens`
        Sizes of the encoder of keypoints, its blocks, and how many tokens the denoiser attends to.
    `clip`
        Of `prompt: clip`, OWNER/NAME@COMMIT on the Hub, or the name of a folder in `POSEBENCH_DATA/clip` with config.json,
        tokenizer.json and model.safetensors.
    `clip_sha256`
        Which files these are, as `zoo.blocks.clip_source` hashes them: the weights belong to them, so others are refused.
    `actions`
        Names that the prompt was drawn to in training.
    `hypotheses`, `steps`, `flip`, `bound`
        As for `D3DP`, in metres.
    `normalize`, `fps`
        As for `MixSTE`.

    The others are `PromptedDenoiser`'s. Raises `UsageError` for values that cannot be.
    """

    def __init__(
        self,
        frames: int = specs.FRAMES,
        dim: int = 512,
        depth: int = 8,
        heads: int = 8,
        mlp_ratio: float = 2.0,
        drop_path: float = 0.1,
        prompt: str = "learned",
        prompt_dim: int = 256,
        prompt_depth: int = 2,
        clip: str = SOURCE,
        clip_sha256: str = PUBLISHED_SHA256,
        condition_tokens: int = 4,
        actions: Sequence[str] = tuple(ACTIONS),
        affinity: bool = True,
        hallucinated: int = 3,
        spread: float | None = None,
        hypotheses: int = 1,
        steps: int = 1,
        flip: bool = True,
        bound: float = 1.5,
        normalize: str = "screen",
        fps: float | None = PUBLISHED_FPS,
    ) -> None:
        super().__init__()
        check_sampling(hypotheses, steps, bound)
        check_counts(frames=frames, hallucinated=hallucinated)
        check_heads(heads, dim=dim)
        check_switches(affinity=affinity, flip=flip)
        if spread is not None:
            check_positive(spread=spread)
        if hallucinated % 2 == 0:
            raise UsageError(f"hallucinated is {hallucinated}; give an odd number, 1 for none but the frame itself.")
        self.spec = specs.spec({"frames": frames, "fps": fps, "prompt": prompt})
        self.normalise = find_normaliser(normalize)
        self.actions = tuple(actions)
        self.infers_actions = self.spec.describes
        made = _prompt(
            prompt, clip, clip_sha256, frames, prompt_dim, prompt_depth, heads, actions, dim, condition_tokens
        )
        self.network = PromptedDenoiser(
            frames, dim, depth, heads, mlp_ratio, drop_path, made, affinity, hallucinated, spread
        )  # fmt: skip
        self.hypotheses, self.steps, self.flip, self.bound = hypotheses, steps, flip, bound

    def forward(self, windows: Tensor, noisy: Tensor, time: Tensor) -> tuple[Tensor, Tensor | None]:
        """What training calls: the denoiser, and the features of the prompt."""
        condition = self.network.condition(windows)
        features = None if condition.prompt is None else condition.prompt.features
        return self.network.denoise(condition, noisy, time), features

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, hypotheses, window, 17, 3), root-relative camera mm, of the last step."""
        condition = self.condition(self.normalise(inputs.keypoints, inputs.image_size))
        shape = (self.hypotheses, *inputs.keypoints.shape[1:3], 3)
        poses = sample_poses(
            partial(self.denoise, condition), lambda: inputs.noise(*shape), self.steps, inputs.early_steps
        )
        return poses * MILLIMETRES

    def describe(self, inputs: LifterInputs) -> Described:
        """How like the prompt of each window is to the name of each action; raises `UsageError` without such a prompt."""
        prompt = self.network.prompt
        if prompt is None or not self.infers_actions:
            raise UsageError("This DreamPose3D has no prompt that is made of keypoints, so it knows no actions.")
        features = prompt(self.normalise(inputs.keypoints, inputs.image_size)).features
        return Described(self.actions, prompt.logits(features).float().softmax(dim=-1))

    def label_of(self, dataset: str, action: str) -> str | None:
        """The name of a data set's action in the vocabulary of the zoo, if this lifter was made with it."""
        try:
            label = label_of(dataset, action)
        except UsageError:
            return None
        return label if label in self.actions else None

    def condition(self, keypoints: Tensor) -> Condition:
        """Of normalised keypoints, followed by that of their mirror images where steps flip."""
        return self.network.condition(torch.cat([keypoints, mirrored(keypoints)]) if self.flip else keypoints)

    def denoise(self, condition: Condition, poses: Tensor, time: int) -> Tensor:
        """Clean poses of noisy ones (batch, hypotheses, window, 17, 3) in metres."""
        noisy = poses.clamp(-self.bound, self.bound)
        if self.flip:
            noisy = torch.cat([noisy, mirrored(noisy)])
        times = torch.full((len(noisy),), time, device=noisy.device)
        # Of the poses about each frame only its own is used: the others are there for training.
        clean = self.network.denoise(condition, noisy, times).float()[:, :, :, self.network.hallucinated // 2]
        if self.flip:
            plain, image = clean.chunk(2)
            clean = (plain + mirrored(image)) / 2
        return clean.clamp(-self.bound, self.bound)


def _prompt(
    kind: str,
    clip: str,
    clip_sha256: str,
    frames: int,
    prompt_dim: int,
    depth: int,
    heads: int,
    actions: Sequence[str],
    dim: int,
    condition_tokens: int,
) -> ActionPrompt | None:
    if kind not in PROMPTS:
        raise UsageError(f"There is no prompt {kind!r}; choose one of {', '.join(PROMPTS)}.")
    if kind == "none":
        return None
    check_counts(prompt_dim=prompt_dim, prompt_depth=depth, condition_tokens=condition_tokens)
    # The encoder of keypoints is as wide, the learned one of text half as wide; CLIP has heads of its own.
    divisor = heads if kind == "clip" else 2 * heads
    if prompt_dim % divisor:
        raise UsageError(
            f"prompt_dim is {prompt_dim}; give a multiple of {divisor}, which {heads} heads of the prompt need."
        )
    named = isinstance(actions, Sequence) and not isinstance(actions, str) and all(isinstance(a, str) for a in actions)
    if not named or not actions or len(set(actions)) < len(actions):
        raise UsageError(f"actions is {actions!r}; give a list of names, each once.")
    text: TextEncoder
    if kind == "clip":
        from zoo.blocks.clip_text import ClipText

        text = ClipText(clip, clip_sha256)
    else:
        text = LearnedText(actions, width=prompt_dim // 2, features=prompt_dim, heads=heads)
    reader: nn.Module
    if kind == "random":
        reader = FixedTokens(text.tokens, text.width)
    else:
        reader = MotionReader(frames, JOINTS, prompt_dim, depth, heads, text.tokens, text.width)
    return ActionPrompt(reader, text, actions, dim, condition_tokens)
