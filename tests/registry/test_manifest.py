"""The manifest: validated whole, errors name the key and the line."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from posebench.errors import DuplicateNameError, ManifestError
from posebench.hashing import hash_file
from posebench.registry.manifest import MANIFESTS, ManifestFile, Manifests, read_manifest
from posebench.registry.plugins import load_plugins

GOOD = """schema: 1
lifters:
  net:
    title: A net
    citation: nobody, 2026
    default: small
    tags:
      none: {{summary: without weights, needs_weights: false}}
      small:
        summary: small
        weights:
          file: weights/net.safetensors
          sha256: {sha}
          licence: MIT
        trained_on:
          - {{dataset: procedural, split: train, version: "1", source: gt}}
"""
SHA = "ab" * 32


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_good_manifest_reads(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "m.yaml", GOOD.format(sha=SHA)))
    assert manifest.lifters["net"].tags["small"].trained_on[0].dataset == "procedural"


@pytest.mark.parametrize(
    ("old", "new", "key", "line"),
    [
        (SHA, "abc", "lifters.net.tags.small.weights.sha256", 13),
        ("          file: weights/net.safetensors\n", "", "lifters.net.tags.small.weights", 11),
        ("default: small", "default: huge", "lifters.net", 3),
        ("    title: A net\n", "", "lifters.net.title", 3),
        ("title: A net", "titel: A net", "lifters.net.titel", 4),
        ("small:\n        summary: small", "small:\n        summery: small", "lifters.net.tags.small.summery", 10),
        ("citation: nobody, 2026", "citation: 2026", "lifters.net.citation", 5),
        ("        weights:\n", "        config: [27]\n        weights:\n", "lifters.net.tags.small.config", 11),
        ("{summary: without weights, needs_weights: false}", "", "lifters.net.tags.none", 8),
        ("      none: ", "      27: ", "lifters.net.tags.27", 8),
        ("split: train, ", "", "lifters.net.tags.small.trained_on.0.split", 16),
        ("schema: 1", "schema: 2", "schema", 1),
        (
            "          file: weights/net.safetensors\n",
            "          hub: {repository: a/b, revision: main, file: x}\n",
            "lifters.net.tags.small.weights.hub.revision",
            12,
        ),
    ],
)
def test_an_error_names_the_key_and_its_line(tmp_path: Path, old: str, new: str, key: str, line: int) -> None:
    text = GOOD.format(sha=SHA)
    assert old in text
    with pytest.raises(ManifestError) as caught:
        read_manifest(write(tmp_path / "m.yaml", text.replace(old, new)))
    assert f"key {key!r}" in str(caught.value)
    assert f"line {line}," in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (SHA, "abc", "'abc' is not a sha256, 64 hexadecimal digits."),
        (SHA, f'"{SHA}\\n"', "is not a sha256"),
        ("schema: 1", "schema: 2", "2 is not one of 1."),
        ("title: A net", "titel: A net", "there is no such key, only title, citation, default, tags, reported."),
        ("split: train, ", "", "Field required."),
        ("      none: ", "      27: ", "got `int`; put the key in quotes."),
        ("      none: ", "      n.one: ", "'n.one' has characters other than letters"),
        (GOOD.format(sha=SHA), "", "as a whole: Expected `object`, got `null`."),
    ],
)
def test_an_error_says_what_is_wrong(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = GOOD.format(sha=SHA)
    assert old in text
    with pytest.raises(ManifestError) as caught:
        read_manifest(write(tmp_path / "m.yaml", text.replace(old, new)))
    assert words in str(caught.value)


def test_a_key_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"line 5.*'title' is there twice"):
        read_manifest(
            write(
                tmp_path / "m.yaml", GOOD.format(sha=SHA).replace("    title: A net\n", "    title: A\n    title: B\n")
            )
        )


def test_broken_yaml_and_a_missing_file_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"line \d+, is not valid YAML"):
        read_manifest(write(tmp_path / "m.yaml", "schema: [1"))
    with pytest.raises(ManifestError, match=r"line 1, is not valid YAML: found unhashable key"):
        read_manifest(write(tmp_path / "m.yaml", "? [schema]\n: 1\n"))
    with pytest.raises(ManifestError, match=r"line 2, is not valid YAML.*merge"):
        read_manifest(write(tmp_path / "m.yaml", "schema: 1\n<<: {schema: 2}\n"))
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(tmp_path / "absent.yaml")


@pytest.mark.parametrize("content", [b"schema: \xff", b"schema: \x07"])
def test_what_is_no_text_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.yaml").write_bytes(content)
    with pytest.raises(ManifestError, match="not plain text in UTF-8"):
        read_manifest(tmp_path / "m.yaml")


def test_reading_the_registry_needs_no_library_of_records() -> None:
    code = (
        "import sys; from posebench.registry.resolve import model_tags; assert model_tags();"
        "print([m for m in ('pydantic', 'numpy', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_yaml_cannot_call_anything(tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        read_manifest(write(tmp_path / "m.yaml", "schema: !!python/object/apply:os.system ['true']\n"))


def test_two_manifests_may_not_describe_one_architecture(tmp_path: Path) -> None:
    both = Manifests()
    for name in ("a.yaml", "b.yaml"):
        both.add(ManifestFile(write(tmp_path / name, GOOD.format(sha=SHA)), tmp_path))
    with pytest.raises(DuplicateNameError, match=r"a\.yaml.*b\.yaml"):
        both.architectures()


def test_every_bundled_file_of_the_zoo_is_there_with_its_hash_and_card() -> None:
    load_plugins()
    bundled = 0
    for file, manifest in MANIFESTS:
        for architecture in manifest.lifters.values():
            for name, tag in architecture.tags.items():
                assert tag.card is None or (file.root / tag.card).is_file(), name
                if tag.weights is not None and tag.weights.file is not None:
                    assert hash_file(file.root / tag.weights.file) == tag.weights.sha256, name
                    assert tag.trained_on, f"{name} has weights and does not say what they have seen"
                    bundled += 1
    assert bundled >= 2


def test_the_zoo_travels_as_package_data() -> None:
    assert files("zoo").joinpath("plugin.py").is_file()
