"""Rows about alerts as values; one that is damaged is set aside, and in nobody's way."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, Table, delete, select

from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.deciding import Memory
from flask_mlmonitor.alerts.families import FAMILY
from flask_mlmonitor.alerts.groups import Group
from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.alerts.series import Series
from flask_mlmonitor.alerts.silences import Silence
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.dialects import insert_into

T = TypeVar("T")
_series: Final = msgspec.json.Decoder(Series).decode
_group: Final = msgspec.json.Decoder(Group).decode
silence_of: Final = msgspec.json.Decoder(Silence).decode
alert_of: Final = msgspec.json.Decoder(Alert).decode


class Damaged(MLMonitorError):
    """A row about alerts that meant nothing; it is among the dead letters now."""


class Damage(NamedTuple):
    """Such a row.

    :param key: the column that names it in its app.
    :param text: what it holds.
    """

    table: Table
    key: str
    name: str
    text: str
    error: str

    @property
    def fault(self) -> Damaged:
        """What is told of it."""
        return Damaged(f"A row of {self.table.name} was moved to dead_letters: {self.error}")


def series_of(text: str) -> Series:
    """Return a row's series.

    :raises msgspec.DecodeError: when it is damaged, or of a rule that there is not.
    """
    found = _series(text)
    if found.rule not in RULE:
        raise msgspec.ValidationError(f"there is no rule {found.rule!r}")
    return found


def group_of(text: str) -> Group:
    """Return a row's group.

    :raises msgspec.DecodeError: when it is damaged, or of a family that there is not.
    """
    found = _group(text)
    if found.family not in FAMILY:
        raise msgspec.ValidationError(f"there is no family {found.family!r}")
    return found


def readable(decode: Callable[[str], T], texts: Iterable[str]) -> list[T]:
    """Return what rows hold, without those that are damaged: the others can be shown."""
    found = []
    for text in texts:
        with suppress(msgspec.DecodeError):
            found.append(decode(text))
    return found


def remembered(connection: Connection, app: str) -> tuple[Memory, list[Damage]]:
    """Return what is known of an app's alerts, and the rows that mean nothing."""
    damages: list[Damage] = []

    def read(table: Table, key: str, column: str, decode: Callable[[str], T]) -> dict[str, T]:
        found = {}
        query = select(table.c[key], table.c[column]).where(table.c.app == app)
        for name, text in connection.execute(query):
            try:
                found[name] = decode(text)
            except msgspec.DecodeError as error:
                damages.append(Damage(table, key, name, text, str(error)))
        return found

    known = tables.alert_versions.c
    versions = connection.execute(select(known.model, known.version).where(known.app == app))
    memory = Memory(
        series=read(tables.alerts, "fingerprint", "series", series_of),
        groups=read(tables.alert_groups, "key", "told", group_of),
        silences=list(read(tables.silences, "id", "silence", silence_of).values()),
        versions={(model, version) for model, version in versions},
    )
    return memory, damages


def set_aside(connection: Connection, app: str, damages: Sequence[Damage], time: float) -> None:
    """Move rows to the dead letters.

    :param time: now, in seconds since the epoch.
    """
    for one in damages:
        table = one.table.c
        these = delete(one.table).where(table.app == app, table[one.key] == one.name)
        connection.execute(these)
        letter = {
            "segment": f"{one.table.name} {app} {one.name}",
            "offset": int(time),
            "time": time,
            "reason": one.error,
            "record": one.text.encode(),
        }
        insert = insert_into(connection, tables.dead_letters).on_conflict_do_nothing()
        connection.execute(insert, letter)
