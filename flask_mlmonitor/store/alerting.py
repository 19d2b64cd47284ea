"""Alerts in the store: what is known of them, decided upon and written in one transaction."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, delete, select, update

from flask_mlmonitor.alerts.alert import Alert, Notification
from flask_mlmonitor.alerts.deciding import Decision, Memory
from flask_mlmonitor.alerts.groups import worst_first
from flask_mlmonitor.alerts.series import OPEN, Series
from flask_mlmonitor.alerts.silences import Silence
from flask_mlmonitor.alerts.states import Transition
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.alert_rows import (
    Damaged,
    alert_of,
    readable,
    remembered,
    series_of,
    set_aside,
    silence_of,
)
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import insert_new, lock
from flask_mlmonitor.store.leases import Lease

Post = Callable[[Connection, Sequence[Notification]], None]
"""Adds messages to the outbox in the transaction that decided to send them."""

_PART: Final = 500
"""How many rows a statement names: databases have a limit."""


class Happening(NamedTuple):
    """A line of the history of alerts.

    :param time: seconds since the epoch.
    """

    time: float
    transition: Transition


def settle(
    database: Database,
    app: str,
    decide: Callable[[Memory], Decision],
    *,
    post: Post,
    on_damage: Callable[[Damaged], object],
    lease: Lease | None = None,
) -> Decision | None:
    """Load what is known of an app's alerts, decide, and write all that follows.

    Either all of it is written or nothing, and nobody decides meanwhile: whoever comes second
    decides upon what the first one wrote.

    :param decide: a pure function.
    :param post: adds the messages, of which there may be none, in the same transaction.
    :param on_damage: called with each row that meant nothing and was set aside.
    :param lease: under which this process decides; without one it does so by hand.
    :return: ``None`` when the lease has passed to another process: then nothing is written.
    :raises StoreUnavailable: when the store does not answer.
    """
    with database.writing() as connection:
        lock(connection, f"alerts of {app}")
        if lease is not None and not _holds(connection, lease):
            return None
        memory, damages = remembered(connection, app)
        decision = decide(memory)
        set_aside(connection, app, damages, decision.time)
        _write(connection, app, decision)
        post(connection, decision.notifications)
    for one in damages:
        on_damage(one.fault)
    return decision


def read_memory(database: Database, app: str) -> Memory:
    """Return what is known of an app's alerts.

    :raises StoreUnavailable: when the store does not answer.
    """
    with database.reading() as connection:
        return remembered(connection, app)[0]


def read_alerts(database: Database, app: str) -> list[Alert]:
    """Return an app's alerts that have fired and are not over, the worst first.

    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.alerts.c
    query = select(table.series).where(table.app == app, table.state.in_(OPEN))
    with database.reading() as connection:
        found = readable(series_of, connection.execute(query).scalars())
    return worst_first(series.alert for series in found)


def read_heard(database: Database, app: str, now: float) -> list[Alert]:
    """Return those among them that are not silenced now, or that people were told of before.

    :param now: seconds since the epoch.
    :raises StoreUnavailable: when the store does not answer.
    """
    memory = read_memory(database, app)
    told = {alert_id for group in memory.groups.values() for alert_id in group.told}
    return worst_first(
        alert
        for alert in memory.open
        if alert.id in told or not any(one.covers(alert, now) for one in memory.silences)
    )


def read_alert_history(
    database: Database, app: str, *, start: float, end: float, model: str | None = None
) -> list[Happening]:
    """Return what happened to an app's alerts in [start, end), the newest first.

    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.alert_history.c
    query = select(table.time, table.event, table.alert, table.why)
    query = query.where(table.app == app, table.time >= start, table.time < end)
    if model is not None:
        query = query.where(table.model == model)
    with database.reading() as connection:
        rows = connection.execute(query.order_by(table.time.desc(), table.id)).all()
    return [
        Happening(row.time, Transition(row.event, alert, row.why))
        for row in rows
        for alert in readable(alert_of, [row.alert])
    ]


def acknowledge(database: Database, app: str, alert_id: str) -> Alert | None:
    """Note that somebody knows of an alert; it is not told again unless it becomes worse.

    :return: ``None`` when there is no such alert, or it is over.
    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.alerts
    mine = (table.c.app == app, table.c.id == alert_id)
    with database.writing() as connection:
        lock(connection, f"alerts of {app}")
        texts = connection.execute(select(table.c.series).where(*mine)).scalars()
        found = [one for one in readable(series_of, texts) if one.open]
        if not found:
            return None
        known = msgspec.structs.replace(found[0], acknowledged=True)
        connection.execute(update(table).where(*mine).values(series=_json(known)))
    return known.alert


def add_silence(database: Database, app: str, silence: Silence) -> None:
    """Add a silence, or replace the one of its id.

    :raises StoreUnavailable: when the store does not answer.
    """
    with database.writing() as connection:
        lock(connection, f"alerts of {app}")
        _add_silences(connection, app, [silence])


def add_alert(
    database: Database, app: str, alert: Alert, notification: Notification, *, post: Post
) -> None:
    """Note in the history an alert that a program raised, which has no state, and its message.

    :param post: adds the message, in the same transaction.
    :raises StoreUnavailable: when the store does not answer.
    """
    database.prepare()
    with database.writing() as connection:
        rows = [_event(app, alert.since.timestamp(), Transition("sent", alert))]
        insert_new(connection, tables.alert_history, rows)
        post(connection, [notification])


def read_silences(database: Database, app: str, now: float) -> list[Silence]:
    """Return the silences that hold now, the first to end first.

    :param now: seconds since the epoch.
    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.silences.c
    query = select(table.silence).where(table.app == app, table.until > now).order_by(table.until)
    with database.reading() as connection:
        return readable(silence_of, connection.execute(query).scalars())


def end_silence(database: Database, app: str, silence_id: str) -> bool:
    """End a silence before its time; return whether there was one.

    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.silences
    with database.writing() as connection:
        these = delete(table).where(table.c.app == app, table.c.id == silence_id)
        return connection.execute(these).rowcount > 0


def _holds(connection: Connection, lease: Lease) -> bool:
    """Return whether a lease is still this process's; then it stays so until the commit."""
    table = tables.leases.c
    query = select(table.epoch).where(table.name == lease.name).with_for_update(read=True)
    return connection.execute(query).scalar() == lease.epoch


def _write(connection: Connection, app: str, decision: Decision) -> None:
    kept = [_row(app, key, one) for key, one in decision.series.items() if not one.idle]
    _replace(connection, tables.alerts, app, "fingerprint", list(decision.series), kept)
    told = [(app, key, _json(group)) for key, group in decision.groups.items() if group]
    _replace(connection, tables.alert_groups, app, "key", list(decision.groups), told)
    if decision.silences:
        _add_silences(connection, app, decision.silences)
    over = (tables.silences.c.app == app, tables.silences.c.until <= decision.time)
    connection.execute(delete(tables.silences).where(*over))
    if decision.versions:
        rows = [(app, model, version) for model, version in decision.versions]
        insert_new(connection, tables.alert_versions, rows)
    if decision.transitions:
        events = [_event(app, decision.time, one) for one in decision.transitions]
        insert_new(connection, tables.alert_history, events)


def _add_silences(connection: Connection, app: str, silences: Sequence[Silence]) -> None:
    rows = [(app, one.id, one.until, _json(one)) for one in silences]
    _replace(connection, tables.silences, app, "id", [one.id for one in silences], rows)


def _replace(
    connection: Connection,
    table: Table,
    app: str,
    key: str,
    keys: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Delete the rows of these keys, and insert others."""
    for start in range(0, len(keys), _PART):
        these = table.c[key].in_(keys[start : start + _PART])
        connection.execute(delete(table).where(table.c.app == app, these))
    if rows:
        insert_new(connection, table, rows)


def _row(app: str, key: str, one: Series) -> tuple[Any, ...]:
    labels = (one.model, one.version, one.rule, one.feature)
    return (app, key, one.id, *labels, one.state, one.level, one.since, _json(one))


def _event(app: str, time: float, one: Transition) -> tuple[Any, ...]:
    alert = one.alert
    return (app, alert.id, one.event, time, alert.model, alert.version, one.why, _json(alert))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
