"""Weights of another kind than safetensors: said what they are and what they name, and never run."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from evil_files import Calls, evil_pickles, zip_of

from posebench.cli.main import run_command
from posebench.prediction.foreign_weights import foreign_kind


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence with which `posebench run --weights` refuses a file, exit code 3."""
    assert run_command(["run", "-m", "videopose3d", "-d", "tiny", "--weights", str(path)]) == 3
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert path.name in lines[0]
    assert "nothing of it was run" in lines[0]
    assert "must be safetensors" in lines[0]
    return lines[0]


@pytest.mark.parametrize("trick", evil_pickles(Path()))
@pytest.mark.parametrize("form", ["pickle", "checkpoint", "legacy"])
def test_nothing_is_run(trick: str, form: str, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marker = tmp_path / "marker"
    content, name = evil_pickles(marker)[trick]
    if form == "checkpoint":
        content = zip_of({"archive/data.pkl": content, "archive/version": b"3\n"})
    elif form == "legacy":
        head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
        content = b"".join(head) + content
    path = tmp_path / "evil.pt"
    path.write_bytes(content)
    sentence = refused(path, capsys)
    assert "a PyTorch checkpoint" in sentence if form == "checkpoint" else "a pickle" in sentence
    assert f"tries to call {name}" in sentence
    assert not marker.exists()


@pytest.mark.parametrize("new", [True, False])
def test_an_ordinary_checkpoint_is_not_accused(
    new: bool, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.bin"
    net = torch.nn.Linear(2, 3)
    state = {"epoch": 3, "model_pos": net.state_dict(), "size": net.weight.shape, "parameter": net.weight}
    torch.save(state, path, _use_new_zipfile_serialization=new)
    sentence = refused(path, capsys)
    assert "PyTorch checkpoint" in sentence
    assert "tries to call" not in sentence


def test_what_hides_among_tensors_is_named(tmp_path: Path) -> None:
    path, marker = tmp_path / "model.bin", tmp_path / "marker"
    state = {"weight": torch.zeros(2), "extra": [Calls(eval, f"open({str(marker)!r}, 'w')")]}
    for new in (True, False):
        torch.save(state, path, _use_new_zipfile_serialization=new)
        kind = foreign_kind(path)
        assert kind is not None
        assert kind.endswith("tries to call builtins.eval") or kind.endswith("tries to call __builtin__.eval")
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_files_of_other_kinds(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "weights"
    for content, kind in (
        (b"", "another kind"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (zip_of({"a.txt": b"x"}), "a zip archive"),
        (zip_of({"archive/data.pkl": b"\x80\x02}q\x00."})[:-30], "a zip archive"),
    ):
        path.write_bytes(content)
        assert kind in refused(path, capsys)


def test_an_archive_whose_pickle_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000))
    content = bytearray(path.read_bytes())
    content[60] ^= 255
    path.write_bytes(content)
    assert foreign_kind(path) == "a PyTorch checkpoint, a pickle in a zip archive"
