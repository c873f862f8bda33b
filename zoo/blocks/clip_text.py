"""The frozen text model of CLIP (Radford et al. 2021) with soft tokens where a sentence would name the action.

DreamPose3D (arXiv 2511.09502) gives 40 of the 77 positions to a subject ("a person") and 37 to the action; the rest is
this project's arrangement:

    0..39   start of text, the words of the subject, padding
    40..75  36 soft tokens, or the words of an action's name and padding
    76      end of text, whose state after the last norm, projected, is the output: CLIP's own rule

CLIP never saw padding before the end of a text, so nobody attends to it here. It is then the same to leave it out: with
"a person", 40 tokens are computed and not 77, each with the position that it has above. `transformers` gives equal
features for the 77 ids with an attention mask that has zeros at the padding.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from posebench.errors import UsageError, WeightsError
from zoo.blocks.clip_source import PUBLISHED_SHA256, SOURCE, find_files, load_model, load_tokenizer

POSITIONS = 77
SUBJECT_POSITIONS = 40
#: Soft tokens: the action's 37 positions without the end of text.
ACTION_TOKENS = POSITIONS - SUBJECT_POSITIONS - 1
SUBJECT = "a person"
#: Channels of a token and of the output at `SOURCE`.
PUBLISHED_SIZES = (512, 512)


class ClipText(nn.Module):
    """Soft action tokens, or actions by their names, to CLIP's features of a text; see `TextEncoder`.

    `source`
        OWNER/NAME@COMMIT of a CLIP on the Hub, or the name of a folder in `POSEBENCH_DATA/clip` that has one.
    `sha256`
        Of its files, as `zoo.blocks.clip_source` hashes them; others are refused.
    `subject`
        Words before the action.

    CLIP's weights are not this module's: they have no gradients, are not among its parameters, are in no state dict (they
    are the source's, pinned by hash), and copies of the module share them. `.to()` moves them with everything else.

    On the `meta` device nothing is fetched or computed, and sizes are those of the published CLIP.
    """

    before: Tensor
    positions: Tensor
    after: Tensor

    def __init__(self, source: str = SOURCE, sha256: str = PUBLISHED_SHA256, subject: str = SUBJECT) -> None:
        super().__init__()
        self.tokens = ACTION_TOKENS
        self.width, self.features = PUBLISHED_SIZES
        self.frozen: _Frozen | None = None
        self.named: dict[str, Tensor] = {}
        if torch.empty(0).device.type == "meta":
            return
        files = find_files(source, sha256)
        self.frozen = _Frozen(load_model(files), load_tokenizer(files))
        self.width, self.features = self.frozen.model.text_projection.weight.shape[::-1]
        embedded = self.frozen.model.text_model.embeddings
        vocabulary, positions = (e.weight.detach() for e in (embedded.token_embedding, embedded.position_embedding))
        if len(positions) != POSITIONS:
            raise WeightsError(
                f"The CLIP of {source} reads {len(positions)} tokens, not {POSITIONS}; give one that does."
            )
        *begin, end = self.frozen.ids(subject, SUBJECT_POSITIONS - 1)
        self.register_buffer("before", vocabulary[begin] + positions[: len(begin)], persistent=False)
        self.register_buffer("positions", positions[SUBJECT_POSITIONS:-1].clone(), persistent=False)
        self.register_buffer("after", vocabulary[[end]] + positions[-1:], persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, ACTION_TOKENS, width) soft tokens, as CLIP's embeddings of words are, to (batch, features)."""
        if self.frozen is None:
            return tokens.new_empty(len(tokens), self.features)
        batch, count = tokens.shape[:2]
        before, after = (given.expand(batch, -1, -1) for given in (self.before, self.after))
        x = torch.cat([before, tokens + self.positions[:count], after], dim=1)
        causal = x.new_full((x.shape[1], x.shape[1]), -torch.inf).triu(1)
        text = self.frozen.model.text_model
        read = text.encoder(inputs_embeds=x, attention_mask=causal[None, None]).last_hidden_state
        return self.frozen.model.text_projection(text.final_layer_norm(read[:, -1]))  # type: ignore[no-any-return]

    def names(self, names: Sequence[str]) -> Tensor:
        """The features (names, features) of actions by their names; raises `UsageError` for one of too many words."""
        if self.frozen is None:
            return torch.empty(len(names), self.features, device="meta")
        # Once for each name: in the weights' own precision and fit for training, whoever asks first.
        with torch.inference_mode(False), torch.no_grad(), torch.autocast(self.before.device.type, enabled=False):
            for name in names:
                if name not in self.named:
                    self.named[name] = self._read(name)
        return torch.stack([self.named[name] for name in names])

    def _read(self, name: str) -> Tensor:
        """The features of one name, (features,). One by one, for names differ in length and none of them is padded."""
        assert self.frozen is not None
        words = torch.tensor([self.frozen.ids(name, ACTION_TOKENS)[1:-1]], device=self.before.device)
        features: Tensor = self(self.frozen.model.text_model.embeddings.token_embedding(words))[0]
        return features

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "ClipText":
        """What `.to()` and its like call for each module: CLIP is no child, so it is passed on."""
        if self.frozen is not None:
            self.frozen.model._apply(fn)
            self.named.clear()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


class _Frozen:
    """Holds CLIP so that the module around it does not register it as a child. Copies of it are itself.

    Of any type, for its libraries are optional: a `CLIPTextModelWithProjection` and a `tokenizers.Tokenizer`.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer

    def ids(self, text: str, most: int) -> list[int]:
        """Start of text, at most so many tokens of words, end of text."""
        ids: list[int] = self.tokenizer.encode(text).ids
        if not 0 < len(ids) - 2 <= most:
            raise UsageError(f"{text!r} is {max(len(ids) - 2, 0)} tokens of CLIP; give words that are 1 to {most}.")
        return ids

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Frozen":
        return self
