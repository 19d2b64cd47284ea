"""``flask mlmonitor provision``."""

import sys
from pathlib import Path
from typing import Final

import click
from flask import Flask
from flask.cli import ScriptInfo

from flask_mlmonitor.cli.group import cli, state_of_app
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.provision.deployment import deployment

_APPS: Final = ("app", "application")
_FACTORIES: Final = ("create_app", "make_app")


@cli.command("provision")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite what is there and differs.")
def provision(folder: Path, force: bool) -> None:
    """Write what it takes to run this app and to watch it, from its own config, to DIR.

    For Prometheus, with rules, Alertmanager and Grafana, with dashboards; a compose file, units of
    systemd, an example for Kubernetes, and the runbook. Nothing secret is written: DIR/README.md
    says which secrets go where.

    Example: flask --app service mlmonitor provision deploy
    """
    state = state_of_app()
    try:
        texts = deployment(state, _target())
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None
    files = {folder / path: text for path, text in texts.items()}
    try:
        _write(files, force=force)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    click.echo(f"Wrote {len(files)} files. Begin with {folder / 'README.md'}.", err=True)


def _write(files: dict[Path, str], *, force: bool) -> None:
    others = [
        path for path, text in files.items() if path.exists() and path.read_bytes() != text.encode()
    ]
    if others and not force:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise click.ClickException(
            f"{others[0]}{more} would be overwritten, and differ: take another folder, or --force"
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _target() -> str:
    """Return the app as it was named, so that gunicorn and systemd find it too."""
    path = click.get_current_context().ensure_object(ScriptInfo).app_import_path or "app"
    module, _, attribute = path.partition(":")
    if module.endswith(".py"):
        module = Path(module).stem
    return f"{module}:{attribute or _attribute(module)}"


def _attribute(module: str) -> str:
    """Return the name under which flask found the app in a module by itself."""
    found = vars(sys.modules[module]) if module in sys.modules else {}
    apps = [name for name, value in found.items() if isinstance(value, Flask)]
    factories = [f"{name}()" for name in _FACTORIES if callable(found.get(name))]
    usual = [name for name in _APPS if name in apps]
    return next(iter([*usual, *apps, *factories]), _APPS[0])
