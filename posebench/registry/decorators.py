"""The decorators with which lifters, data sets and protocols join; a stranger's package uses the very same."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from posebench.registry.entries import (
    ConversionEntry,
    DatasetEntry,
    LifterEntry,
    ProtocolEntry,
    Registry,
    origin_of,
)

if TYPE_CHECKING:
    from posebench.conversion.rules import Conversion
    from posebench.datasets.adapter import Adapter
    from posebench.prediction.spec import LifterSpec
    from posebench.protocols.protocol import ProtocolFamily

LIFTERS: Registry[LifterEntry] = Registry("lifter")
DATASETS: Registry[DatasetEntry] = Registry("data set")
PROTOCOLS: Registry[ProtocolEntry] = Registry("protocol")
CONVERSIONS: Registry[ConversionEntry] = Registry("conversion")

F = TypeVar("F", bound=Callable[..., Any])


def register_lifter(name: str, spec: "LifterSpec | Callable[[dict[str, Any]], LifterSpec]") -> Callable[[F], F]:
    """Register a factory, or a module class itself, under an architecture's name.

    `spec` is a `LifterSpec`, or a function from the configuration to one when
    the window depends on it. Raises `DuplicateNameError` naming both origins.
    """

    def decorate(factory: F) -> F:
        spec_of = spec if callable(spec) else lambda config: spec
        LIFTERS.add(LifterEntry(name, origin_of(factory), factory, spec_of))
        return factory

    return decorate


def register_dataset(
    name: str,
    *,
    summary: str,
    licence: str,
    obtain: str,
    default_rule: str = "standard",
    gated: bool = False,
    page: str = "",
    citation: str = "",
) -> "Callable[[Callable[[], Adapter]], Callable[[], Adapter]]":
    """Register a function without arguments that returns the adapter.

    `summary` is one line for `list`, `obtain` says how a user gets the files,
    `default_rule` is the protocol `name/<rule>` of a run that names none,
    `gated` that the owner asks for registration; `page` and `citation` are the
    owner's.
    """

    def decorate(make: "Callable[[], Adapter]") -> "Callable[[], Adapter]":
        DATASETS.add(
            DatasetEntry(name, origin_of(make), make, summary, licence, obtain, default_rule, gated, page, citation)
        )
        return make

    return decorate


def register_protocol(
    name: str,
) -> "Callable[[Callable[[], ProtocolFamily]], Callable[[], ProtocolFamily]]":
    """Register a function without arguments that returns the protocol family `dataset/rule`."""

    def decorate(make: "Callable[[], ProtocolFamily]") -> "Callable[[], ProtocolFamily]":
        PROTOCOLS.add(ProtocolEntry(name, origin_of(make), make))
        return make

    return decorate


def register_conversion(architecture: str) -> "Callable[[Callable[[], Conversion]], Callable[[], Conversion]]":
    """Register a function without arguments that returns how public checkpoints of an architecture are converted."""

    def decorate(make: "Callable[[], Conversion]") -> "Callable[[], Conversion]":
        CONVERSIONS.add(ConversionEntry(architecture, origin_of(make), make))
        return make

    return decorate
