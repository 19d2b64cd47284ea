"""Messages on their way to people: added with what they tell of, sent by whoever claims them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import clock, insert_into, lock

OUTBOX: Final = "outbox"
"""The lock under which messages are added and claimed."""

CLAIM_SECONDS: Final = 20.0
"""How long a claim holds: a delivery takes ten seconds at most."""

State = Literal["waiting", "delivered", "dead"]
_TABLE: Final = tables.outbox.c
_WAITS: Final = _TABLE.state == "waiting"


def _due(app: Any, now: Any) -> tuple[Any, ...]:
    return _TABLE.app == app, _WAITS, _TABLE.due <= now


# Asked every second: to compose it takes longer than to run it.
_APP: Final[Any] = bindparam("app")
_NOW: Final[Any] = bindparam("now")
_SPARED = select(_TABLE.channel).where(_TABLE.app == _APP, _WAITS, _TABLE.hold > _NOW)
_DUE_CHANNELS: Final = (
    select(_TABLE.channel).distinct().where(*_due(_APP, _NOW), _TABLE.channel.not_in(_SPARED))
)


class Message(NamedTuple):
    """A message that this process has claimed.

    :param attempts: with the one that it was claimed for.
    :param known: whether the receiver may have heard of the incident before this attempt.
    :param holder: of the claim.
    """

    app: str
    channel: str
    id: str
    payload: str
    created: float
    attempts: int
    known: bool
    holder: str

    @property
    def notification(self) -> Notification:
        """The message itself."""
        return msgspec.convert(json.loads(self.payload), Notification)


class Result(NamedTuple):
    """What one try did to a message.

    :param due: when to try again.
    :param hold: until when the channel wants nothing, of any message.
    :param known: whether the receiver may have heard of the incident by now.
    """

    state: State
    outcome: str
    detail: str = ""
    due: float = 0.0
    hold: float = 0.0
    known: bool = True


class Entry(NamedTuple):
    """A message as people see it, without its payload."""

    channel: str
    id: str
    key: str
    action: str
    state: State
    created: float
    due: float
    attempts: int
    outcome: str | None
    detail: str | None


def add_messages(
    connection: Connection,
    app: str,
    messages: Iterable[tuple[Notification, Sequence[str]]],
    *,
    created: float,
) -> None:
    """Add messages for their channels in the caller's transaction.

    Of each group and channel one message waits: a newer one takes its place, and the end of an
    incident that the receiver cannot have heard of takes it away.

    :param app: whose processes send them.
    :param created: now, in seconds since the epoch.
    """
    lock(connection, OUTBOX)
    for notification, channels in messages:
        for channel in channels:
            _add(connection, app, channel, notification, created)


def due_channels(database: Database, app: str, now: float) -> set[str]:
    """Return the channels of an app for which messages are due, but for those to be spared.

    :raises StoreUnavailable: when the store does not answer.
    """
    with database.reading() as connection:
        return set(connection.execute(_DUE_CHANNELS, {"app": app, "now": now}).scalars())


def claim(
    database: Database, app: str, channel: str, *, holder: str, now: float, spacing: float = 0.0
) -> Message | None:
    """Return a message that is due, to be sent by this process alone, and its result told.

    Each channel has one message under way at a time, whoever sends: so they arrive in their order.
    Who dies with one keeps it for :data:`CLAIM_SECONDS`.

    :param holder: another one for every claim.
    :param spacing: seconds between two tries of the channel.
    :raises StoreUnavailable: when the store does not answer.
    """
    with database.writing() as connection:
        lock(connection, OUTBOX)
        current = clock(connection)
        mine = (_TABLE.app == app, _TABLE.channel == channel)
        occupied = or_(
            _TABLE.holder.is_not(None) & (_TABLE.tried > current - CLAIM_SECONDS),
            _TABLE.tried > current - spacing,
            _WAITS & (_TABLE.hold > now),
        )
        if connection.execute(select(_TABLE.id).where(*mine, occupied).limit(1)).first():
            return None
        columns = (_TABLE[name] for name in Message._fields[:-1])
        # Those not tried yet come first: one that a receiver never takes stops no other.
        order = (_TABLE.attempts, _TABLE.created)
        query = select(*columns).where(*_due(app, now), *mine).order_by(*order).limit(1)
        row: Any = connection.execute(query).first()
        if row is None:
            return None
        started = {"holder": holder, "tried": current, "attempts": row.attempts + 1, "known": 1}
        connection.execute(update(tables.outbox).where(*mine, _TABLE.id == row.id).values(started))
    given = {**row._mapping, "attempts": row.attempts + 1, "known": bool(row.known)}
    return Message(**given, holder=holder)


def finish(database: Database, message: Message, result: Result) -> bool:
    """Store the result of a try; return whether the message was still this claim's.

    It is not when a newer one took its place, or the claim ended and somebody else sends it.

    :raises StoreUnavailable: when the store does not answer; then it will be sent again.
    """
    values = {**result._asdict(), "known": int(result.known), "holder": None}
    with database.writing() as connection:
        same = (_TABLE.app == message.app, _TABLE.channel == message.channel)
        mine = (*same, _TABLE.holder == message.holder)
        this = update(tables.outbox).where(*mine, _TABLE.id == message.id).values(values)
        if connection.execute(this).rowcount:
            return True
        # What took its place waits for its end.
        connection.execute(update(tables.outbox).where(*mine).values(holder=None))
        return False


def count_waiting(database: Database) -> int:
    """Return how many messages wait to be delivered.

    :raises StoreUnavailable: when the store does not answer.
    """
    query = select(func.count()).select_from(tables.outbox).where(_WAITS)
    with database.reading() as connection:
        return connection.execute(query).scalar_one()


def count_dead(database: Database, app: str, *, since: float) -> int:
    """Return how many messages of an app were given up lately.

    :param since: seconds since the epoch.
    :raises StoreUnavailable: when the store does not answer.
    """
    mine = (_TABLE.app == app, _TABLE.state == "dead", _TABLE.tried >= since)
    query = select(func.count()).select_from(tables.outbox).where(*mine)
    with database.reading() as connection:
        return connection.execute(query).scalar_one()


def read_outbox(database: Database, app: str, *, limit: int = 100) -> list[Entry]:
    """Return the messages of an app, the newest first.

    :raises StoreUnavailable: when the store does not answer.
    """
    columns = (_TABLE[name] for name in Entry._fields)
    query = select(*columns).where(_TABLE.app == app).order_by(_TABLE.created.desc()).limit(limit)
    with database.reading() as connection:
        return [Entry(*row) for row in connection.execute(query)]


def _add(
    connection: Connection, app: str, channel: str, notification: Notification, created: float
) -> None:
    same = (_TABLE.app == app, _TABLE.channel == channel, _TABLE.key == notification.key)
    order = (_WAITS.desc(), _TABLE.created.desc(), _TABLE.tried.desc())
    query = select(tables.outbox).where(*same).order_by(*order).limit(1)
    last = connection.execute(query).first()
    older = last if last is not None and last.state == "waiting" else None
    if older is not None:
        if older.id == notification.id:
            return
        connection.execute(delete(tables.outbox).where(*same, _TABLE.id == older.id))
    known = _heard(last)
    if notification.action == "resolve" and not known:
        return
    row = _row(notification, older, created) | {"app": app, "channel": channel, "known": int(known)}
    # A transaction whose end nobody learned of is repeated with the same messages.
    connection.execute(insert_into(connection, tables.outbox).on_conflict_do_nothing(), row)


def _row(notification: Notification, older: Any, created: float) -> dict[str, Any]:
    """Return what is stored of a message; of a try that is under way, the end is waited for."""
    return {
        "id": notification.id,
        "key": notification.key,
        "action": notification.action,
        "state": "waiting",
        "created": created,
        "due": created,
        "hold": older.hold if older else 0.0,
        "attempts": 0,
        "tried": older.tried if older else 0.0,
        "holder": older.holder if older else None,
        "payload": json.dumps(msgspec.to_builtins(notification)),
    }


def _heard(last: Any) -> bool:
    """Return whether the receiver may have heard of an incident, by the last message of it."""
    if last is None:
        return False
    if last.state == "delivered":
        return bool(last.action == "trigger")
    return bool(last.known)
