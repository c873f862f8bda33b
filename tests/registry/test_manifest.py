"""The manifest: validated whole, errors name the key and the line."""

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
        (SHA, "abc", "lifters.net.tags.small.weights.sha256", 12),
        ("          file: weights/net.safetensors\n", "", "lifters.net.tags.small.weights", 10),
        ("default: small", "default: huge", "lifters.net", 3),
        ("title: A net", "titel: A net", "lifters.net.title", 3),
        ("split: train, ", "", "lifters.net.tags.small.trained_on.0.split", 15),
        ("schema: 1", "schema: 2", "schema", 1),
        (
            "          file: weights/net.safetensors\n",
            "          hub: {repository: a/b, revision: main, file: x}\n",
            "lifters.net.tags.small.weights.hub.revision",
            11,
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
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(tmp_path / "absent.yaml")


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
