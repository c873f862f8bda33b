"""The command line as tests use it: run, refused, and what it leaves on disk."""

import pytest

from posebench.cli.main import run_command
from posebench.datasets.library import data_root


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must succeed; returns its standard output."""
    capsys.readouterr()
    code = run_command(list(arguments))
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str, notes: int = 0) -> str:
    """Run a command that must fail with this code and one sentence after `notes` lines; returns the sentence."""
    capsys.readouterr()
    assert run_command(list(arguments)) == code
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1 + notes, captured.err
    assert "Traceback" not in captured.err
    assert lines[-1].startswith("posebench: ")
    return lines[-1]


def stores() -> list[str]:
    """Names of the prepared stores, and of anything half-written beside them."""
    return sorted(path.name for path in data_root().rglob("*.safetensors*") if path.is_file())
