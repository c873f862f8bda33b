"""What `posebench data list`, `data info` and `info` say of a data set, as plain values. Imports no torch."""

from typing import Any

from posebench.datasets.adapter import Adapter, Form
from posebench.datasets.downloads.manifest import DOWNLOADS
from posebench.datasets.library import is_prepared, store_path
from posebench.datasets.store import Dataset
from posebench.errors import PosebenchError
from posebench.registry.decorators import DATASETS, PROTOCOLS
from posebench.registry.entries import DatasetEntry
from posebench.registry.plugins import load_plugins, provided_by


def list_datasets() -> list[dict[str, Any]]:
    """One row a data set: state, sequences by split of what is prepared, licence, how to get it."""
    load_plugins()
    rows = []
    for entry in DATASETS:
        adapter = entry.make()
        forms = [_describe_form(adapter, form) for form in adapter.forms]
        prepared = [form for form in forms if form["prepared"]]
        first = next((form for form in prepared if "splits" in form), None)
        rows.append(
            {
                "name": entry.name,
                "state": "prepared" if prepared else "generated" if adapter.generated else "missing",
                "version": adapter.version,
                "forms": [form["form"] for form in prepared],
                "sequences": {name: split["sequences"] for name, split in first["splits"].items()} if first else {},
                "problems": [form["problem"] for form in prepared if "problem" in form],
                "summary": entry.summary,
                "licence": entry.licence,
                "gated": entry.gated,
                "obtain": entry.obtain,
                "next": _next_command(entry, adapter),
            }
        )
    return rows


def describe_dataset(name: str) -> dict[str, Any]:
    """Everything about one data set; raises `UnknownNameError` with the nearest names."""
    load_plugins()
    entry = DATASETS.get(name)
    adapter = entry.make()
    forms = [_describe_form(adapter, form) for form in adapter.forms]
    default = f"{name}/{entry.default_rule}"
    return {
        "data set": name,
        "summary": entry.summary,
        "licence": entry.licence,
        "registration": "needed" if entry.gated else "not needed",
        "owner's page": entry.page or None,
        "citation": entry.citation or None,
        "how to get it": entry.obtain,
        "origin": entry.origin,
        "provided by": provided_by("data set", name),
        "adapter version": adapter.version,
        "ground truth is made from the 2D": adapter.pseudo_truth,
        "joints": adapter.forms[0].skeleton.name,
        "frame rate": adapter.forms[0].fps,
        "protocols": PROTOCOLS.names(f"{name}/*"),
        "default protocol": default if default in PROTOCOLS else None,
        "prepared": any(form["prepared"] for form in forms),
        "forms": forms,
        "next": _next_command(entry, adapter),
    }


def _describe_form(adapter: Adapter, form: Form) -> dict[str, Any]:
    """A form, and its store if there is one; a store that cannot be opened is a `problem`."""
    path = store_path(adapter, form.name)
    value: dict[str, Any] = {
        "form": form.name or "own",
        "joints": form.skeleton.name,
        "frame rate": form.fps,
        "ground truth": form.truth,
        "prepared": is_prepared(adapter, form.name),
        "store": str(path),
    }
    if form.needs:
        value["needs"] = form.needs
    if not value["prepared"]:
        return value
    try:
        dataset = Dataset(path)
    except PosebenchError as error:
        return {**value, "problem": str(error)}
    splits = {name: dataset.sequences(name) for name in dataset.splits}
    return {
        **value,
        "fingerprint": dataset.fingerprint,
        "ground truths": list(dataset.truths),
        "stored 2D": list(dataset.sources),
        "splits": {
            name: {"sequences": len(infos), "camera frames": sum(info.frames for info in infos)}
            for name, infos in splits.items()
        },
    }


def _next_command(entry: DatasetEntry, adapter: Adapter) -> str:
    """The command that a user who wants this data set types next."""
    if adapter.generated or any(is_prepared(adapter, form.name) for form in adapter.forms):
        return f"posebench run -m videopose3d -d {entry.name}"
    if entry.name in DOWNLOADS:
        accept = " --accept-licence" if DOWNLOADS[entry.name].must_accept else ""
        return f"posebench data download {entry.name} --to DIR{accept}"
    return f"posebench data prepare {entry.name} --source DIR"
