"""`posebench convert`: an author's checkpoint becomes weights that `posebench run --weights` takes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from posebench.cli import options
from posebench.cli.console import note, out, print_json
from posebench.errors import UsageError


@click.command()
@click.argument("architecture", help="Lifter that the checkpoint is of, such as videopose3d.")
@click.argument(
    "checkpoint", type=options.PATH, help="The author's file: .bin, .pth, .pth.tar, .pth.tr, .pt, .safetensors."
)
@click.option(
    "--stats",
    type=options.PATH,
    multiple=True,
    help="Mean and deviation kept beside the checkpoint; once for each file.",
)
@click.option(
    "--config",
    multiple=True,
    help="What shapes do not tell: KEY=VALUE, or a JSON or YAML file; ours or the author's names.",
)
@options.output(help="Default: CHECKPOINT.ARCHITECTURE.safetensors in this folder.")
@options.as_json()
def convert(
    architecture: str,
    checkpoint: Path,
    stats: tuple[Path, ...],
    config: tuple[str, ...],
    output: Path | None,
    as_json: bool,
) -> None:
    """Convert a public checkpoint to safetensors and a card; nothing of it is run, and every key is used exactly once."""
    from posebench.conversion.convert import convert as convert_file
    from posebench.conversion.write import notes, write_converted
    from posebench.datasets.library import ensure_writable

    target = output or Path(f"{checkpoint.stem}.{architecture}.safetensors")
    ensure_writable(target.parent)
    given, strict = read_config(config)
    converted = convert_file(architecture, checkpoint, list(stats), given, strict)
    card = write_converted(converted, target)
    if as_json:
        print_json(
            {
                "architecture": architecture,
                "repository": converted.conversion.repository,
                "licence": converted.conversion.licence,
                "source_sha256": converted.checkpoint.sha256,
                "container": converted.checkpoint.container,
                "taken": converted.checkpoint.taken,
                "prefix": converted.checkpoint.prefix,
                "config": converted.config,
                "parameters": converted.parameters,
                "keys": converted.targets,
                "weights": str(target),
                "card": str(card),
            }
        )
        return
    spelled = ", ".join(f"{key}={json.dumps(value)}" for key, value in converted.config.items())
    out().print(
        f"{converted.conversion.repository}: {len(converted.targets)} keys, {converted.parameters:,} parameters"
    )
    out().print(f"configuration: {spelled}", soft_wrap=True)
    for line in notes(converted):
        out().print(line, soft_wrap=True)
    note(f"Written to {target}, card {card}")


def read_config(items: Sequence[str]) -> tuple[dict[str, Any], bool]:
    """The values of `--config`, and whether every one was named on purpose: a file may hold much else.

    A value is JSON where it can be, else text. Raises `UsageError`.
    """
    found: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        found.update({key: _value(value)} if equals and key.isidentifier() else _read_file(Path(item)))
    return found, all("=" in item for item in items)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _read_file(path: Path) -> dict[str, Any]:
    """A JSON or YAML file of names and values; those under `config`, as in a parity file, count as its own."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"--config {path} is neither KEY=VALUE nor a JSON or YAML file that can be read.") from error
    if not isinstance(value, dict):
        raise UsageError(f"--config {path} holds no names and values.")
    inner = value.pop("config", {})
    return {**value, **inner} if isinstance(inner, dict) else value
