"""A store in PostgreSQL: what it does with any value, and what it says when the server is away."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import Connection, exc, insert, text

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import database as database_module
from flask_mlmonitor.store import postgresql as module
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.reading import read_predictions, read_totals
from flask_mlmonitor.store.recording import Span, apply
from flask_mlmonitor.store.urls import open_store
from tests.ledgers import NOTHING, read_ledger
from tests.postgres import Postgres
from tests.store.batches import batch, batch_of_rows, row

FIRST = Span("a.j", 0, 10)


def with_features(key: str, features: dict[str, Any]) -> tuple[Any, ...]:
    """Make the row of a prediction of these features."""
    values = row(key)
    return (*values[:6], msgspec.json.encode(features).decode(), *values[7:])


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_any_of_its_urls_will_do(postgres_url: str, scheme: str) -> None:
    """Hosting services give out the second, SQLAlchemy's own means another driver by the first."""
    database = open_store(postgres_url.replace("postgresql", scheme, 1))
    database.prepare()
    assert read_totals(database) == []
    database.close()


def test_its_name_hides_the_password() -> None:
    """And so does what is said when it does not answer."""
    database = open_store("postgresql://ann:secret@127.0.0.1:9/monitoring")
    assert database.name == "postgresql+psycopg://ann:***@127.0.0.1:9/monitoring"
    assert database.folder is None
    with pytest.raises(StoreUnavailable) as refused:
        database.prepare()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("blocked", ["psycopg", "psycopg_binary,psycopg_c,psycopg.pq"])
def test_without_its_driver(blocked: str) -> None:
    """It is refused at once, and says what to install; SQLite needs none of it."""
    script = (
        "import sys\n"
        "for name in sys.argv[1].split(','): sys.modules[name] = None\n"
        "from flask import Flask\n"
        "from flask_mlmonitor import MLMonitor\n"
        "for url in ('sqlite:///a.db', 'postgresql://ann:secret@db/x'):\n"
        "    app = Flask('shop')\n"
        "    app.config['MLMONITOR_STORE_URL'] = url\n"
        "    MLMonitor(app)\n"
    )
    command = [sys.executable, "-c", script, blocked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "ConfigError: MLMONITOR_STORE_URL = 'postgresql://ann:***@db/x'" in last
    assert "pip install 'flask-mlmonitor[postgresql]'" in last
    assert "secret" not in done.stderr


def test_features_can_be_asked_for(postgresql: Database) -> None:
    """In SQL, by name."""
    rows = [with_features(f"p{number}", {"age": number, "plan": "free"}) for number in range(5)]
    apply(postgresql, FIRST, batch_of_rows(rows))
    query = "SELECT id FROM predictions WHERE (features->>'age')::int > 2 ORDER BY id"
    with postgresql.reading() as connection:
        assert connection.execute(text(query)).scalars().all() == ["p3", "p4"]


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -7, 2**63, 10**400, 0.1, 1e308, 5e-324, 1.7976931348623157e308),
        *("", "Zürich", "\\u0000", "\\", '"', "\n\r\t\x1f", "😀", "\ufffd", "%s %(a)s :a ?"),
        *([1, [2, {"a": None}]], {"a": {"b": ["c"]}}, "x" * 1_000_000),
    ],
)
def test_values_come_back_as_they_were(postgresql: Database, value: Any) -> None:
    """Whatever JSON can hold; in JSONB a number keeps its value, not the way it is written."""
    rows = [with_features("p1", {"value": value, "%": 1}), with_features("p2", {})]
    apply(postgresql, FIRST, batch_of_rows(rows))
    first, second = (prediction.features for prediction in read_predictions(postgresql))
    assert type(value)(first["value"]) == value if value is not None else first["value"] is None
    assert first["%"] == 1
    assert second == {}


def test_nul_is_replaced(postgresql: Database) -> None:
    """In names and in values: JSONB cannot hold it, and the prediction is worth more."""
    strange = {"a\x00b": "\x00", "c": "\\u0000", "d": "\\\x00", "e": ["\x00\x00"]}
    apply(postgresql, FIRST, batch_of_rows([with_features("p1", strange), row("p2")]))
    first, second = read_predictions(postgresql)
    assert first.features == {
        "a\ufffdb": "\ufffd", "c": "\\u0000", "d": "\\\ufffd", "e": ["\ufffd\ufffd"]
    }  # fmt: skip
    assert second.features == {"amount": 2.5}


def _nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


POISON = {
    "no time": (*row("p1")[:5], None, *row("p1")[6:]),
    "no JSON": (*row("p1")[:6], "{", *row("p1")[7:]),
    "too deep": (*row("p1")[:6], _nested(100_000), *row("p1")[7:]),
    "NUL in the id": row("p\x001"),
    "half a character": row("p\ud800"),
    "an id too long for an index": row("".join(chr(200 + n * 7 % 5000) for n in range(9000))),
    "no latency": (*row("p1")[:9], "fast", *row("p1")[10:]),
}


@pytest.mark.parametrize("name", POISON)
def test_a_row_that_no_table_can_hold_blames_itself(postgresql: Database, name: str) -> None:
    """It is no outage: the drain looks for it and goes on."""
    postgresql.prepare()
    with pytest.raises((exc.DBAPIError, UnicodeEncodeError)):
        apply(postgresql, FIRST, batch_of_rows([row("p0"), POISON[name]]))
    assert read_ledger(postgresql) == NOTHING
    apply(postgresql, FIRST, batch("p2"))
    assert read_ledger(postgresql).ids == ["p2"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(module, "patience", lambda: 1.5)


@pytest.fixture
def other(postgres_url: str) -> Iterator["psycopg.Connection[Any]"]:
    """Somebody else's connection to the same tables."""
    with psycopg.connect(postgres_url) as connection:
        yield connection


@pytest.mark.usefixtures("impatient")
def test_a_lock_that_is_held_too_long(
    postgresql: Database, other: "psycopg.Connection[Any]"
) -> None:
    """The next try may do it."""
    apply(postgresql, FIRST, batch("p1"))
    other.execute("SELECT * FROM totals FOR UPDATE")
    with pytest.raises(StoreUnavailable, match="lock timeout"):
        apply(postgresql, Span("b.j", 0, 10), batch("p2"))
    other.rollback()
    apply(postgresql, Span("b.j", 0, 10), batch("p2"))
    assert read_ledger(postgresql).in_totals == (2, 2, 0)


@pytest.mark.usefixtures("impatient")
def test_a_statement_that_takes_too_long(postgresql: Database) -> None:
    """It is given up."""
    with (
        pytest.raises(StoreUnavailable, match="statement timeout"),
        postgresql.reading() as connection,
    ):
        connection.execute(text("SELECT pg_sleep(20)"))


@pytest.mark.usefixtures("impatient")
def test_who_hangs_in_mid_transaction_holds_nobody_up(
    postgresql: Database, other: "psycopg.Connection[Any]"
) -> None:
    """The server ends the transaction, and who wakes up learns it."""
    apply(postgresql, FIRST, batch("p1"))

    def hang() -> None:
        with postgresql.writing() as connection:
            connection.exec_driver_sql("SELECT * FROM totals FOR UPDATE")
            other.execute("SELECT * FROM totals FOR UPDATE")  # waits for the server to end it
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(StoreUnavailable):
        hang()
    other.rollback()
    assert read_ledger(postgresql).ids == ["p1"]


def test_limits_end_with_their_transaction(postgresql: Database) -> None:
    """In a pooler the session is somebody else's afterwards."""
    with postgresql.writing() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "5s"
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        raw: Any = connection.connection.driver_connection
    raw.autocommit = True
    assert raw.execute("SHOW lock_timeout").fetchone() == ("0",)
    assert raw.prepare_threshold is None
    raw.autocommit = False


def test_the_url_has_the_last_word(postgres: Postgres) -> None:
    """About how to connect."""
    database = open_store(postgres.url(application_name="churn", connect_timeout="7"))
    with database.reading() as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "churn"
    database.close()


def test_deadlocks_are_no_fault_of_the_values(
    postgresql: Database, other: "psycopg.Connection[Any]"
) -> None:
    """Whom the server chooses as the victim tries again."""
    postgresql.prepare()
    other.execute("SET deadlock_timeout = '20s'")  # so that ours is the victim
    other.execute("LOCK TABLE gaps")

    def cross() -> None:
        with postgresql.writing() as connection:
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '50ms'")
            connection.exec_driver_sql("LOCK TABLE bins")
            thread = threading.Thread(target=other.execute, args=["LOCK TABLE bins"])
            thread.start()
            try:
                connection.exec_driver_sql("LOCK TABLE gaps")
            finally:
                connection.rollback()
                thread.join()

    with pytest.raises(StoreUnavailable, match="deadlock"):
        cross()
    other.rollback()


def test_a_backend_that_is_ended(postgresql: Database, other: "psycopg.Connection[Any]") -> None:
    """In mid-transaction it is an outage; between two nobody notices."""
    apply(postgresql, FIRST, batch("p1"))

    def end(connection: Connection) -> None:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    def write_on() -> None:
        with postgresql.writing() as connection:
            end(connection)
            connection.execute(insert(tables.schema_version).values(version=-1))

    with pytest.raises(StoreUnavailable):
        write_on()
    with suppress(StoreUnavailable), postgresql.reading() as connection:
        end(connection)
    apply(postgresql, Span("b.j", 0, 10), batch("p2"))
    assert read_ledger(postgresql).ids == ["p1", "p2"]


@pytest.mark.parametrize(
    "option", ["default_transaction_read_only=on", "search_path=nowhere", "role=pg_monitor"]
)
def test_a_server_that_takes_nothing(postgres: Postgres, option: str) -> None:
    """A standby, no schema, no rights: no prediction is to blame."""
    database = open_store(postgres.url(options=f"-c {option}"))
    with pytest.raises(StoreUnavailable):
        apply(database, FIRST, batch("p1"))
    database.close()


def test_a_database_that_is_not_there(postgres: Postgres) -> None:
    """It comes, goes, and comes back empty: each time the next try makes of it what it can."""
    database = open_store(postgres.url("late"))
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="late"):
            apply(database, FIRST, batch("p1"))
        postgres.execute("CREATE DATABASE late")
        apply(database, FIRST, batch("p1"))
        assert read_ledger(database).ids == ["p1"]
        postgres.execute("DROP DATABASE late WITH (FORCE)")
        with pytest.raises(StoreUnavailable):
            read_ledger(database)
    database.close()


def test_too_many_connections(postgres: Postgres) -> None:
    """Somebody will hang up."""
    postgres.execute("CREATE ROLE lonely LOGIN CONNECTION LIMIT 0")
    database = open_store(postgres.url().replace("postgres@", "lonely@"))
    with pytest.raises(StoreUnavailable, match="too many connections"):
        database.prepare()


def test_tables_that_were_dropped(postgresql: Database, other: "psycopg.Connection[Any]") -> None:
    """They are made again, not mourned."""
    apply(postgresql, FIRST, batch("p1"))
    other.execute(f"DROP TABLE {', '.join(tables.METADATA.tables)}")
    other.commit()
    with pytest.raises(StoreUnavailable, match="does not exist"):
        apply(postgresql, Span("a.j", 10, 20), batch("p2"))
    apply(postgresql, FIRST, batch("p1", "p2"))
    assert read_ledger(postgresql).ids == ["p1", "p2"]


@pytest.mark.parametrize("immediately", [False, True])
def test_a_restart(postgres: Postgres, postgresql: Database, immediately: bool) -> None:
    """What was open is gone, and works again afterwards; in mid-transaction it is an outage."""
    apply(postgresql, FIRST, batch("p1"))
    assert read_ledger(postgresql).ids == ["p1"]
    postgres.stop(immediately=immediately)
    with pytest.raises(StoreUnavailable):
        read_ledger(postgresql)
    postgres.start()
    assert read_ledger(postgresql).ids == ["p1"]

    def write_on() -> None:
        with postgresql.writing() as connection:
            connection.execute(insert(tables.schema_version).values(version=-1))
            postgres.stop(immediately=immediately)
            postgres.start()

    with pytest.raises(StoreUnavailable):
        write_on()
    postgresql.close()  # forgets how long that one waited
    apply(postgresql, Span("b.j", 0, 10), batch("p2"))
    assert read_ledger(postgresql).ids == ["p1", "p2"]


def test_two_stores_in_one_database(postgres: Postgres) -> None:
    """Schemas keep them apart, locks and all."""
    one, two = (open_store(postgres.new_store()) for _ in range(2))
    with closing(one), closing(two), suppress(KeyError):
        apply(one, FIRST, batch("p1"))
        with one.writing() as connection:
            connection.exec_driver_sql("LOCK TABLE totals")
            apply(two, FIRST, batch("p1", "p2"))
            raise KeyError
    assert (len(read_ledger(one).ids), len(read_ledger(two).ids)) == (1, 2)
    one.close()
    two.close()
