"""`posebench data download`: the owner's files, where he gives them to anyone."""

from pathlib import Path
from typing import Annotated

import typer

from posebench.cli.console import note, print_json, progress


def download(
    name: Annotated[str, typer.Argument(help="Data set.")],
    to: Annotated[Path, typer.Option(help="Folder to put the files in.")],
    mirror: Annotated[
        str | None, typer.Option(help="Address to use instead of the owner's; what lies below it is the same.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read the licence and it lets you use the data.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fetch a data set's files from its owner, checked; the same command takes up what was interrupted."""
    from posebench.datasets.download import download_dataset, find_download
    from posebench.registry.decorators import DATASETS

    find_download(name)
    entry = DATASETS.get(name)
    note(f"Licence of {name}: {entry.licence} ({entry.page}). Cite: {entry.citation}.")
    labels = {"files": f"downloading {name} (files)", "bytes": "this file (MB)", "unpack": "unpacking (files)"}
    with progress(labels) as bars:

        def report(stage: str, done: int, total: int | None) -> None:
            unit = 10**6 if stage == "bytes" else 1
            bars(stage, done // unit, None if total is None else -(-total // unit))

        outcome = download_dataset(name, to, mirror, accept_licence, report)
    for line in outcome.notes:
        note(f"{line}.")
    if as_json:
        print_json({"folder": str(to), "fetched": outcome.fetched, "present": outcome.present})
        return
    note(f"{outcome.fetched} files fetched, {outcome.present} were there: {to}")
    note(f"Next: posebench data prepare {name} --source {to}")
