"""One model and window as one file, to be mailed and kept."""

import hashlib
from base64 import b64encode
from importlib.resources import files
from typing import Final

from markupsafe import Markup

from flask_mlmonitor._app import AppState
from flask_mlmonitor.views.choosing import Unknown
from flask_mlmonitor.web.rendering import render
from flask_mlmonitor.web.showing import read_shown

_STYLES: Final = ("vendor/uPlot.min.css", "page.css")
_SCRIPTS: Final = ("vendor/uPlot.iife.min.js", "charts.js")


def report(state: AppState, model: str, version: str, window: str | None = None) -> str:
    """Return a page that needs no server: styles, scripts and numbers are in it.

    :raises Unknown: when there is no such model or window, or nothing was evaluated yet.
    :raises StoreError: when the store does not answer.
    """
    found = read_shown(state, model, version, window)
    if found["window"] is None:
        raise Unknown(f"Nothing is known of {model} {version} yet: run `flask mlmonitor evaluate`.")
    drift, style, script = found["drift"], _text(_STYLES), _text(_SCRIPTS)
    return render(
        "report.html",
        app=state.name,
        kind="unknown" if drift.status == "not_enough_data" else drift.verdict.severity,
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}",
        style=style,
        script=script,
        **found,
    )


def _text(names: tuple[str, ...]) -> Markup:
    folder = files("flask_mlmonitor.web") / "static"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def _hash(text: str) -> str:
    """Return what allows a browser this very text, and no other."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
