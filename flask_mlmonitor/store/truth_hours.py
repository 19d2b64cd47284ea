"""Which hours' ground truth changed, and its sums, each as of a change.

Whatever changes the truth of an hour gives the hour a new token in the same transaction; sums are
stored with the token that was read together with their rows. So old sums are known to be old, in
whatever order the processes that write them meet or die.
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, or_, select, update

from flask_mlmonitor.stats.performance.truth import TruthLayout
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import insert_into
from flask_mlmonitor.store.horizons import HORIZON
from flask_mlmonitor.store.levels import HOUR, floor
from flask_mlmonitor.store.totals import Owner
from flask_mlmonitor.store.truth_rows import add_up

TOGETHER: Final = 24
"""Hours that are written in one transaction."""

_TOKEN_BITS: Final = 63
_column = tables.truth_hours.c
# Asked for each model at each evaluation: to compose them takes longer than to run them.
_OF: Final = (_column.model == bindparam("m"), _column.version == bindparam("v"))
_THIS: Final = (*_OF, _column.hour == bindparam("h"))
_WHOLE: Final = _column.hour >= HORIZON.scalar_subquery()
_CHANGED: Final = select(_column.hour, _column.token).where(
    *_OF, _WHOLE, _column.token != _column.judged
)
_OLD: Final = (
    select(_column.hour)
    .where(*_OF, _WHOLE)
    .where(
        or_(
            _column.summed.is_(None),
            _column.summed != _column.token,
            _column.layout != bindparam("layout"),
        )
    )
    .order_by(_column.hour.desc())
)
_TOKEN: Final = select(_column.token).where(*_THIS, _WHOLE)
_SAME: Final = update(tables.truth_hours).where(*_THIS, _column.token == bindparam("t"))
_WRITE: Final = _SAME.values(summed=bindparam("t"), layout=bindparam("new"), sums=bindparam("s"))


def mark_changed(connection: Connection, changed: Iterable[tuple[str, str, float]]) -> None:
    """Note that ground truth changes; in the transaction that changes it, and before its totals.

    :param changed: model, version and time of each prediction whose truth it is.
    """
    hours = {(model, version, floor(time, HOUR)) for model, version, time in changed}
    if not hours:
        return
    statement = insert_into(connection, tables.truth_hours)
    token = {"token": statement.excluded.token}
    key = tables.truth_hours.primary_key.columns.keys()
    token_of_all = secrets.randbits(_TOKEN_BITS)
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=token),
        [
            {"model": model, "version": version, "hour": hour, "token": token_of_all, "judged": -1}
            for model, version, hour in sorted(hours)  # two transactions in one order
        ],
    )


def changed_hours(database: Database, model: str, version: str) -> dict[int, int]:
    """Return the hours whose ground truth changed since it was judged, each with its token.

    Hours some of whose rows are deleted are no longer among them.

    :raises StoreUnavailable: when the store does not answer.
    """
    with database.reading() as connection:
        rows = connection.execute(_CHANGED, {"m": model, "v": version}).all()
    return {hour: token for hour, token in rows}


def settle_hours(
    connection: Connection, model: str, version: str, judged: Mapping[int, int]
) -> None:
    """Note that what :func:`changed_hours` returned is seen to; what changed since stays so."""
    values = [{"m": model, "v": version, "h": hour, "t": judged[hour]} for hour in sorted(judged)]
    if values:
        connection.execute(_SAME.values(judged=bindparam("t")), values)


def refresh_hours(
    database: Database, model: str, version: str, layout: TruthLayout, *, most: int | None = None
) -> list[int]:
    """Add up the hours whose stored sums are old, are of another layout, or are missing.

    Each is read in a transaction of its own, and written later; of an hour whose truth changes in
    between nothing is written. Hours some of whose rows are deleted keep the sums that they have.

    :param most: how many hours at most, the newest first.
    :return: the hours whose sums were written.
    :raises StoreUnavailable: when the store does not answer.
    """
    with database.reading() as connection:
        values = {"m": model, "v": version, "layout": layout.id}
        old = connection.execute(_OLD, values).scalars().all()[:most]
    written: list[int] = []
    for first in range(0, len(old), TOGETHER):
        new = [
            _added_up(database, (model, version), layout, hour)
            for hour in old[first : first + TOGETHER]
        ]
        new.reverse()  # who tells the truth meanwhile locks them in this order too
        with database.writing() as connection:
            written += [one["h"] for one in new if connection.execute(_WRITE, one).rowcount]
    return written


def _added_up(database: Database, owner: Owner, layout: TruthLayout, hour: int) -> dict[str, Any]:
    """Return the sums of an hour and their token, which is none once rows of it are deleted."""
    this: dict[str, Any] = {"m": owner[0], "v": owner[1], "h": hour}
    with database.reading() as connection:
        token = connection.execute(_TOKEN, this).scalar()
        sums = add_up(connection, owner, layout, hour, hour + HOUR)
    return {**this, "t": token, "new": layout.id, "s": sums.pack()}
