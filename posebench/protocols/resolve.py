"""From what a user typed to a protocol value."""

from posebench.errors import UsageError
from posebench.protocols.protocol import Protocol, ProtocolFamily, parse_protocol_id
from posebench.registry.decorators import DATASETS, PROTOCOLS
from posebench.registry.entries import unknown_name
from posebench.registry.plugins import load_plugins


def find_family(name: str) -> ProtocolFamily:
    """The family registered as `dataset/rule`; raises `UnknownNameError` with the nearest names."""
    load_plugins()
    return PROTOCOLS.get(name).make()


def resolve_protocol(text: str | None = None, dataset: str | None = None, source: str | None = None) -> Protocol:
    """The protocol of `dataset/rule[+source][@version]`, or the default rule of a data set.

    `text` may leave the data set away when `dataset` is given. Raises
    `UnknownNameError`, and `UsageError` when parts contradict each other.
    """
    load_plugins()
    if dataset is not None and dataset not in DATASETS:
        raise unknown_name("data set", dataset, DATASETS.names())
    if text is None:
        if dataset is None:
            raise UsageError("Say what to evaluate on: --dataset D or --protocol P.")
        text = f"{dataset}/{DATASETS.get(dataset).default_rule}"
        if text not in PROTOCOLS:
            raise UsageError(f"No protocol {text!r} is registered; register one, or say which with --protocol.")
    elif "/" not in text and dataset is not None:
        text = f"{dataset}/{text}"
    name, own_source, version = parse_protocol_id(text)
    if dataset is not None and name.split("/")[0] != dataset:
        raise UsageError(f"The protocol {text!r} is not one of the data set {dataset!r}.")
    if source is not None and own_source is not None and source != own_source:
        raise UsageError(
            f"The protocol {text!r} names the 2D source {own_source!r}, --keypoints asks {source!r}; leave one away."
        )
    protocol = find_family(name).with_source(source or own_source)
    if version is not None and version != protocol.scoring.version:
        raise UsageError(
            f"{name} is at version {protocol.scoring.version}; version {version} is not in this posebench."
        )
    return protocol
