"""Ways to insert rows into PostgreSQL but for those that are there: our CPU and the server's.

``python -m tests.benchmarks.inserts``
"""

import argparse
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import msgspec
import psutil
from sqlalchemy import Connection

from flask_mlmonitor.request.ids import new_id
from flask_mlmonitor.store.dialects import insert_new
from flask_mlmonitor.store.tables import predictions
from flask_mlmonitor.store.urls import open_store
from tests.benchmarks.measuring import machine, print_table
from tests.postgres import Postgres
from tests.server import traffic

COLUMNS = ", ".join(column.name for column in predictions.columns)
NEW = "ON CONFLICT (id) DO NOTHING"
Rows = Sequence[tuple[Any, ...]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each size of batch."""
    parser = argparse.ArgumentParser(prog="inserts", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="in a round, of each size")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(machine())
    with Postgres() as server:
        for size in (1000, 200, 20, 1):
            number = max(1, options.rows // size // (20 if size == 1 else 1))
            costs: dict[str, list[tuple[float, ...]]] = {name: [] for name in WAYS}
            for _ in range(options.rounds):
                for name, way in WAYS.items():
                    costs[name].append(_measure(server.new_store(), way, size, number))
            table = [
                (name, *(median(values) for values in zip(*found, strict=True)))
                for name, found in costs.items()
            ]
            heads = ("us per row of 10 features", "our CPU", "the server's", "wall")
            print_table(f"batches of {size}", heads, table)
    return 0


def _measure(
    url: str, way: Callable[[Connection, Rows], int], size: int, number: int
) -> tuple[float, ...]:
    batches = [_rows(size) for _ in range(number)]
    database = open_store(url)
    with database.writing() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    server = psutil.Process(pid)
    theirs, ours, wall = sum(server.cpu_times()[:2]), time.process_time(), time.perf_counter()
    for batch in batches:
        with database.writing() as connection:
            if way(connection, batch) != size:
                raise AssertionError("not all rows were new")
    ours, wall = time.process_time() - ours, time.perf_counter() - wall
    theirs = sum(server.cpu_times()[:2]) - theirs
    database.close()
    return tuple(1e6 * seconds / (size * number) for seconds in (ours, theirs, wall))


def _rows(size: int) -> Rows:
    answer = ("1", "0.75", 0.0123, "primary", "success", None, None)
    texts = [msgspec.json.encode(payload).decode() for payload in traffic.payloads(size)]
    return [(new_id(), None, "app", "fraud", "2", time.time(), text, *answer) for text in texts]


def _one_by_one(connection: Connection, rows: Rows) -> int:
    marks = ", ".join("%s" for _ in predictions.columns)
    statement = f"INSERT INTO predictions ({COLUMNS}) VALUES ({marks}) {NEW}"
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def _copy(connection: Connection, rows: Rows) -> int:
    connection.exec_driver_sql(
        "CREATE TEMPORARY TABLE IF NOT EXISTS new (LIKE predictions) ON COMMIT DELETE ROWS"
    )
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy("COPY new FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    statement = f"INSERT INTO predictions ({COLUMNS}) SELECT {COLUMNS} FROM new {NEW}"
    return connection.exec_driver_sql(statement).rowcount


def _as_one_parameter(connection: Connection, rows: Rows) -> int:
    return insert_new(connection, predictions, rows)


WAYS = {
    "executemany": _one_by_one,
    "COPY, then INSERT ... SELECT": _copy,
    "one JSON parameter": _as_one_parameter,
}

if __name__ == "__main__":
    raise SystemExit(main())
