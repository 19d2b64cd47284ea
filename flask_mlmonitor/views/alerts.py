"""The alerts of the app, and what became of them lately."""

from datetime import datetime
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


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an alert.

    :param event: such as "fired" or "resolved".
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
    memory = read_memory(database, state.name)
    start, end = current - HISTORY_SECONDS, current + 1
    model = None if of is None else of[0]
    history = read_alert_history(database, state.name, start=start, end=end, model=model)
    active = _active(memory, current)
    return Alerts(
        active=tuple(one for one in active if _is_of(one, of)),
        history=tuple(
            Happening(
                time=as_datetime(one.time),
                event=one.transition.event,
                why=one.transition.why,
                alert=one.transition.alert,
            )
            for one in history
            if _is_of(one.transition.alert, of)
        ),
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
