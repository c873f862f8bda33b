"""Registries: names, what stands behind them, and who put it there. Imports no torch."""

import difflib
import fnmatch
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from posebench.errors import DuplicateNameError, UnknownNameError

if TYPE_CHECKING:
    from posebench.conversion.rules import Conversion
    from posebench.datasets.adapter import Adapter
    from posebench.prediction.spec import LifterSpec
    from posebench.protocols.protocol import ProtocolFamily


@dataclass(frozen=True)
class LifterEntry:
    """An architecture. `factory(**config)` makes the module, `spec(config)` says how it behaves."""

    name: str
    origin: str
    factory: Callable[..., Any]
    spec: "Callable[[dict[str, Any]], LifterSpec]"


@dataclass(frozen=True)
class DatasetEntry:
    """A data set. `make()` returns its adapter; the rest is what a user must know before having it.

    `default_rule` is the rule of `--dataset NAME` without a protocol; `gated`
    means that its owner gives it to registered users only.
    """

    name: str
    origin: str
    make: "Callable[[], Adapter]"
    summary: str
    licence: str
    obtain: str
    default_rule: str = "standard"
    gated: bool = False
    page: str = ""
    citation: str = ""


@dataclass(frozen=True)
class ProtocolEntry:
    """A protocol family `dataset/rule`; `make()` returns its value."""

    name: str
    origin: str
    make: "Callable[[], ProtocolFamily]"


@dataclass(frozen=True)
class ConversionEntry:
    """How a public codebase's checkpoints become weights of an architecture; `make()` returns its value."""

    name: str
    origin: str
    make: "Callable[[], Conversion]"


E = TypeVar("E", LifterEntry, DatasetEntry, ProtocolEntry, ConversionEntry)


class Registry(Generic[E]):
    """Names of one kind. The only global state of posebench."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, E] = {}

    def add(self, entry: E) -> None:
        """Register; raises `DuplicateNameError` naming both origins."""
        if (other := self._entries.get(entry.name)) is not None:
            raise DuplicateNameError(
                f"The {self.kind} {entry.name!r} of {entry.origin} is already registered by {other.origin}; rename one of them."
            )
        self._entries[entry.name] = entry

    def get(self, name: str) -> E:
        """The entry of a name; raises `UnknownNameError` with the nearest names."""
        if name not in self._entries:
            raise unknown_name(self.kind, name, self._entries)
        return self._entries[name]

    def names(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell wildcard."""
        return sorted(name for name in self._entries if fnmatch.fnmatchcase(name, pattern))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[E]:
        return iter([self._entries[name] for name in self.names()])

    def snapshot(self) -> dict[str, E]:
        """What is registered now, for `restore`."""
        return dict(self._entries)

    def restore(self, snapshot: dict[str, E]) -> None:
        """Back to a snapshot: a plug-in that fails half-way leaves nothing behind."""
        self._entries = dict(snapshot)


def unknown_name(kind: str, name: str, known: Any) -> UnknownNameError:
    """The error for a name that nothing stands behind, with up to three near ones."""
    spellings = {spelling.lower().replace("-", "_"): spelling for spelling in known}
    near = difflib.get_close_matches(name.lower().replace("-", "_"), spellings, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(spellings[n]) for n in near)}?" if near else "nothing is spelled like it."
    return UnknownNameError(f"There is no {kind} {name!r}; {hint} `posebench list` shows all.")


def origin_of(function: Any) -> str:
    """Where an object was defined, for error messages: `module:name`."""
    target = inspect.unwrap(function)
    return f"{target.__module__}:{getattr(target, '__qualname__', repr(target))}"
