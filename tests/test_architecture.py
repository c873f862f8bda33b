"""The way a pose goes, as imports: each folder uses only those before it and the leaves."""

import ast
from pathlib import Path

import pytest

import posebench

ROOT = Path(posebench.__file__).parent
#: Left to right as in docs/architecture.md; files at the top level and `registry` are leaves that anyone may use.
WAY = [
    "datasets",
    "inputs",
    "metrics",
    "engines",
    "prediction",
    "protocols",
    "results",
    "generation",
    "timing",
    "sweeps",
    "conversion",
    "conformance",
    "leaderboard",
    "cli",
]
#: The registry's decorators name the values they hold, for the type checker only.
LEAVES = {"registry", "errors", "files", "hashing", "seeding", "skeletons", "cameras", "joint_maps", "npz", "pickles"}


def imports(path: Path) -> set[str]:
    """The folders of posebench that a file imports when it runs, `TYPE_CHECKING` blocks left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


@pytest.mark.parametrize("folder", WAY)
def test_a_folder_imports_only_what_comes_before_it(folder: str) -> None:
    allowed = LEAVES | set(WAY[: WAY.index(folder) + 1])
    for path in (ROOT / folder).rglob("*.py"):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("posebench.")}
        assert used <= allowed, f"{path.relative_to(ROOT)} imports {sorted(used - allowed)}"


def test_the_referee_knows_no_lifter() -> None:
    for path in ROOT.rglob("*.py"):
        assert not any(name.split(".")[0] == "zoo" for name in imports(path)), path


def test_files_hold_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): n for path in ROOT.rglob("*.py") if (n := len(path.read_text().splitlines())) > 350
    }
    assert not long
