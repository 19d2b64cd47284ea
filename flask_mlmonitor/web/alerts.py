"""Alerts over HTTP: who knows of them, and what nobody wants to hear."""

from typing import Final

from flask import request

from flask_mlmonitor import _checking as checking
from flask_mlmonitor._app import AppState
from flask_mlmonitor._quantities import Unreadable, seconds
from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.silences import Silence
from flask_mlmonitor.store.alerting import acknowledge, read_alerts
from flask_mlmonitor.views.choosing import Unknown
from flask_mlmonitor.web.answers import answering

DURATION: Final = "1h"
"""How long a silence lasts of which nobody says how long."""


@answering
def post_acknowledge(state: AppState, alert_id: str) -> Alert:
    """Note that somebody knows of an alert."""
    state.runtime.database.prepare()
    alert = acknowledge(state.runtime.database, state.name, alert_id)
    if alert is None:
        raise _unknown(alert_id)
    return alert


@answering
def post_silence(state: AppState, alert_id: str) -> Silence:
    """Let nobody be told of an alert, and of those that follow it, for a while."""
    duration, why = _asked()
    database = state.runtime.database
    known = read_alerts(database, state.name) if database.exists() else []
    alert = next((one for one in known if one.id == alert_id), None)
    if alert is None:
        raise _unknown(alert_id)
    return checking.silence_alert(state, alert, duration, why=why)


def _asked() -> tuple[float, str]:
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise Unreadable('send a JSON object, such as {"duration": "2h"}')
    try:
        duration = seconds(given.get("duration", DURATION))
    except Unreadable as unreadable:
        raise Unreadable(f"duration: {unreadable}") from None
    if not 0 < duration <= checking.LONGEST_SILENCE:
        raise Unreadable('duration: give a time to come, of a year at most, such as "2h"')
    why = given.get("why", "")
    if not isinstance(why, str):
        raise Unreadable("why: give a text")
    return duration, why


def _unknown(alert_id: str) -> Unknown:
    return Unknown(f"No alert {alert_id} is active.")
