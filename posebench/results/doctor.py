"""What `posebench doctor` looks at."""

from collections.abc import Mapping
from dataclasses import dataclass

from posebench.errors import PosebenchError


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    detail: str


def examine(environment: Mapping[str, str]) -> list[Finding]:
    """Look at versions, device, plug-ins, data folder, data sets and every bundled weights file."""
    import torch

    from posebench.results.environment import describe_environment

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    about = describe_environment(device)
    findings = [
        Finding(
            "versions",
            True,
            f"posebench {about.posebench}, Python {about.python}, torch {about.torch}, numpy {about.numpy}",
        ),
        Finding("device", True, about.gpu or f"{about.cpu}, {about.threads} threads, no CUDA device"),
    ]
    return [*findings, *_plugins(), _data_folder(environment), *_datasets(), *_weights()]


def _plugins() -> list[Finding]:
    from posebench.registry.plugins import load_plugins

    return [
        Finding(
            f"plug-in {plugin.name}", plugin.broken is None, f"{plugin.distribution}, {plugin.broken or plugin.module}"
        )
        for plugin in load_plugins()
    ]


def _data_folder(environment: Mapping[str, str]) -> Finding:
    from posebench.datasets.library import data_root, ensure_writable

    where = (
        "POSEBENCH_DATA" if environment.get("POSEBENCH_DATA") else "the platform's default, POSEBENCH_DATA is not set"
    )
    try:
        ensure_writable(data_root())
    except PosebenchError as error:
        return Finding("data folder", False, str(error))
    return Finding("data folder", True, f"{data_root()} ({where})")


def _datasets() -> list[Finding]:
    from posebench.datasets.library import is_prepared, load_dataset
    from posebench.registry.decorators import DATASETS

    findings = []
    for entry in DATASETS:
        try:
            adapter = entry.make()
            if is_prepared(adapter):
                detail = f"prepared, fingerprint {load_dataset(entry.name).fingerprint[:12]}"
            else:
                detail = "generated when first used" if adapter.generated else f"not prepared; {entry.obtain}"
            findings.append(Finding(f"data set {entry.name}", True, detail))
        except PosebenchError as error:
            findings.append(Finding(f"data set {entry.name}", False, str(error)))
    return findings


def _weights() -> list[Finding]:
    from posebench.prediction.weights import find_weights
    from posebench.registry.resolve import model_tags

    findings = []
    for tag in model_tags():
        if tag.described.weights is None or tag.described.weights.file is None:
            continue
        try:
            found = find_weights(tag)
            findings.append(
                Finding(f"weights {tag.name}", True, f"sha256 {found.sha256[:12]} as in the manifest" if found else "")
            )
        except PosebenchError as error:
            findings.append(Finding(f"weights {tag.name}", False, str(error)))
    return findings
