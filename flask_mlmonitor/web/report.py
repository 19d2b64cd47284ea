"""One model and window as one file, to be mailed and kept."""

from typing import Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.views.alerts import read_alerts_at, read_shown_alerts
from flask_mlmonitor.views.choosing import choose, followed
from flask_mlmonitor.views.models import severity_of
from flask_mlmonitor.web.rendering import hash_of, inline, render
from flask_mlmonitor.web.showing import read_window

_STYLES: Final = ("vendor/uPlot.min.css", "page.css")
_SCRIPTS: Final = ("vendor/uPlot.iife.min.js", "charts.js")


def report(
    state: AppState,
    model: str,
    version: str,
    window: str | None = None,
    until: float | None = None,
) -> str:
    """Return a page that needs no server: styles, scripts and numbers are in it.

    :param until: the window that had ended last by then; by now, if not set.
    :raises Unknown: when there is no such model or window, or nothing was evaluated by then.
    :raises StoreError: when the store does not answer.
    """
    chosen = choose(state, model, version, window, until)
    over = None if until is None else followed(state, chosen)
    of = (model, version)
    alerts = read_shown_alerts(state, of) if over is None else read_alerts_at(state, of, over)
    found, style, script = read_window(state, chosen, alerts), inline(*_STYLES), inline(*_SCRIPTS)
    return render(
        "report.html",
        app=state.name,
        model=model,
        version=version,
        alerts=alerts,
        alerts_at=None if over is None else as_datetime(over),
        severity=severity_of(found["judged"], alerts.active),
        policy=f"default-src 'none'; style-src {hash_of(style)}; script-src {hash_of(script)}",
        style=style,
        script=script,
        **found,
    )
