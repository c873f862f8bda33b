"""CLIP's frozen text model behind soft tokens: equal to transformers' own forward, and had from the Hub or a folder."""

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from clip_files import FEATURES, WIDTH, save_clip
from hub_server import HubServer, hub
from safetensors.torch import load, load_file, save_file
from torch import Tensor, nn

from posebench.errors import PosebenchError, UsageError, WeightsError
from zoo.blocks.clip_source import FILES, REVISION, MissingExtraError
from zoo.blocks.clip_text import ACTION_TOKENS, POSITIONS, SUBJECT_POSITIONS, ClipText

transformers = pytest.importorskip("transformers", reason="the extra 'clip' is not installed")

#: Each argument is SOURCE@REVISION; prints the names' features or the one sentence of each as JSON lines.
SCRIPT = """
import json, sys
from posebench.errors import PosebenchError
from zoo.blocks.clip_text import ClipText
for argument in sys.argv[1:]:
    try:
        print(json.dumps(ClipText(*argument.split("@")).names(["walking"])[0].tolist()))
    except PosebenchError as error:
        print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def clip(folder: Path) -> ClipText:
    return ClipText(str(folder))


@pytest.fixture
def server() -> Iterator[HubServer]:
    with hub() as server:
        yield server


def files_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def ask(tmp_path: Path, server: HubServer, *sources: str, **variables: str) -> list[str | list[float]]:
    """Make the module of each source in a process of its own, for the client reads its address when it is imported."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING_FACE_", "TRANSFORMERS_"))
    }
    hub = {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *sources],
        env={**kept, **hub, "HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1", **variables},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


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
    found = ClipText(str(folder), subject=subject).names(actions)
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
    around = nn.Sequential(ClipText(str(folder)))
    assert around[0].names(["walking"]).dtype == torch.float32
    around.to(torch.float64)
    assert around(torch.randn(1, ACTION_TOKENS, WIDTH, dtype=torch.float64)).dtype == torch.float64
    assert around[0].names(["walking"]).dtype == torch.float64


def test_a_name_is_read_once_whoever_asks_first(folder: Path) -> None:
    clip, calls = ClipText(str(folder)), []
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
    ClipText(str(folder))
    assert torch.equal(torch.rand(1), expected)


def test_shapes_alone_need_no_files() -> None:
    with torch.device("meta"):
        clip = ClipText()
        assert clip(torch.empty(3, clip.tokens, clip.width)).shape == (3, clip.features) == (3, 512)
        assert clip.names(["walking", "running"]).shape == (2, 512)


def test_the_hub_is_asked_once_and_for_three_files(server: HubServer, folder: Path, tmp_path: Path) -> None:
    revision = server.add("lab/clip", {**files_of(folder), "pytorch_model.bin": b"\x80never"})
    # The line breaks twice, and is taken up where it broke.
    server.store.cuts = [20_000, 30_000]
    [first] = ask(tmp_path, server, f"lab/clip@{revision}")
    assert torch.allclose(torch.tensor(first), reference(folder, "a person", "walking"), atol=1e-6)
    assert {path.rsplit("/", 1)[1] for _, path in server.asked} == set(FILES)
    assert [wanted for _, wanted, _ in server.store.asked] == [None, "bytes=20000-", "bytes=50000-"]
    server.asked.clear()
    again, sentence = ask(tmp_path, server, f"lab/clip@{revision}", f"lab/other@{revision}", HF_HUB_OFFLINE="1")
    assert again == first
    assert "the client is offline (HF_HUB_OFFLINE is set); unset it once for the same command, or name" in str(sentence)
    assert not server.asked


def test_what_the_hub_does_not_give_is_one_sentence(server: HubServer, folder: Path, tmp_path: Path) -> None:
    whole = files_of(folder)
    gated = server.add("lab/gated", whole, gated=True)
    only_pickle = {name: whole[name] for name in FILES[:-1]} | {"pytorch_model.bin": b"\x80never"}
    pickled = server.add("lab/pickled", only_pickle)
    short = server.add("lab/short", {**whole, "model.safetensors": whole["model.safetensors"][:-100]})
    sources = {
        f"lab/gated@{gated}": "is gated: ask for access at ",
        f"lab/nobody@{gated}": "The Hub has no repository of the files of a CLIP",
        f"lab/short@{'0' * 40}": "The Hub has no such commit for the files of a CLIP",
        f"lab/pickled@{pickled}": "no such file for the files of a CLIP (model.safetensors of lab/pickled",
        f"lab/short@{short}": "does not hold a text model of CLIP that can be read (",
    }
    for said, expected in zip(ask(tmp_path, server, *sources), sources.values(), strict=True):
        assert isinstance(said, str)
        assert expected in said
        assert said.endswith(
            "name as the configuration's `clip` a folder with config.json, tokenizer.json and model.safetensors of one."
        )


def test_the_published_files_have_their_hashes(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache that has other files under the pinned commit is not believed."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--openai--clip-vit-base-patch32" / "snapshots" / REVISION
    shutil.copytree(folder, place)
    with pytest.raises(
        WeightsError, match=r"is not config\.json of openai/clip-vit-base-patch32 any more: .* delete it"
    ):
        ClipText()


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_lacks_a_file(folder: Path, tmp_path: Path, name: str) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "clip"))
    (copied / name).unlink()
    with pytest.raises(WeightsError, match=f"There is no {name} in .*clip; a CLIP of one's own needs"):
        ClipText(str(copied))


def damage(folder: Path, kind: str) -> None:
    weights = folder / "model.safetensors"
    if kind == "cut":
        weights.write_bytes(weights.read_bytes()[:-10])
    elif kind == "pickle":
        torch.save(load(weights.read_bytes()), weights)
    elif kind == "config":
        (folder / "config.json").write_text("{")
    elif kind == "tokenizer":
        (folder / "tokenizer.json").write_text("{}")
    else:
        state = load(weights.read_bytes())
        key = "text_model.encoder.layers.1.mlp.fc1.weight"
        if kind == "lacks":
            del state[key]
        else:
            state[key] = state[key][:, :-1].contiguous()
        save_file(state, weights, {"format": "pt"})


@pytest.mark.parametrize("kind", ["cut", "pickle", "config", "tokenizer", "lacks", "shape"])
def test_damaged_files_are_one_sentence(folder: Path, tmp_path: Path, kind: str) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "clip"))
    damage(copied, kind)
    with pytest.raises(
        WeightsError, match=r"^\S*clip does not hold a text model of CLIP .*; name as the configuration's `clip`"
    ) as told:
        ClipText(str(copied))
    assert "\n" not in str(told.value)


def test_another_length_of_texts(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="reads 32 tokens, not 77"):
        ClipText(str(save_clip(tmp_path, positions=32)))


@pytest.mark.parametrize(
    ("source", "revision", "sentence"),
    [
        ("no/such/folder", REVISION, "neither a folder nor OWNER/NAME"),
        ("openai/clip-vit-base-patch32", "main", "'main' of openai/clip-vit-base-patch32 is no commit"),
    ],
)
def test_sources_that_are_none(source: str, revision: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        ClipText(source, revision)


def test_words_are_never_cut(clip: ClipText, folder: Path) -> None:
    assert clip.names(["q" * ACTION_TOKENS]).shape == (1, FEATURES)
    for words in ("q" * (ACTION_TOKENS + 1), "walking " * 80, " "):
        with pytest.raises(UsageError, match="tokens of CLIP; give words that are 1 to 36"):
            clip.names(["walking", words])
    ClipText(str(folder), subject="q" * (SUBJECT_POSITIONS - 1))
    with pytest.raises(UsageError, match="give words that are 1 to 39"):
        ClipText(str(folder), subject="q" * SUBJECT_POSITIONS)


def test_without_transformers_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'posebench-lifting\[clip\]'") as told:
        ClipText(str(folder))
    assert isinstance(told.value, PosebenchError)
    assert isinstance(told.value, ImportError)
