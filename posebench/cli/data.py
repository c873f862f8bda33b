"""`posebench data prepare` and `verify`: the owner's files become a store, and is it right?"""

from pathlib import Path

import click

from posebench.cli import options
from posebench.cli.console import note, out, print_json, progress, table
from posebench.errors import CheckFailedError


@click.command()
@options.dataset_name()
@click.option(
    "--source", type=options.PATH, help="Folder with the files as their owner distributes them, or one such file."
)
def prepare(name: str, source: Path | None) -> None:
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


@click.command()
@options.dataset_name()
@options.as_json()
def verify(name: str, as_json: bool) -> None:
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
