"""`posebench weights`: what there is, fetching it, checking it, putting it on the Hub."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from posebench.cli.console import note, out, print_json, progress, table
from posebench.errors import CheckFailedError, UsageError

app = typer.Typer(help="Weights: pull, list, verify, push.", no_args_is_help=True, rich_markup_mode=None)

FETCHING = {"weights": "fetching weights (bytes)"}


@app.command()
def pull(
    models: Annotated[list[str], typer.Argument(help="Lifters: architecture or architecture.tag.")],
) -> None:
    """Fetch weights from the Hub, checked; the same command takes up what was interrupted and replaces what is damaged."""
    from posebench.prediction.weights import pull_weights
    from posebench.registry.resolve import resolve_model

    for tag in [resolve_model(name) for name in models]:
        with progress(FETCHING) as report:
            file = pull_weights(tag, lambda done, total: report("weights", done, total))
        if file is None:
            note(f"{tag.name} needs no weights.")
        else:
            out().print(f"{tag.name}: {file.path} ({file.origin}, sha256 {file.sha256})", soft_wrap=True)


@app.command("list")
def list_weights(
    pattern: Annotated[str, typer.Argument(help="Shell wildcard, such as 'videopose3d*'.")] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Every tag with weights: where they come from, whether they are here, size, hash, licence."""
    from posebench.prediction.weights_state import weights_state
    from posebench.registry.resolve import model_tags

    states = [state for tag in model_tags(pattern) if (state := weights_state(tag))]
    if as_json:
        print_json([_plain(asdict(state)) for state in states])
        return
    if not states:
        out().print(f"No tag under {pattern!r} has weights.")
        return
    made = table(None, "name", "from", "here", "MB", "sha256", "licence", numeric=("MB",))
    for state in states:
        size = "–" if state.bytes is None else f"{state.bytes / 1e6:.1f}"
        made.add_row(state.name, state.origin, _here(state.path), size, state.sha256[:12], state.licence)
    out().print(made)


@app.command()
def verify(
    model: Annotated[str | None, typer.Argument(help="Lifter; default: all with weights.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hash the bundled files and those fetched from the Hub; exit 1 if one is not the file the manifest names."""
    from posebench.prediction.weights_state import checked, weights_state
    from posebench.registry.resolve import model_tags, resolve_model

    tags = model_tags() if model is None else [resolve_model(model)]
    states = [state for tag in tags if (state := weights_state(tag))]
    if model is not None and not states:
        raise UsageError(f"{tags[0].name} has no registered weights to verify; see `posebench weights list`.")
    found = [(state, checked(state)) for state in states]
    if as_json:
        print_json([_plain({**asdict(state), "state": result}) for state, result in found])
    else:
        made = table(None, "name", "from", "sha256", "")
        for state, result in found:
            made.add_row(state.name, state.origin, state.sha256[:12], result)
        out().print(made)
    wrong = [(state, result) for state, result in found if result in ("missing", "differs")]
    if wrong:
        state, result = wrong[0]
        # A bundled file comes with the package, one of the Hub is fetched again.
        again = "install posebench again" if state.origin == "bundled" else f"run `posebench weights pull {state.name}`"
        raise CheckFailedError(
            f"{len(wrong)} of {len(found)} weights are not what the manifest names, first {state.name} ({state.file}: {result}); "
            f"{again}."
        )


@app.command()
def push(
    model: Annotated[str, typer.Argument(help="Lifter that the file is for: architecture.tag.")],
    file: Annotated[Path, typer.Argument(help="Safetensors file.")],
    repo: Annotated[str, typer.Option(help="Repository OWNER/NAME; made if it is not there.")],
    licence: Annotated[str | None, typer.Option(help="Under which others may use it; default: as registered.")] = None,
    trained_on: Annotated[
        list[str] | None, typer.Option(help="dataset/split@version+source; give it for each data set.")
    ] = None,
    public: Annotated[bool, typer.Option("--public/--private", help="Who may read a repository made now.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put weights and their card on the Hub with your token; prints the commit and the lines for a manifest."""
    from posebench.prediction.hub_card import manifest_lines, training_sets
    from posebench.prediction.hub_push import describe_file
    from posebench.prediction.hub_push import push as push_file
    from posebench.registry.resolve import resolve_model

    tag = resolve_model(model)
    described = describe_file(tag, file, licence, training_sets(trained_on or ()))
    pushed = push_file(tag, file, described, repo, private=not public)
    lines = manifest_lines(repo, pushed.revision, described)
    if as_json:
        print_json({"repository": repo, "revision": pushed.revision, "sha256": described.sha256, "manifest": lines})
        return
    note(f"Pushed {described.name} and its card to {repo}; to register it, add to {tag.name} in a manifest:")
    out().print(f"revision {pushed.revision}", soft_wrap=True)
    print(lines, end="")


def _here(path: Path | None) -> str:
    return "no" if path is None else "yes"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "path": str(row["path"]) if row["path"] else None}
