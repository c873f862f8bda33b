"""`posebench weights`: what there is, fetching it, checking it, putting it on the Hub."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from posebench.cli import options
from posebench.cli.console import note, out, print_json, progress, table
from posebench.errors import CheckFailedError, UsageError

FETCHING = {"weights": "fetching weights (bytes)"}


@click.command()
@click.argument("models", nargs=-1, required=True, help="Lifters: architecture or architecture.tag.")
def pull(models: tuple[str, ...]) -> None:
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


@click.command("list")
@options.pattern()
@options.as_json()
def list_weights(pattern: str, as_json: bool) -> None:
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


@click.command()
@click.argument("model", required=False, help="Lifter; default: all with weights.")
@options.as_json()
def verify(model: str | None, as_json: bool) -> None:
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


@click.command()
@click.argument("model", help="Lifter that the file is for: architecture.tag.")
@click.argument("file", type=options.PATH, help="Safetensors file.")
@click.option("--repo", required=True, help="Repository OWNER/NAME; made if it is not there.")
@click.option("--licence", help="Under which others may use it; default: as registered.")
@click.option("--trained-on", multiple=True, help="dataset/split@version+source; give it for each data set.")
@click.option("--public/--private", default=False, help="Who may read a repository made now.")
@options.as_json()
def push(
    model: str, file: Path, repo: str, licence: str | None, trained_on: tuple[str, ...], public: bool, as_json: bool
) -> None:
    """Put weights and their card on the Hub with your token; prints the commit and the lines for a manifest."""
    from posebench.prediction.hub_card import manifest_lines, training_sets
    from posebench.prediction.hub_push import describe_file
    from posebench.prediction.hub_push import push as push_file
    from posebench.registry.resolve import resolve_model

    tag = resolve_model(model)
    described = describe_file(tag, file, licence, training_sets(trained_on))
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
