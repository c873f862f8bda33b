"""The code that a lifter's poses depend on, as one hash.

It covers, byte by byte, the files of

- the classes that the module is made of, and the factory that makes it,
- the prediction run (`RUN`),
- every module that one of these imports, inside a function too, out of
  posebench, a plug-in (the zoo is one), the lifter's own package, or the folder
  of the script that registered it,

and what the lifter's spec comes to. Libraries are left out: their versions are
in the record. Imports are read from the source, so the hash is the same in
every process, whatever it happens to have loaded. What is imported by a name
that is computed (`import_module`) is seen only if it is one of the classes.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, resolve_name, spec_from_file_location
from pathlib import Path
from typing import Any

from torch import nn

from posebench.hashing import hash_file, hash_value
from posebench.prediction.spec import LifterSpec
from posebench.registry.entries import LifterEntry
from posebench.registry.plugins import load_plugins, plugin_of

#: What every lifter's poses go through.
RUN = "posebench.prediction.runner"


def hash_code(module: nn.Module, entry: LifterEntry, spec: LifterSpec) -> str:
    """SHA-256 (hex) of the code behind a module that the entry's factory made; of a notebook's class, only its name."""
    maker = inspect.unwrap(entry.factory)
    own = {type(module).__module__, maker.__module__}
    finder = _Finder(own, is_script=plugin_of("lifter", entry.name) is None)
    classes = {type(part).__module__ for part in module.modules()}
    files = _reached(finder, {RUN, *classes, *_imports_of(maker)})
    # Of a module that registers many lifters the file alone: what the others import is not this one's.
    files |= {_label(found): _read(found)[0] for found in finder.find(maker.__module__)}
    return hash_value([files, asdict(spec), type(module).__qualname__])


def _reached(finder: "_Finder", names: set[str]) -> dict[str, str]:
    """The hash of each file that is imported from these modules on."""
    todo, seen = sorted(names), set()
    files: dict[str, str] = {}
    while todo:
        for found in finder.find(todo.pop()):
            if found.name not in seen:
                seen.add(found.name)
                files[_label(found)], imported = _read(found)
                todo += sorted(imported)
    return files


class _Finder:
    """Finds the modules that count, and imports none."""

    def __init__(self, own: set[str], is_script: bool) -> None:
        tops = {name.partition(".")[0] for name in (RUN, *(plugin.module for plugin in load_plugins()), *own)}
        self._tops = {top: found for top in tops if (found := _top(top)) is not None}
        # Beside a script lies more of it; beside an installed module lie libraries.
        files = [found.origin for top, found in self._tops.items() if is_script and top in own]
        self._folders = [str(Path(file).parent) for file in files if file and Path(file).stem != "__init__"]

    def find(self, name: str) -> Iterator[ModuleSpec]:
        """The files of a module and of the packages around it, as far as they count and the name is one of a module."""
        top, *rest = name.split(".")
        found = self._tops.get(top) or (PathFinder.find_spec(top, self._folders) if self._folders else None)
        while found is not None:
            if found.has_location:
                yield found
            if not rest or found.submodule_search_locations is None:
                return
            found = PathFinder.find_spec(f"{found.name}.{rest.pop(0)}", found.submodule_search_locations)


def _top(name: str) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is None or loaded.__spec__ is not None:
        return find_spec(name)
    # The main module: a script's file, or a notebook, which has none.
    file = getattr(loaded, "__file__", None)
    return spec_from_file_location(name, file) if file else None


def _label(found: ModuleSpec) -> str:
    """A file's path from the folder of its top-level module on, the same on every machine and in every process."""
    file = Path(found.origin or "")
    depth = found.name.count(".") + (found.submodule_search_locations is not None)
    return "/".join(file.parts[-depth - 1 :])


def _read(found: ModuleSpec) -> tuple[str, frozenset[str]]:
    """The hash of a module's file, and the names that it may import."""
    return _read_once(Path(found.origin or ""), found.parent or "")


@cache
def _read_once(file: Path, package: str) -> tuple[str, frozenset[str]]:
    """Once a process: what is edited while a sweep runs is not what the sweep runs."""
    names = _imports(ast.parse(file.read_bytes()), package) if file.suffix == ".py" else frozenset()
    return hash_file(file), names


def _imports_of(maker: Any) -> frozenset[str]:
    """What a factory imports itself, and what its file does at its top."""
    package = getattr(sys.modules.get(maker.__module__), "__package__", None) or ""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(maker)))
        whole = ast.parse(Path(inspect.getfile(maker)).read_bytes())
    except (OSError, TypeError, SyntaxError):  # an interactive session; a lambda in the middle of a statement
        return frozenset()
    top: list[ast.stmt] = [node for node in whole.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return _imports(body, package) | _imports(ast.Module(top, []), package)


def _imports(tree: ast.AST, package: str) -> frozenset[str]:
    """Every dotted name that may be a module; blocks for the type checker left out."""
    names: set[str] = set()
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            source = resolve_name("." * node.level + (node.module or ""), package)
            names.update(f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            todo += node.orelse
        else:
            todo += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
    return frozenset(names)
