"""``mlmonitor`` among the app's own commands, so that the app's tests can call it too."""

from typing import Final

import click
from flask.cli import AppGroup

NAME: Final = "mlmonitor"


class Commands(AppGroup):
    """The commands of the entry point, loaded when somebody asks for one of them."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        return _loaded().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return _loaded().list_commands(ctx)


def _loaded() -> click.Group:
    from flask_mlmonitor.cli import cli

    return cli
