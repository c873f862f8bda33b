"""Our lifters beside public networks: `NAME.safetensors` converted, loaded, run, held against `NAME_io.npz`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posebench.conformance.stored import read_json
from posebench.conversion.configure import infer_config
from posebench.conversion.container import read_checkpoint
from posebench.conversion.rules import Conversion
from posebench.conversion.state import map_state, rename, shapes_of
from posebench.errors import DataMissingError, PosebenchError, WeightsError
from posebench.npz import read_npz
from posebench.prediction.create import build_module
from posebench.registry.decorators import CONVERSIONS
from posebench.registry.plugins import load_plugins
from posebench.registry.resolve import resolve_model

#: Largest absolute difference of an output.
TOLERANCE = 1e-5
#: What a name needs.
PARTS = (".safetensors", ".json", "_io.npz")


@dataclass(frozen=True)
class ModelComparison:
    """One public network and ours. `finding` is empty or says in a line what was wrong."""

    name: str
    architecture: str | None
    parameters: int | None
    difference: float | None
    passed: bool
    finding: str = ""


def verify_models(folder: Path) -> list[ModelComparison]:
    """Compare every NAME of a folder; what stops one is its finding, and the others are still compared.

    Raises `DataMissingError` when there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise DataMissingError(
            f"There is no folder {folder}; name one that holds NAME.safetensors, NAME.json, NAME_io.npz."
        )
    load_plugins()
    names = {path.name.removesuffix(part) for path in folder.iterdir() for part in PARTS if path.name.endswith(part)}
    if not names:
        raise DataMissingError(f"The folder {folder} holds no NAME.safetensors, NAME.json, NAME_io.npz.")
    return [_compare(folder, name) for name in sorted(names)]


def conversion_of(name: str) -> Conversion:
    """The conversion whose parity name, or architecture, is the longest beginning of `name`; raises `WeightsError`."""
    known = {
        prefix: conversion
        for entry in CONVERSIONS
        for conversion in [entry.make()]
        for prefix in (conversion.architecture, *conversion.parity)
        if name.startswith(prefix)
    }
    if not known:
        raise WeightsError(f"no converter's name is a beginning of it; there are {', '.join(CONVERSIONS.names())}")
    return known[max(known, key=len)]


def _compare(folder: Path, name: str) -> ModelComparison:
    architecture: str | None = None
    try:
        conversion = conversion_of(name)
        architecture = conversion.architecture
        for part in PARTS:
            if not (folder / f"{name}{part}").is_file():
                raise DataMissingError(f"{name}{part} is missing")
        return _run(folder, name, conversion)
    except PosebenchError as error:
        return ModelComparison(name, architecture, None, None, False, str(error))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        # Contents of an unexpected shape: whatever of the arithmetic noticed it.
        first = (str(error).splitlines() or [""])[0]
        return ModelComparison(name, architecture, None, None, False, f"{type(error).__name__}: {first}")


def _run(folder: Path, name: str, conversion: Conversion) -> ModelComparison:
    described = read_json(folder / f"{name}.json")
    checkpoint = read_checkpoint(folder / f"{name}.safetensors")
    shapes = shapes_of(checkpoint.tensors)
    targets = rename(conversion, shapes)
    public = {**{key: value for key, value in described.items() if key != "config"}, **described["config"]}
    config = {**infer_config(conversion, shapes), **conversion.translate(public)}
    module = build_module(resolve_model(conversion.architecture), config)
    # A bare network has no statistics: those that the lifter begins with are of no effect.
    own = module.state_dict()
    state = map_state(conversion, module, checkpoint.tensors, targets, {key: own[key] for key in conversion.statistics})
    module.load_state_dict(state.tensors, strict=True)
    arrays = read_npz(folder / f"{name}_io.npz")
    expected = arrays.pop("output")
    with torch.inference_mode():
        ours = conversion.run(module, arrays).numpy()
    count = sum(parameter.numel() for parameter in module.parameters())
    findings = list(_findings(described["parameters"], count, expected, ours))
    difference = float(np.abs(ours - expected).max()) if ours.shape == expected.shape else None
    return ModelComparison(name, conversion.architecture, count, difference, not findings, "; ".join(findings))


def _findings(expected_count: int, count: int, expected: Any, ours: Any) -> Iterator[str]:
    if count != expected_count:
        yield f"{count:,} parameters instead of {expected_count:,}"
    if ours.shape != expected.shape:
        yield f"output {ours.shape} instead of {expected.shape}"
    # NaN is not within the tolerance.
    elif not np.abs(ours - expected).max() <= TOLERANCE:
        yield f"differs by more than {TOLERANCE:g}"
