"""`posebench data`: what is here, getting it, preparing it, checking it."""

from pathlib import Path
from typing import Annotated

import typer

from posebench.cli import data_download, data_info
from posebench.cli.console import note, out, print_json, progress, table
from posebench.errors import CheckFailedError

app = typer.Typer(help="Data sets: list, info, download, prepare, verify.", no_args_is_help=True, rich_markup_mode=None)


app.command("list")(data_info.list_data)
app.command("info")(data_info.info_data)
app.command("download")(data_download.download)


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="Data set.")],
    source: Annotated[
        Path | None, typer.Option(help="Folder with the files as their owner distributes them, or one such file.")
    ] = None,
) -> None:
    """Read a data set from its owner's files into a memory-mapped store."""
    from posebench.datasets.library import prepare_dataset

    with progress({"prepare": f"preparing {name} (clips)"}) as report:
        prepared = prepare_dataset(name, source, lambda done, total: report("prepare", done, total))
    for dataset in prepared:
        form = f" in the form {dataset.form!r}" if dataset.form else ""
        note(f"Prepared {dataset.name}{form}, version {dataset.version}: {dataset.path}")
        made = table(None, "split", "sequences", "camera frames", numeric=("sequences", "camera frames"))
        for split in dataset.splits:
            infos = dataset.sequences(split)
            made.add_row(split, str(len(infos)), f"{sum(info.frames for info in infos):,}")
        out().print(made)
        if dataset.sources:
            out().print(f"stored 2D: {', '.join(dataset.sources)}")
        out().print(f"ground truth: {', '.join(dataset.truths)}; joints: {dataset.skeleton.name}")
        out().print(f"fingerprint {dataset.fingerprint}")


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="Data set.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a prepared data set: bones, left and right, units, frame counts; exit 1 if something is wrong."""
    from posebench.datasets.library import find_adapter, prepared_forms, verify_dataset

    found = [(form, verify_dataset(name, form)) for form in prepared_forms(find_adapter(name)) or ("",)]
    checks = [check for _, own in found for check in own]
    if as_json:
        print_json(
            [
                {"form": form, "name": check.name, "passed": check.passed, "detail": check.detail}
                for form, own in found
                for check in own
            ]
        )
    else:
        for form, own in found:
            made = table(f"{name}, form {form}" if form else None, "check", "", "finding")
            for check in own:
                made.add_row(check.name, "ok" if check.passed else "WRONG", check.detail)
            out().print(made)
    failed = [check for check in checks if not check.passed]
    if failed:
        raise CheckFailedError(
            f"{name} fails {len(failed)} of {len(checks)} checks, first {failed[0].name}: {failed[0].detail}"
        )
