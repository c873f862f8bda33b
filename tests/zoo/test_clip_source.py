"""CLIP's files: had from the Hub or a folder, and no others than those that are asked for."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from clip_files import save_clip, sha256_of
from hub_server import HubServer, hub
from safetensors.torch import load, save_file

from posebench.datasets.library import data_root
from posebench.errors import PosebenchError, UsageError, WeightsError
from zoo.blocks.clip_source import FILES, PUBLISHED_SHA256, REPOSITORY, SOURCE, MissingExtraError
from zoo.blocks.clip_text import ClipText

pytest.importorskip("transformers", reason="the extra 'clip' is not installed")

#: Each argument is SOURCE=SHA256; prints the names' features or the one sentence of each as JSON lines.
SCRIPT = """
import json, sys
from posebench.errors import PosebenchError
from zoo.blocks.clip_text import ClipText
for argument in sys.argv[1:]:
    try:
        print(json.dumps(ClipText(*argument.split("=")).names(["walking"])[0].tolist()))
    except PosebenchError as error:
        print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module")
def folder() -> Path:
    return save_clip(data_root() / "clip" / "tiny")


@pytest.fixture
def copied(folder: Path) -> Iterator[Path]:
    """A copy to spoil."""
    copy = folder.with_name("copied")
    yield Path(shutil.copytree(folder, copy))
    shutil.rmtree(copy)


@pytest.fixture
def server() -> Iterator[HubServer]:
    with hub() as server:
        yield server


def read(folder: Path) -> ClipText:
    """The CLIP of a folder in the data folder, by its name and its hash."""
    return ClipText(folder.name, sha256_of(folder))


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


def test_the_hub_is_asked_once_and_for_three_files(server: HubServer, folder: Path, tmp_path: Path) -> None:
    revision = server.add("lab/clip", {**files_of(folder), "pytorch_model.bin": b"\x80never"})
    # The line breaks twice, and is taken up where it broke.
    server.store.cuts = [20_000, 30_000]
    own = f"lab/clip@{revision}={sha256_of(folder)}"
    [first] = ask(tmp_path, server, own)
    assert first == pytest.approx(read(folder).names(["walking"])[0].tolist(), abs=1e-6)
    assert {path.rsplit("/", 1)[1] for _, path in server.asked} == set(FILES)
    assert [wanted for _, wanted, _ in server.store.asked] == [None, "bytes=20000-", "bytes=50000-"]
    server.asked.clear()
    other = f"lab/other@{revision}={sha256_of(folder)}"
    again, altered, sentence = ask(tmp_path, server, own, f"lab/clip@{revision}", other, HF_HUB_OFFLINE="1")
    assert again == first
    # Another repository is not the published one, and has to say which files it has.
    assert f"have the sha256 {sha256_of(folder)}, and {PUBLISHED_SHA256} is asked for" in str(altered)
    assert "the client is offline (HF_HUB_OFFLINE is set); unset it once for the same command, or name" in str(sentence)
    assert not server.asked


def test_what_the_hub_does_not_give_is_one_sentence(server: HubServer, folder: Path, tmp_path: Path) -> None:
    whole = files_of(folder)
    gated = server.add("lab/gated", whole, gated=True)
    only_pickle = {name: whole[name] for name in FILES[:-1]} | {"pytorch_model.bin": b"\x80never"}
    pickled = server.add("lab/pickled", only_pickle)
    sources = {
        f"lab/gated@{gated}": "is gated: ask for access at ",
        f"lab/nobody@{gated}": "The Hub has no repository of the files of a CLIP",
        f"lab/gated@{'0' * 40}": "is gated: ask for access at ",
        f"lab/pickled@{'0' * 40}": "The Hub has no such commit for the files of a CLIP",
        f"lab/pickled@{pickled}": "no such file for the files of a CLIP (model.safetensors of lab/pickled",
    }
    for said, expected in zip(ask(tmp_path, server, *sources), sources.values(), strict=True):
        assert isinstance(said, str)
        assert expected in said
        assert said.endswith(
            "name as the configuration's `clip` a folder of POSEBENCH_DATA/clip with config.json, tokenizer.json and "
            "model.safetensors of one."
        )


def test_the_published_files_have_their_hashes(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache that has other files under the pinned commit is not believed."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--openai--clip-vit-base-patch32" / "snapshots" / SOURCE.removeprefix(f"{REPOSITORY}@")
    shutil.copytree(folder, place)
    with pytest.raises(
        WeightsError, match=r"is not config\.json of openai/clip-vit-base-patch32 any more: .* delete it"
    ):
        ClipText()


@pytest.mark.parametrize("name", FILES)
def test_other_files_under_the_same_name_are_refused(copied: Path, name: str) -> None:
    asked = sha256_of(copied)
    ClipText("copied", asked)
    (copied / name).write_bytes((copied / name).read_bytes() + b" ")
    with pytest.raises(
        WeightsError, match=f"CLIP copied have the sha256 {sha256_of(copied)}, and {asked} is asked for"
    ):
        ClipText("copied", asked)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_lacks_a_file(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(WeightsError, match=f"There is no {name} in .*copied; a CLIP of one's own needs"):
        ClipText("copied")


@pytest.mark.parametrize("source", ["no/such", f"{REPOSITORY}@main", REPOSITORY, "/a/folder", "../folder", ""])
def test_sources_that_are_none(source: str) -> None:
    with pytest.raises(
        UsageError, match=r"is neither OWNER/NAME@COMMIT of a CLIP on the Hub, .* nor the name of a folder"
    ):
        ClipText(source)


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
def test_damaged_files_are_one_sentence(copied: Path, kind: str) -> None:
    damage(copied, kind)
    with pytest.raises(
        WeightsError, match=r"^\S*copied does not hold a text model of CLIP .*; name as the configuration's `clip`"
    ) as told:
        read(copied)
    assert "\n" not in str(told.value)


def test_without_transformers_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'posebench-lifting\[clip\]'") as told:
        read(folder)
    assert isinstance(told.value, PosebenchError)
    assert isinstance(told.value, ImportError)
