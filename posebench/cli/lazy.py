"""A group of commands that imports only the one that is called."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands are named by where they stand, `module:command`, and imported when they are asked for.

    Click's own pattern (its documentation, "Complex Applications", lazily
    loading subcommands), with help in the order given and a hint at a mistyped
    command as for a mistyped option. A value may be a command itself, as a
    group below this one is.
    """

    def __init__(self, places: Mapping[str, str | click.Command], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order given."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported; None where there is none."""
        place = self.places.get(cmd_name)
        if not isinstance(place, str):
            return place
        module, _, name = place.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command), place
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's; an unknown command is told the names that are like it, which click takes from what is imported."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=self.places, ctx=ctx) from None
