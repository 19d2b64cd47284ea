"""Alerts in the store: decided upon and written in one transaction, by one process at a time."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy import Connection, func, select, update

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.deciding import Decision, Memory, decide
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.alerts.silences import Silence
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.alert_rows import Damaged
from flask_mlmonitor.store.alerting import (
    acknowledge,
    add_silence,
    end_silence,
    read_alert_history,
    read_alerts,
    read_heard,
    read_memory,
    read_silences,
    settle,
)
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.leases import Lease
from flask_mlmonitor.store.levels import DAY
from flask_mlmonitor.store.outbox import add_messages, read_outbox
from flask_mlmonitor.store.pruning import worn_out
from flask_mlmonitor.store.urls import open_store
from tests.alerts.making import MODEL, NOON, VERSION, reading, settings

APP = "shop"
HOUR = 3600.0
SETTINGS = settings(ALERT_FOR=0)
NOTHING = Memory(silences=[], versions=set())


def deciding(after: float, *readings: Reading) -> Callable[[Memory], Decision]:
    """Return what decides *after* seconds after noon."""
    return partial(
        decide,
        readings=readings,
        app=APP,
        now=NOON + after,
        served={(MODEL, VERSION)},
        settings=SETTINGS,
    )


def post(connection: Connection, notifications: Sequence[Notification]) -> None:
    """Put messages into the outbox, for the log."""
    add_messages(connection, APP, [(one, ("log",)) for one in notifications], created=NOON)


def look(
    database: Database,
    after: float,
    *readings: Reading,
    lease: Lease | None = None,
    faults: list[Damaged] | None = None,
) -> Decision | None:
    """Look at figures, and store what follows; no row is damaged, unless *faults* are expected."""
    on_damage = pytest.fail if faults is None else faults.append
    decided = deciding(after, *readings)
    return settle(database, APP, decided, post=post, on_damage=on_damage, lease=lease)  # type: ignore[arg-type]


def drifts(after: float, number: int, level: str = "warning") -> list[Reading]:
    """Read the drift of some features."""
    return [
        reading(level, after, rule="data_drift", feature=f"x{feature}", span=HOUR)  # type: ignore[arg-type]
        for feature in range(number)
    ]


def waiting(database: Database) -> list[str]:
    """Return why there are messages in the outbox."""
    with database.reading() as connection:
        payloads = connection.execute(select(tables.outbox.c.payload)).scalars()
        return [text.partition('"reason": "')[2].partition('"')[0] for text in payloads]


def test_a_restart_in_the_middle_of_an_alert(store_url: str) -> None:
    """Nobody is told a second time, and it still ends."""
    for after, level, reason in ((0, "warning", "new"), (60, "warning", "new"), (120, "ok", None)):
        database = open_store(store_url)  # another process
        look(database, after, reading(level, after))  # type: ignore[arg-type]
        if reason:
            assert waiting(database) == [reason]
            (alert,) = read_alerts(database, APP)
            assert (alert.state, alert.since.timestamp()) == ("firing", NOON)
        database.close()

    database = open_store(store_url)
    assert read_alerts(database, APP) == []
    assert read_memory(database, APP).groups == {}
    database.close()


def test_all_that_is_remembered_comes_back(database: Database) -> None:
    """As it was decided."""
    decision = look(database, 0, *drifts(0, 3), reading("critical"))
    memory = read_memory(database, APP)

    assert decision is not None
    assert memory.series == decision.series
    assert memory.groups == decision.groups
    assert memory.versions == {(MODEL, VERSION)}
    assert len(read_alerts(database, APP)) == 4
    assert read_alerts(database, APP)[0].severity == "critical"
    assert read_memory(database, "another app") == NOTHING


def test_what_is_over_leaves_no_rows(database: Database) -> None:
    """But for the history."""
    look(database, 0, *drifts(0, 30))
    look(database, HOUR, *drifts(HOUR, 30, "ok"))
    look(database, 30 * HOUR, *drifts(30 * HOUR, 30, "ok"))
    with database.reading() as connection:
        for table in (tables.alerts, tables.alert_groups):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0

    history = read_alert_history(database, APP, start=NOON, end=NOON + 2 * HOUR)
    assert [one.transition.event for one in history] == ["resolved"] * 30 + ["fired"] * 30
    assert {one.transition.why for one in history} == {"over", None}
    assert history[0].time == NOON + HOUR
    assert history[0].transition.alert.state == "resolved"
    assert read_alert_history(database, APP, start=NOON + HOUR, end=NOON + HOUR) == []
    assert read_alert_history(database, APP, start=NOON, end=NOON + HOUR, model="churn") == []


def test_who_is_heard(database: Database) -> None:
    """Those that are silenced are not, unless people knew of them before."""
    look(database, 0, *drifts(0, 1))
    add_silence(database, APP, Silence(id="1", until=NOON + 600, metric="data_drift"))
    look(database, 60, *drifts(60, 2), reading("critical", 60))

    def heard(after: float) -> set[str | None]:
        return {one.feature for one in read_heard(database, APP, NOON + after)}

    assert heard(60) == {"x0", None}
    assert heard(700) == {"x0", "x1", None}
    assert read_silences(database, APP, NOON + 60) == [
        Silence(id="1", until=NOON + 600, metric="data_drift")
    ]
    assert read_silences(database, APP, NOON + 700) == []


class Refused(Exception):
    """What an outbox may raise."""


def test_messages_and_states_are_written_together(database: Database) -> None:
    """When the outbox refuses, nothing was decided; the next look decides it again."""

    def refuse(connection: Connection, notifications: Sequence[Notification]) -> None:
        raise Refused

    database.prepare()
    with pytest.raises(Refused):
        settle(database, APP, deciding(0, reading("warning")), post=refuse, on_damage=pytest.fail)  # type: ignore[arg-type]
    assert read_memory(database, APP) == NOTHING
    look(database, 60, reading("warning", 60))

    assert waiting(database) == ["new"]


def test_who_lost_the_lease_writes_nothing(store_url: str) -> None:
    """However late they find out."""
    first, second = open_store(store_url), open_store(store_url)
    first.prepare()
    old, new = Lease(first, "alerts", ttl=1.0), Lease(second, "alerts")
    assert old.win()
    assert look(first, 0, reading("warning"), lease=old) is not None
    while not new.win():
        time.sleep(0.05)
    assert look(first, 60, reading("ok", 60), lease=old) is None
    assert len(read_alerts(second, APP)) == 1
    assert look(second, 60, reading("ok", 60), lease=new) is not None

    assert read_alerts(second, APP) == []
    first.close()
    second.close()


def test_two_that_decide_at_once_take_turns(store_url: str) -> None:
    """Who comes second knows what the first one told: there is one message."""
    opened = [open_store(store_url) for _ in range(4)]
    opened[0].prepare()
    start = threading.Barrier(len(opened))

    def work(database: Database) -> None:
        start.wait()
        look(database, 0, *drifts(0, 20))

    threads = [threading.Thread(target=work, args=(database,)) for database in opened]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert waiting(opened[0]) == ["new"]
    assert len(read_outbox(opened[0], APP)) == 1
    for database in opened:
        database.close()


def test_to_know_of_an_alert(database: Database) -> None:
    """Nobody is told again; of what is over, or never was, nobody can know."""
    look(database, 0, reading("warning"))
    (alert,) = read_alerts(database, APP)

    assert acknowledge(database, APP, alert.id) == alert
    assert acknowledge(database, APP, "no such alert") is None
    assert acknowledge(database, "another app", alert.id) is None
    decision = look(database, 5 * HOUR, reading("warning", 5 * HOUR))
    assert decision is not None
    assert decision.notifications == []
    look(database, 6 * HOUR, reading("ok", 6 * HOUR))
    assert acknowledge(database, APP, alert.id) is None


def test_silences(database: Database) -> None:
    """They are heard, can be replaced and ended, and go when their time is over."""
    silence = Silence(id="1", until=NOON + HOUR, model=MODEL, why="We know.")
    add_silence(database, APP, Silence(id="1", until=NOON + 1))
    add_silence(database, APP, silence)
    add_silence(database, APP, Silence(id="2", until=NOON + HOUR, model="churn"))
    decision = look(database, 0, reading("warning"))

    assert decision is not None
    assert decision.notifications == []
    assert read_memory(database, APP).silences[0] == silence
    assert end_silence(database, APP, "2")
    assert not end_silence(database, APP, "2")
    look(database, HOUR, reading("warning", HOUR))
    assert read_memory(database, APP).silences == []
    assert waiting(database) == ["new"]


def test_many_more_than_a_statement_may_name(database: Database) -> None:
    """A model may have thousands of features."""
    look(database, 0, *drifts(0, 2500))

    assert len(read_alerts(database, APP)) == 2500
    look(database, HOUR, *drifts(HOUR, 2500, "ok"))
    assert read_alerts(database, APP) == []


def test_its_history_has_a_retention_of_its_own(database: Database) -> None:
    """Ninety days, whatever is kept of predictions."""
    look(database, 0, reading("warning"))
    look(database, 24 * HOUR, reading("ok", 24 * HOUR))
    for deletion in worn_out(NOON + 90 * DAY + HOUR):
        deletion.delete(database)

    history = read_alert_history(database, APP, start=0, end=2 * NOON)
    assert [one.transition.event for one in history] == ["resolved"]


@pytest.mark.parametrize(
    ("table", "column", "damage"),
    [
        ("alerts", "series", '{"rule": "x", "model": "a", "version": "1"}'),
        ("alert_groups", "told", '{"key": "x", "family": "x", "model": "a", "version": "1"}'),
        ("silences", "silence", '{"until": "tomorrow"'),
    ],
)
def test_a_damaged_row_is_set_aside(
    database: Database, table: str, column: str, damage: str
) -> None:
    """Nobody meets it, one look tells of it and keeps it elsewhere, and all looks go on."""
    silence = Silence(id="s", until=NOON + 2 * HOUR, model="another")
    look(database, 0, reading("warning"), reading("warning", rule="error_rate"))
    add_silence(database, APP, silence)
    rows = tables.METADATA.tables[table]
    with database.writing() as connection:
        hit = select(rows).order_by(rows.c[column]).limit(1)
        key = connection.execute(hit).one()[1]
        these = update(rows).where(list(rows.c)[1] == key)
        connection.execute(these.values({column: damage}))
    faults: list[Damaged] = []

    assert len(read_alerts(database, APP)) + len(read_silences(database, APP, NOON)) >= 2
    assert [acknowledge(database, APP, one.id) for one in read_alerts(database, APP)]
    look(database, 60, faults=faults)
    look(database, 120, reading("warning", 120), reading("warning", 120, rule="error_rate"))

    (fault,) = faults
    assert table in str(fault)
    assert len(read_alerts(database, APP)) == 2
    with database.reading() as connection:
        (kept,) = connection.execute(select(tables.dead_letters)).all()
    assert kept.record.decode() == damage
    assert key in kept.segment


def test_a_damaged_line_of_the_history(database: Database) -> None:
    """The others are shown."""
    look(database, 0, reading("warning"), reading("warning", rule="error_rate"))
    history = tables.alert_history
    with database.writing() as connection:
        (first, *_) = connection.execute(select(history.c.id)).scalars()
        connection.execute(update(history).where(history.c.id == first).values(alert="{"))

    found = read_alert_history(database, APP, start=NOON - HOUR, end=NOON + HOUR)
    assert [one.transition.event for one in found] == ["fired"]
