"""Alerts over HTTP: which there are, who knows of them, and what nobody wants to hear."""

from typing import Any, Final

import msgspec
from flask import Response, jsonify, request

from flask_mlmonitor import _checking as checking
from flask_mlmonitor._app import AppState
from flask_mlmonitor._quantities import Unreadable, seconds
from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.clock import now
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.alerting import acknowledge, read_alert_history, read_alerts
from flask_mlmonitor.store.patience import in_a_request
from flask_mlmonitor.web.problems import problem

HISTORY_SECONDS: Final = 7 * 86400.0
DURATION: Final = "1h"
"""How long a silence lasts of which nobody says how long."""


def get_alerts(state: AppState) -> Response:
    """Answer with the alerts that have fired and are not over, and what happened in a week."""
    database, current = state.runtime.database, now()
    try:
        with in_a_request():
            if not database.exists():
                return jsonify(active=[], history=[])
            active = read_alerts(database, state.name)
            start = current - HISTORY_SECONDS
            history = read_alert_history(database, state.name, start=start, end=current + 1)
    except StoreError as error:
        return _away(error)
    return jsonify(
        active=[_plain(alert) for alert in active],
        history=[
            {
                "time": msgspec.to_builtins(one.time),
                "event": one.transition.event,
                "why": one.transition.why,
                "alert": _plain(one.transition.alert),
            }
            for one in history
        ],
    )


def post_acknowledge(state: AppState, alert_id: str) -> Response:
    """Note that somebody knows of an alert."""
    try:
        with in_a_request():
            state.runtime.database.prepare()
            alert = acknowledge(state.runtime.database, state.name, alert_id)
    except StoreError as error:
        return _away(error)
    return _unknown(alert_id) if alert is None else jsonify(_plain(alert))


def post_silence(state: AppState, alert_id: str) -> Response:
    """Let nobody be told of an alert, and of those that follow it, for a while."""
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        return problem(400, "Bad request", 'Send a JSON object, such as {"duration": "2h"}.')
    try:
        duration = seconds(given.get("duration", DURATION))
    except Unreadable as unreadable:
        return problem(400, "Bad request", f"duration: {unreadable}.")
    why = given.get("why", "")
    if duration <= 0 or not isinstance(why, str):
        return problem(400, "Bad request", "Give a duration to come, and why as a text.")
    try:
        with in_a_request():
            database = state.runtime.database
            known = read_alerts(database, state.name) if database.exists() else []
            alert = next((one for one in known if one.id == alert_id), None)
            if alert is None:
                return _unknown(alert_id)
            silence = checking.silence(
                state,
                duration,
                why=why,
                model=alert.model,
                version=alert.version,
                metric=alert.metric,
                feature=alert.feature,
            )
    except StoreError as error:
        return _away(error)
    return jsonify(msgspec.to_builtins(silence))


def _plain(alert: Alert) -> Any:
    return msgspec.to_builtins(alert)


def _unknown(alert_id: str) -> Response:
    return problem(404, "Not found", f"No alert {alert_id} is active.")


def _away(error: StoreError) -> Response:
    return problem(503, "The store cannot be used", str(error), {"Retry-After": "5"})
