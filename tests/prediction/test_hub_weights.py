"""The order in which weights are looked for, and those of the Hub loaded strictly by the Python functions."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from hub_commands import Commands
from hub_server import HubServer, hub
from safetensors.torch import save, save_file

from posebench.errors import UsageError
from posebench.prediction.hub_card import PushedFile, manifest_lines, readme, training_sets
from posebench.prediction.weights import find_weights, place_of
from posebench.registry.resolve import resolve_model

CONTENT = save({"scale": torch.tensor([3.0])})
#: After the lifter is registered: make it and say what was loaded, or why not.
MAKE = """
from posebench.errors import PosebenchError
try:
    print("scale", posebench.create_lifter("net", *map(pathlib.Path, sys.argv[1:])).scale.item())
except PosebenchError as error:
    sys.exit(f"posebench: {error}")
"""


@pytest.fixture
def server() -> Iterator[HubServer]:
    with hub() as server:
        yield server


@pytest.fixture
def create(tmp_path: Path, server: HubServer) -> Commands:
    """`create_lifter` in a process of its own, whose only argument is a weights file."""
    commands = Commands(tmp_path, server.address)
    script = tmp_path / "net.py"
    script.write_text(script.read_text().replace("sys.exit(run_command(sys.argv[1:]))\n", MAKE))
    return commands


def publish(server: HubServer, commands: Commands, content: bytes) -> None:
    revision = server.add("lab/net", {"net.safetensors": content})
    commands.describe_hub(revision, hashlib.sha256(content).hexdigest())


def test_the_hub_comes_after_a_file_and_is_asked_once(server: HubServer, create: Commands, tmp_path: Path) -> None:
    publish(server, create, CONTENT)
    save_file({"scale": torch.tensor([7.0])}, tmp_path / "own.safetensors")
    assert create(str(tmp_path / "own.safetensors")).out == "scale 7.0\n"
    assert not server.asked
    assert create().out == "scale 3.0\n"
    asked = len(server.asked)
    assert create().out == "scale 3.0\n"
    assert len(server.asked) == asked


def test_weights_of_the_hub_load_strictly(server: HubServer, create: Commands) -> None:
    publish(server, create, save({"scale": torch.tensor([3.0]), "more": torch.zeros(1)}))
    assert "unknown 'more'" in create().sentence


def test_the_bundled_file_comes_after_one_that_is_given(tmp_path: Path) -> None:
    tag = resolve_model("videopose3d")
    place, found = place_of(tag), find_weights(tag)
    assert place is not None
    assert found is not None
    assert (found.path, found.origin) == (place.path, "bundled")
    save_file({"scale": torch.zeros(1)}, tmp_path / "own.safetensors")
    own = find_weights(tag, tmp_path / "own.safetensors")
    assert own is not None
    assert own.origin == "file"


def test_a_card_says_licence_training_data_hash_and_configuration() -> None:
    tag = resolve_model("videopose3d")
    file = PushedFile("v.safetensors", "ab" * 32, 4, "research only", (), {"channels": 288}, 17)
    text = readme(tag, file)
    head = yaml.safe_load(text.split("---\n")[1])
    assert (head["license"], head["license_name"], head["library_name"]) == ("other", "research only", "posebench")
    for part in ("ab" * 32, "research only", "Not stated", '"channels": 288', "--weights v.safetensors", "Pavllo"):
        assert part in text
    assert "trained_on" not in yaml.safe_load(manifest_lines("a/b", "0" * 40, file))


def test_training_data_on_the_command_line() -> None:
    [one] = training_sets(["human36m/train@1+cpn_ft_h36m_dbb"])
    assert (one.dataset, one.split, one.version, one.source) == ("human36m", "train", "1", "cpn_ft_h36m_dbb")
    with pytest.raises(UsageError, match="dataset/split@version"):
        training_sets(["human36m"])
