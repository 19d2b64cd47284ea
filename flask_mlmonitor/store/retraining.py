"""When it was recommended to train a model anew."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, select

from flask_mlmonitor.alerts.retraining import Recommendation
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import insert_new, lock

_decode = msgspec.json.Decoder(Recommendation).decode
_TABLE = tables.retraining_history.c


def say_once(
    database: Database,
    app: str,
    model: str,
    version: str,
    recommend: Callable[[Recommendation | None], Recommendation | None],
    *,
    post: Callable[[Connection, Recommendation], None],
) -> Recommendation | None:
    """Note and return a recommendation, if there is one after what was recommended last.

    Of several processes that ask at once, one is told.

    :param recommend: a pure function of the last recommendation.
    :param post: adds its message to the outbox, in the same transaction.
    :raises StoreUnavailable: when the store does not answer.
    """
    with database.writing() as connection:
        lock(connection, f"retraining of {app}")
        found = recommend(_last(connection, app, model, version))
        if found is not None:
            text = msgspec.json.encode(found).decode()
            row = (app, model, version, found.time.timestamp(), text)
            insert_new(connection, tables.retraining_history, [row])
            post(connection, found)
    return found


def _last(connection: Connection, app: str, model: str, version: str) -> Recommendation | None:
    mine = (_TABLE.app == app, _TABLE.model == model, _TABLE.version == version)
    query = select(_TABLE.recommendation).where(*mine).order_by(_TABLE.time.desc()).limit(1)
    text = connection.execute(query).scalar()
    return None if text is None else _decode(text)
