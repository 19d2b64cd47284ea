"""Several hosts write to one PostgreSQL database at the same moment, as SQLite never lets them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from flask_mlmonitor.stats.performance.truth import TruthLayout
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.reading import ModelTotals, count_pending, read_totals
from flask_mlmonitor.store.recording import Batch, Span, apply
from flask_mlmonitor.store.truth import Claim, Matched, Verdict, record_ground_truth
from flask_mlmonitor.store.truth_hours import refresh_hours
from flask_mlmonitor.store.urls import open_store
from tests.postgres import Postgres
from tests.store.batches import NOW, batch, batch_of_rows, row

LATER = NOW + 60
SECONDS = 20.0


@pytest.fixture
def at_once() -> Iterator[ThreadPoolExecutor]:
    """What other hosts do meanwhile."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


class HeldUp:
    """Transactions cannot end while this lasts: their last step waits for the totals."""

    def __init__(self, url: str, postgres: Postgres) -> None:
        self._postgres = postgres
        self._connection = psycopg.connect(url)
        self._connection.execute("SELECT * FROM totals FOR UPDATE")

    def until_waiting(self, number: int) -> None:
        """Return when so many transactions wait."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        deadline = time.monotonic() + SECONDS
        while self._postgres.execute(query) != [(number,)]:
            assert time.monotonic() < deadline, f"{number} transactions should wait"
            time.sleep(0.005)

    def end(self) -> None:
        """Let them end."""
        self._connection.close()


@pytest.fixture
def held_up(postgres: Postgres, postgresql: Database, postgres_url: str) -> Iterator[HeldUp]:
    """Transactions that touch the totals of model fraud cannot end; p0 of it is stored."""
    apply(postgresql, Span("z.j", 0, 10), batch("p0"))
    held_up = HeldUp(postgres_url, postgres)
    yield held_up
    held_up.end()


def test_ground_truth_while_its_prediction_is_being_stored(
    postgresql: Database, held_up: HeldUp, at_once: ThreadPoolExecutor
) -> None:
    """It waits for the drain's commit: else both would miss each other for ever."""
    drain = at_once.submit(apply, postgresql, Span("a.j", 0, 10), batch("p1"))
    held_up.until_waiting(1)
    truth = at_once.submit(record_ground_truth, postgresql, [Claim("p1", 1, LATER)])
    held_up.until_waiting(2)
    held_up.end()

    assert drain.result(SECONDS) == []
    assert truth.result(SECONDS) == [Verdict("accepted", Matched("p1", "fraud", "2", 60))]
    assert count_pending(postgresql) == 0
    assert read_totals(postgresql) == [ModelTotals("fraud", "2", 2, 2, 1)]


def test_a_prediction_whose_ground_truth_is_being_stored(
    postgresql: Database, held_up: HeldUp, at_once: ThreadPoolExecutor
) -> None:
    """The drain waits for it, and takes it along."""
    claims = [Claim("p0", 1, LATER), Claim("p1", 1, LATER)]
    truth = at_once.submit(record_ground_truth, postgresql, claims)
    held_up.until_waiting(1)
    drain = at_once.submit(apply, postgresql, Span("a.j", 0, 10), batch("p1"))
    held_up.until_waiting(2)
    held_up.end()

    assert [verdict.result for verdict in truth.result(SECONDS)] == ["accepted", "pending"]
    assert drain.result(SECONDS) == [Matched("p1", "fraud", "2", 60)]
    assert count_pending(postgresql) == 0
    assert read_totals(postgresql) == [ModelTotals("fraud", "2", 2, 2, 2)]


def test_the_same_ground_truth_from_two_callers(
    postgresql: Database, held_up: HeldUp, at_once: ThreadPoolExecutor
) -> None:
    """It counts once."""
    truths = [
        at_once.submit(record_ground_truth, postgresql, [Claim("p0", value, LATER)])
        for value in (0, 1)
    ]
    held_up.until_waiting(2)
    held_up.end()

    results = [verdict.result for truth in truths for verdict in truth.result(SECONDS)]
    assert sorted(results) == ["accepted", "updated"]
    assert read_totals(postgresql) == [ModelTotals("fraud", "2", 1, 1, 1)]


def test_an_hour_is_added_up_while_its_ground_truth_is_being_stored(
    postgresql: Database, postgres: Postgres, postgres_url: str, at_once: ThreadPoolExecutor
) -> None:
    """The evaluator waits for the commit, finds that its sums are old, and writes nothing."""
    apply(postgresql, Span("a.j", 0, 10), batch("p0", "p1"))
    record_ground_truth(postgresql, [Claim("p0", 1, LATER)])
    held_up = HeldUp(postgres_url, postgres)
    truth = at_once.submit(record_ground_truth, postgresql, [Claim("p1", 1, LATER)])
    held_up.until_waiting(1)
    evaluator = at_once.submit(refresh_hours, postgresql, "fraud", "2", TruthLayout())
    held_up.until_waiting(2)
    held_up.end()

    assert truth.result(SECONDS)[0].result == "accepted"
    assert evaluator.result(SECONDS) == []
    assert len(refresh_hours(postgresql, "fraud", "2", TruthLayout())) == 1


def test_drains_do_not_wait_for_each_others_rows(
    postgresql: Database, held_up: HeldUp, at_once: ThreadPoolExecutor
) -> None:
    """Of other models they are stored while one transaction cannot end."""
    drain = at_once.submit(apply, postgresql, Span("a.j", 0, 10), batch("p1"))
    held_up.until_waiting(1)
    apply(postgresql, Span("b.j", 0, 10), Batch([], {("churn", "1"): (5, 0)}, {}, {}))
    held_up.end()

    drain.result(SECONDS)
    assert len(read_totals(postgresql)) == 2


def test_the_same_models_in_any_order(postgres_url: str, at_once: ThreadPoolExecutor) -> None:
    """Drains of hosts that know the same models and bins never block each other for good."""
    owners = [(f"model-{number}", "1") for number in range(8)]
    definitions = {f"bins-{number}": b"" for number in range(8)}
    gate = threading.Barrier(4)

    def host(number: int) -> None:
        own = open_store(postgres_url)
        with closing(own):
            gate.wait()
            for part in range(25):
                turn = (number + part) % 8
                totals = dict.fromkeys((*owners[turn:], *owners[:turn]), (1, 1))
                bins = {f"{key}-{part}": definitions[key] for key in list(definitions)[::-1]}
                if number % 2:
                    bins = dict(sorted(bins.items()))
                span = Span(f"{number}.j", part, part + 1)
                apply(own, span, Batch([row(f"{number}-{part}")], totals, {}, bins))

    hosts = [at_once.submit(host, number) for number in range(4)]
    for one in hosts:
        one.result(60)
    store = open_store(postgres_url)
    with closing(store):
        assert read_totals(store) == [ModelTotals(*owner, 100, 100, 0) for owner in owners]


def test_ground_truth_and_predictions_at_random(
    postgres_url: str, at_once: ThreadPoolExecutor
) -> None:
    """Two hosts store predictions, two take their ground truth at once: all of it meets."""
    keys = [[f"{host}-{number}" for number in range(120)] for host in range(2)]
    gate = threading.Barrier(4)

    def drain(host: int) -> int:
        own, found = open_store(postgres_url), 0
        with closing(own):
            gate.wait()
            for number in range(0, 120, 3):
                rows = [row(key) for key in keys[host][number : number + 3]]
                found += len(apply(own, Span(f"{host}.j", number, number + 3), batch_of_rows(rows)))
        return found

    def tell(host: int) -> int:
        own, found = open_store(postgres_url), 0
        with closing(own):
            gate.wait()
            for number in range(0, 120, 2):
                claims = [Claim(key, 1, LATER) for key in keys[host][number : number + 2]]
                verdicts = record_ground_truth(own, claims)
                found += sum(verdict.result == "accepted" for verdict in verdicts)
        return found

    work = [at_once.submit(act, host) for act in (drain, tell) for host in range(2)]
    matched = [one.result(60) for one in work]
    store = open_store(postgres_url)
    with closing(store):
        assert count_pending(store) == 0
        assert read_totals(store) == [ModelTotals("fraud", "2", 240, 240, 240)]
    assert sum(matched) == 240
