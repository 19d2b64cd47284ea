"""The alerts of the app, and what became of them lately."""

from datetime import datetime
from math import inf
from typing import Final

import msgspec

from flask_mlmonitor._app import AppState
from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.deciding import Memory
from flask_mlmonitor.alerts.groups import worst_first
from flask_mlmonitor.clock import Clock, as_datetime, now
from flask_mlmonitor.store.alerting import read_alert_history, read_memory

HISTORY_SECONDS: Final = 7 * 86400.0


class ShownAlert(Alert, frozen=True, kw_only=True, omit_defaults=False):
    """An alert, and who is told of it.

    :param acknowledged: somebody knows of it: it is not repeated unless it becomes worse.
    :param silenced_until: until when nobody is told of it; ``None`` when somebody is.
    """

    acknowledged: bool = False
    silenced_until: datetime | None = None


_ENDED: Final = ("resolved", "sent")
"""What is the last that happens to an alert that is not active."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an alert.

    :param event: such as "fired" or "resolved"; "sent" by a program.
    :param why: why nobody was told of it, where that is so.
    """

    time: datetime
    event: str
    why: str | None
    alert: Alert


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """An app's alerts.

    :param active: those that have fired and are not over, the worst first.
    :param history: what happened in a week, the newest first.
    """

    active: tuple[ShownAlert, ...] = ()
    history: tuple[Happening, ...] = ()


def read_shown_alerts(
    state: AppState, of: tuple[str, str] | None = None, clock: Clock = now
) -> Alerts:
    """Return the app's alerts, or those of one model and version.

    :raises StoreError: when the store does not answer.
    """
    database, current = state.runtime.database, clock()
    if not database.exists():
        return Alerts()
    active = _active(read_memory(database, state.name), current)
    return Alerts(
        active=tuple(one for one in active if _is_of(one, of)),
        history=_happened(state, of, current - HISTORY_SECONDS, current + 1),
    )


def read_alerts_at(state: AppState, of: tuple[str, str], at: float) -> Alerts:
    """Return the alerts of a model and version as they were at a moment, by what happened before.

    Who knew of them, and what was silenced, is not kept.

    :param at: seconds since the epoch.
    :raises StoreError: when the store does not answer.
    """
    last: dict[str, Happening] = {}
    happened = _happened(state, of, -inf, at)
    for one in happened:
        last.setdefault(one.alert.id, one)
    open_then = worst_first(one.alert for one in last.values() if one.event not in _ENDED)
    week = as_datetime(at - HISTORY_SECONDS)
    return Alerts(
        active=tuple(ShownAlert(**msgspec.structs.asdict(alert)) for alert in open_then),
        history=tuple(one for one in happened if one.time >= week),
    )


def _happened(
    state: AppState, of: tuple[str, str] | None, start: float, end: float
) -> tuple[Happening, ...]:
    model = None if of is None else of[0]
    database = state.runtime.database
    found = read_alert_history(database, state.name, start=start, end=end, model=model)
    return tuple(
        Happening(
            time=as_datetime(one.time),
            event=one.transition.event,
            why=one.transition.why,
            alert=one.transition.alert,
        )
        for one in found
        if _is_of(one.transition.alert, of)
    )


def _is_of(alert: Alert, of: tuple[str, str] | None) -> bool:
    return of is None or (alert.model, alert.version) == of


def _active(memory: Memory, current: float) -> list[ShownAlert]:
    known = {one.id for one in memory.series.values() if one.acknowledged}
    return [
        ShownAlert(
            **msgspec.structs.asdict(alert),
            acknowledged=alert.id in known,
            silenced_until=_silenced_until(memory, alert, current),
        )
        for alert in worst_first(memory.open)
    ]


def _silenced_until(memory: Memory, alert: Alert, current: float) -> datetime | None:
    until = [one.until for one in memory.silences if one.covers(alert, current)]
    return as_datetime(max(until)) if until else None
