"""`posebench data list` and `info`: what is on this machine, and everything about one data set."""

from typing import Any

import click

from posebench.cli import options
from posebench.cli.console import out, print_json, show_values, table


@click.command("list")
@options.as_json()
def list_data(as_json: bool) -> None:
    """What is on this machine, what is missing, its licence and how to get it."""
    from posebench.results.describe_dataset import list_datasets

    rows = list_datasets()
    if as_json:
        print_json(rows)
        return
    made = table(None, "data set", "state", "sequences", "licence", "how to get it")
    for row in rows:
        made.add_row(row["name"], _state(row), _sequences(row), row["licence"], _how(row))
    out().print(made)
    out().print("`posebench data info NAME` says everything about one.")


def _state(row: dict[str, Any]) -> str:
    if row["problems"]:
        return "damaged"
    forms = f" ({', '.join(row['forms'])})" if set(row["forms"]) - {"own"} else ""
    return f"{row['state']}{forms}"


def _sequences(row: dict[str, Any]) -> str:
    return "\n".join(f"{name} {count:,}" for name, count in row["sequences"].items())


def _how(row: dict[str, Any]) -> str:
    """Nothing for what is here; the command that fetches it, or the owner's condition."""
    if row["problems"]:
        return str(row["problems"][0])
    if row["state"] == "prepared":
        return ""
    return str(row["next"] if " download " in row["next"] else row["obtain"])


@click.command("info")
@options.dataset_name()
@options.as_json()
def info_data(name: str, as_json: bool) -> None:
    """Everything about one data set: licence, citation, forms, splits, protocols, where its store is, the next command."""
    from posebench.results.describe_dataset import describe_dataset

    show_values(name, describe_dataset(name), as_json)
