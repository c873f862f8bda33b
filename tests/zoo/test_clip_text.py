"""CLIP's frozen text model behind soft tokens: equal to transformers' own forward."""

import copy
from pathlib import Path

import pytest
import torch
from clip_files import FEATURES, WIDTH, save_clip, sha256_of
from safetensors.torch import load_file
from torch import Tensor, nn

from posebench.datasets.library import data_root
from posebench.errors import UsageError, WeightsError
from zoo.blocks.clip_text import ACTION_TOKENS, POSITIONS, SUBJECT_POSITIONS, ClipText

transformers = pytest.importorskip("transformers", reason="the extra 'clip' is not installed")


@pytest.fixture(scope="module")
def folder() -> Path:
    return save_clip(data_root() / "clip" / "tiny")


@pytest.fixture(scope="module")
def clip(folder: Path) -> ClipText:
    return read(folder)


def read(folder: Path, **more: str) -> ClipText:
    """The CLIP of a folder in the data folder, by its name and its hash."""
    return ClipText(folder.name, sha256_of(folder), **more)


def reference(folder: Path, subject: str, action: str) -> Tensor:
    """What transformers' own model says of all 77 ids in this arrangement, padding masked: (features,)."""
    model = transformers.CLIPTextModelWithProjection.from_pretrained(folder).eval()
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder)
    start, *subject_words, end = tokenizer(subject).input_ids
    action_words = tokenizer(action).input_ids[1:-1]
    ids, mask = torch.full((1, POSITIONS), tokenizer("a").input_ids[1]), torch.zeros(1, POSITIONS, dtype=torch.long)
    for first, words in ((0, [start, *subject_words]), (SUBJECT_POSITIONS, action_words), (POSITIONS - 1, [end])):
        ids[0, first : first + len(words)] = torch.tensor(words)
        mask[0, first : first + len(words)] = 1
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask).text_embeds[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("subject", ["a person", "person", "an old person with a dog"])
def test_words_read_as_transformers_reads_them(folder: Path, subject: str) -> None:
    actions = ["walking", "walking a dog", "x" * ACTION_TOKENS]
    found = read(folder, subject=subject).names(actions)
    expected = torch.stack([reference(folder, subject, action) for action in actions])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    assert (found[0] - found[1]).abs().max() > 1e-2


def test_soft_tokens_that_are_words_read_as_those_words(clip: ClipText, folder: Path) -> None:
    text = "walking " * ACTION_TOKENS
    words = transformers.CLIPTokenizer.from_pretrained(folder)(text).input_ids[1:-1]
    table = load_file(folder / "model.safetensors")["text_model.embeddings.token_embedding.weight"]
    assert (clip.tokens, clip.width, clip.features) == (36, WIDTH, FEATURES) == (len(words), WIDTH, FEATURES)
    found = clip(table[words].expand(2, -1, -1))
    assert found.shape == (2, FEATURES)
    torch.testing.assert_close(found, clip.names([text] * 2), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found[0], reference(folder, "a person", text), atol=1e-6, rtol=1e-6)


def test_gradients_reach_every_token_and_no_weight(clip: ClipText) -> None:
    tokens = torch.randn(2, ACTION_TOKENS, WIDTH, requires_grad=True)
    clip(tokens).square().sum().backward()
    assert tokens.grad is not None
    assert (tokens.grad.abs().amax(dim=2) > 0).all()
    assert clip.frozen is not None
    assert not any(weight.requires_grad or weight.grad is not None for weight in clip.frozen.model.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        loose = clip(tokens)
    torch.testing.assert_close(loose.float(), clip(tokens), atol=0.1, rtol=0.1)


def test_it_adds_nothing_to_the_lifter_around_it(clip: ClipText) -> None:
    around = nn.ModuleDict({"text": clip, "own": nn.Linear(2, 1)})
    assert list(around.state_dict()) == ["own.weight", "own.bias"]
    assert len(list(around.parameters())) == 2
    around.train()
    assert clip.frozen is not None
    assert not any(module.training for module in clip.frozen.model.modules())
    twin = copy.deepcopy(around)["text"]
    assert isinstance(twin, ClipText)
    assert twin.frozen is clip.frozen
    tokens = torch.randn(1, ACTION_TOKENS, WIDTH)
    assert torch.equal(twin(tokens), clip(tokens))


def test_it_moves_with_the_lifter(folder: Path) -> None:
    around = nn.Sequential(read(folder))
    assert around[0].names(["walking"]).dtype == torch.float32
    around.to(torch.float64)
    assert around(torch.randn(1, ACTION_TOKENS, WIDTH, dtype=torch.float64)).dtype == torch.float64
    assert around[0].names(["walking"]).dtype == torch.float64


def test_a_name_is_read_once_whoever_asks_first(folder: Path) -> None:
    clip, calls = read(folder), []
    clip.register_forward_hook(lambda *_: calls.append(1))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        first = clip.names(["walking", "person"])
    again = clip.names(["person", "walking", "person"])
    assert len(calls) == 2
    assert torch.equal(again[:2].flip(0), first)
    torch.testing.assert_close(again[1], reference(folder, "a person", "walking"), atol=1e-6, rtol=1e-6)
    weight = torch.ones(FEATURES, requires_grad=True)
    (again @ weight).sum().backward()
    assert weight.grad is not None


def test_making_one_draws_no_random_number(folder: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    read(folder)
    assert torch.equal(torch.rand(1), expected)


def test_shapes_alone_need_no_files() -> None:
    with torch.device("meta"):
        clip = ClipText()
        assert clip(torch.empty(3, clip.tokens, clip.width)).shape == (3, clip.features) == (3, 512)
        assert clip.names(["walking", "running"]).shape == (2, 512)


def test_another_length_of_texts() -> None:
    with pytest.raises(WeightsError, match="reads 32 tokens, not 77"):
        read(save_clip(data_root() / "clip" / "short", positions=32))


def test_words_are_never_cut(clip: ClipText, folder: Path) -> None:
    assert clip.names(["q" * ACTION_TOKENS]).shape == (1, FEATURES)
    for words in ("q" * (ACTION_TOKENS + 1), "walking " * 80, " "):
        with pytest.raises(UsageError, match="tokens of CLIP; give words that are 1 to 36"):
            clip.names(["walking", words])
    read(folder, subject="q" * (SUBJECT_POSITIONS - 1))
    with pytest.raises(UsageError, match="give words that are 1 to 39"):
        read(folder, subject="q" * SUBJECT_POSITIONS)
