"""The hash of a lifter's code: what changes it, and what does not."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posebench.prediction import code_hash
from posebench.prediction.create import load_lifter
from posebench.registry.decorators import LIFTERS

#: A package of a stranger's: a lifter, its block, a part that only `lift` imports, one for the type checker, another lifter.
FILES = {
    "__init__.py": "",
    "plugin.py": (
        "from posebench import LifterSpec, register_lifter\n"
        "@register_lifter('theirs', spec=lambda config: LifterSpec(fps=config.get('fps')))\n"
        "def theirs(**config):\n"
        "    from strangers.helper import make\n"
        "    return make()\n"
        "@register_lifter('other', spec=LifterSpec())\n"
        "def other():\n"
        "    from strangers.other import Other\n"
        "    return Other()\n"
    ),
    "helper.py": "from .lifter import Theirs\ndef make():\n    return Theirs()\n",
    "lifter.py": (
        "from typing import TYPE_CHECKING\n"
        "from torch import nn\n"
        "from .blocks import scale\n"
        "if TYPE_CHECKING:\n"
        "    from .typed import Anything\n"
        "class Theirs(nn.Module):\n"
        "    def lift(self, inputs):\n"
        "        from strangers import late\n"
        "        return late.more(inputs) * scale.SCALE\n"
    ),
    "blocks/__init__.py": "",
    "blocks/scale.py": "SCALE = 1\n",
    "late.py": "def more(inputs):\n    return inputs\n",
    "typed.py": "Anything = int\n",
    "other.py": "from torch import nn\nclass Other(nn.Module):\n    def lift(self, inputs):\n        return inputs\n",
}


@pytest.fixture
def package(registry: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site" / "strangers"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(folder.parent))
    importlib.import_module("strangers.plugin")
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "strangers"]:
        del sys.modules[name]


def code_of(name: str = "theirs") -> str:
    """As a new process has it."""
    code_hash._read_once.cache_clear()
    return load_lifter(name).code_sha256


@pytest.mark.parametrize("file", ["lifter.py", "blocks/scale.py", "blocks/__init__.py", "late.py", "helper.py", "plugin.py"])  # fmt: skip
def test_code_that_the_poses_depend_on_counts(package: Path, file: str) -> None:
    before = code_of()
    assert code_of() == before
    with (package / file).open("a") as more:
        more.write("# changed\n")
    assert code_of() != before


def test_what_is_edited_while_it_runs_does_not(package: Path) -> None:
    before = code_of()
    with (package / "lifter.py").open("a") as more:
        more.write("# changed\n")
    assert load_lifter("theirs").code_sha256 == before


@pytest.mark.parametrize("file", ["typed.py", "other.py"])
def test_other_code_does_not(package: Path, file: str) -> None:
    before = code_of()
    with (package / file).open("a") as more:
        more.write("# changed\n")
    assert code_of() == before


def test_what_a_spec_says_counts(package: Path) -> None:
    loaded = load_lifter("theirs")
    entry = LIFTERS.get("theirs")
    codes = {code_hash.hash_code(loaded.module, entry, entry.spec({"fps": fps})) for fps in (25, 50)}
    assert len(codes) == 2


def test_the_run_itself_and_the_blocks_of_the_zoo_count(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Any] = []
    monkeypatch.setattr("posebench.prediction.code_hash.hash_value", lambda value: hashed.append(value) or "")  # type: ignore[func-returns-value]
    code_of("mixste.open")
    read = set(hashed[0][0])
    assert {
        "posebench/prediction/flip.py",
        "posebench/prediction/windows.py",
        "posebench/inputs/simulated.py",
        "zoo/blocks/transformer.py",
        "zoo/lifters/mixste.py",
        "zoo/plugin.py",
    } <= read
    assert not [name for name in read if name.startswith(("zoo/lifters/videopose3d", "torch", "posebench/cli"))]


def test_a_script_and_its_neighbour_count_and_are_the_same_in_a_worker(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("SCALE = 2\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing\n"
        "import neighbour\n"
        "import torch\n"
        "import posebench\n"
        "@posebench.register_lifter('mine', spec=posebench.LifterSpec())\n"
        "class Mine(torch.nn.Module):\n"
        "    def lift(self, inputs):\n"
        "        return inputs * neighbour.SCALE\n"
        "def code(_=None):\n"
        "    from posebench.prediction.create import load_lifter\n"
        "    return load_lifter('mine').code_sha256\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(code(), *pool.map(code, [0]))\n"
    )

    def codes() -> list[str]:
        # tox sets it, and a script's own folder would not be looked into.
        free = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, env=free)
        return done.stdout.split()

    here, there = codes()
    assert here == there
    (tmp_path / "neighbour.py").write_text("SCALE = 3\n")
    assert codes()[0] != here
