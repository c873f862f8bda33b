"""`posebench data download`: the owner's files, where he gives them to anyone."""

from pathlib import Path

import click

from posebench.cli import options
from posebench.cli.console import note, print_json, progress


@click.command()
@options.dataset_name()
@click.option("--to", type=options.PATH, required=True, help="Folder to put the files in.")
@click.option("--mirror", help="Address to use instead of the owner's; what lies below it is the same.")
@click.option("--accept-licence", is_flag=True, help="You have read the licence and it lets you use the data.")
@options.as_json()
def download(name: str, to: Path, mirror: str | None, accept_licence: bool, as_json: bool) -> None:
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
