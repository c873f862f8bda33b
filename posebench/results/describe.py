"""What `posebench info` says: a lifter, a data set or a protocol as plain values. Imports no torch."""

from typing import Any

from msgspec import to_builtins

from posebench.prediction.hub import cached
from posebench.prediction.spec import ASSISTING
from posebench.registry.decorators import DATASETS, LIFTERS, PROTOCOLS
from posebench.registry.entries import unknown_name
from posebench.registry.plugins import load_plugins, provided_by
from posebench.registry.resolve import ModelTag, model_tags, resolve_model
from posebench.results.describe_dataset import describe_dataset


def describe(name: str) -> dict[str, Any]:
    """Plain values about `name`; raises `UnknownNameError` with the nearest names of any kind."""
    load_plugins()
    if name in DATASETS:
        return describe_dataset(name)
    if "/" in name:
        return _describe_protocol(name)
    if name.partition(".")[0] in LIFTERS:
        return _describe_model(resolve_model(name))
    everything = [*LIFTERS.names(), *(tag.name for tag in model_tags()), *DATASETS.names(), *PROTOCOLS.names()]
    raise unknown_name("lifter, data set or protocol", name, everything)


def _describe_model(tag: ModelTag) -> dict[str, Any]:
    described, spec = tag.described, tag.entry.spec(tag.config)
    weights: dict[str, Any] = {"order": "explicit --weights FILE, then bundled file, then Hub"}
    if described.weights is not None:
        weights.update((key, value) for key, value in to_builtins(described.weights).items() if value is not None)
        weights["resolves to"] = "bundled file" if described.weights.file else "Hub"
        if described.weights.hub is not None:
            weights["here"] = "yes" if cached(described.weights.hub) else "no: fetched when first used"
    else:
        weights["resolves to"] = (
            "nothing: give --weights FILE" if described.needs_weights else "nothing: none are needed"
        )
    return {
        "model": tag.name,
        "default tag": tag.is_default,
        "summary": described.summary,
        "origin": tag.entry.origin,
        "provided by": provided_by("lifter", tag.architecture),
        "published as": tag.paper.title if tag.paper else None,
        "citation": tag.paper.citation if tag.paper else None,
        "config": tag.config,
        "settings": described.settings,
        "window": spec.window,
        "stride": spec.stride if spec.stride is not None else "whole sequence",
        "tail rule": spec.tail,
        "look-ahead": spec.look_ahead,
        "space": spec.space,
        "privileges": list(spec.privileges),
        "its columns": "assisted" if ASSISTING.intersection(spec.privileges) else "honest",
        "accepts missing joints": spec.accepts_missing,
        "samples (--hypotheses, --steps)": spec.samples,
        "training frame rate": spec.fps,
        "fitted on the training split at run time": spec.fitted,
        "infers the action (--show-prompts)": spec.describes,
        "generates poses (generate, complete, denoise)": spec.generates,
        "weights": weights,
        "trained on": [to_builtins(item) for item in described.trained_on],
        "card": described.card,
        "reported by the paper": [to_builtins(n) for n in tag.paper.reported] if tag.paper else [],
    }


def _describe_protocol(name: str) -> dict[str, Any]:
    from posebench.protocols.resolve import find_family, resolve_protocol

    protocol = resolve_protocol(name)
    family = find_family(protocol.id.partition("+")[0])
    return {
        "protocol": protocol.id,
        "provided by": provided_by("protocol", family.name),
        "2D sources": family.sources,
        "inputs": protocol.inputs.to_json(),
        "inputs hash": protocol.inputs.hash,
        "scoring": protocol.scoring.to_json(),
        "scoring hash": protocol.scoring.hash,
        "granted privileges that make a number assisted": sorted(ASSISTING.intersection(protocol.inputs.grants)),
        "aggregates": _aggregate_kinds(protocol.scoring.aggregates),
    }


def _aggregate_kinds(aggregates: tuple[str, ...]) -> dict[str, str]:
    from posebench.metrics.hypotheses import AGGREGATES

    return {name: f"{type(AGGREGATES[name]).__name__}: {AGGREGATES[name].title}" for name in aggregates}
