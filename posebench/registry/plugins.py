"""Plug-ins: packages that register lifters, data sets and protocols through the entry-point group `posebench.plugins`.

A plug-in is a module whose import runs its decorators. One that fails is set
aside with a sentence of why, nothing of it stays registered, and the rest work.
"""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from posebench.registry import decorators, manifest

GROUP = "posebench.plugins"
#: The distribution of posebench itself.
OWN = "posebench-lifting"


@dataclass(frozen=True)
class Plugin:
    """A plug-in that was found: its entry point, its distribution, and why it is broken (None when it works)."""

    name: str
    distribution: str
    """Name and version."""
    module: str
    broken: str | None = None
    brought: tuple[tuple[str, str], ...] = ()
    """What it registered: kind (`lifter`, `data set`, `protocol`, `conversion`, `manifest`) and name, or path."""

    @property
    def is_own(self) -> bool:
        """Whether it is posebench's own, rather than a third party's."""
        return _is_own(self.distribution)


_loaded: list[Plugin] | None = None


def load_plugins() -> tuple[Plugin, ...]:
    """Import every plug-in once; later calls return the same list."""
    global _loaded
    if _loaded is None:
        # posebench's own come first: a stranger's duplicate is the one that is refused, whatever its name.
        found = [(_distribution(point), point) for point in entry_points(group=GROUP)]
        found.sort(key=lambda pair: (not _is_own(pair[0]), pair[1].name))
        _loaded = [_load(distribution, point) for distribution, point in found]
    return tuple(_loaded)


def broken_plugins() -> tuple[Plugin, ...]:
    """The plug-ins that could not be loaded."""
    return tuple(plugin for plugin in load_plugins() if plugin.broken)


def plugin_of(kind: str, name: str) -> Plugin | None:
    """The plug-in that registered a name of a kind; None for what a script registered, or nobody."""
    return next((plugin for plugin in load_plugins() if (kind, name) in plugin.brought), None)


def provided_by(kind: str, name: str) -> str | None:
    """Name and version of the distribution that registered a name of a kind; None for a script."""
    plugin = plugin_of(kind, name)
    return plugin.distribution if plugin else None


def _is_own(distribution: str) -> bool:
    return distribution.partition(" ")[0] == OWN


def _distribution(point: EntryPoint) -> str:
    """Name and version. Asked for once: each question parses the whole file anew, and it ends with a README."""
    if point.dist is None:
        return "an unknown distribution"
    metadata = point.dist.metadata
    return f"{metadata['Name']} {metadata['Version']}"


def _load(distribution: str, point: EntryPoint) -> Plugin:
    stores: tuple[Any, ...] = (
        decorators.LIFTERS,
        decorators.DATASETS,
        decorators.PROTOCOLS,
        decorators.CONVERSIONS,
        manifest.MANIFESTS,
    )
    before = [store.snapshot() for store in stores]
    try:
        point.load()
    except Exception as error:  # a stranger's code can fail in any way, and the others must still work
        for store, state in zip(stores, before, strict=True):
            store.restore(state)
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
        return Plugin(point.name, distribution, point.value, reason)
    brought = (
        (store.kind, str(name))
        for store, state in zip(stores, before, strict=True)
        for name in store.snapshot()
        if name not in state
    )
    return Plugin(point.name, distribution, point.value, brought=tuple(brought))
