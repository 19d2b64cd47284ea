"""The group of commands, and what each of them begins with."""

from typing import Final

import click
from flask.cli import AppGroup

from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor.background.runtime import Runtime
from flask_mlmonitor.exceptions import MLMonitorError

cli: Final = AppGroup("mlmonitor", help="Monitor the models that this app serves.")


def state_of_app() -> AppState:
    """Return the monitor's state of the app that the command was given.

    :raises click.ClickException: when the app has no monitor.
    """
    try:
        return current_state()
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None


def runtime_of_app() -> Runtime:
    """Return the runtime of this process for that app.

    :raises click.ClickException: when it cannot start.
    """
    try:
        return state_of_app().runtime
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None


def only_version(model: str) -> str:
    """Return the version of a model of the app that has one.

    :raises click.UsageError: when it has several.
    """
    versions = [one.version for one in state_of_app().declarations() if one.model == model]
    if len(versions) > 1:
        raise click.UsageError(f"give one of the versions of {model}: {', '.join(versions)}.")
    return versions[0] if versions else "1"
