"""One of all processes that share a store holds the office, whoever dies or hangs."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest
from sqlalchemy import select, update

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.leases import Lease
from flask_mlmonitor.store.urls import open_store
from tests.processes import Child, run_in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

TTL, RENEWAL = 0.8, 0.2
PROCESSES, KILLS = 4, 3


class Timer:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


def holder(database: Database, name: str = "evaluator") -> str:
    """Return who holds an office, as the store has it."""
    query = select(tables.leases.c.holder).where(tables.leases.c.name == name)
    with database.reading() as connection:
        return str(connection.execute(query).scalar_one())


def test_one_holds_it(database: Database) -> None:
    """The other is refused, until it is given back; then its epoch has risen."""
    first, second = Lease(database, "evaluator"), Lease(database, "evaluator")
    assert not first.holds()
    assert first.win()
    assert first.holds()
    assert first.epoch == 1
    assert not second.win()
    assert not second.holds()
    assert second.epoch == 0

    first.resign()
    assert not first.holds()
    assert second.win()
    assert second.epoch == 2
    assert not first.win()
    second.resign()
    assert first.win()
    assert first.epoch == 3


def test_offices_are_apart(database: Database) -> None:
    """Who holds one may or may not hold another."""
    assert Lease(database, "evaluator").win()
    assert Lease(database, "maintenance").win()


def test_it_is_renewed_when_that_is_due(database: Database) -> None:
    """Not with every question: the store is not asked before; and the epoch stays."""
    timer = Timer()
    lease = Lease(database, "evaluator", timer=timer)
    assert lease.win()
    query = select(tables.leases.c.expires)

    def expires() -> float:
        with database.reading() as connection:
            return float(connection.execute(query).scalar_one())

    before = expires()
    assert abs(before - 30.0 - time.time()) < 5
    timer.time += 9
    assert lease.win()
    assert expires() == before
    timer.time += 2
    time.sleep(0.01)
    assert lease.win()
    assert expires() > before
    assert lease.epoch == 1


def test_it_ends_by_the_holders_clock_too(database: Database) -> None:
    """Who could not renew it knows that it is lost, and asks before it goes on."""
    timer = Timer()
    lease = Lease(database, "evaluator", ttl=30.0, timer=timer)
    assert lease.win()
    timer.time += 29.9
    assert lease.holds()
    timer.time += 0.1
    assert not lease.holds()
    assert lease.win()
    assert lease.epoch == 1


@pytest.mark.parametrize(("away", "anew"), [(0.0, False), (299.0, False), (301.0, True)])
def test_since_when_somebody_has_held_it(database: Database, away: float, anew: bool) -> None:
    """One after another; who comes after a long break begins anew."""
    first, second = Lease(database, "evaluator"), Lease(database, "evaluator")
    assert first.win()
    began = first.since
    time.sleep(0.01)
    first.resign()
    earlier = tables.leases.c.expires - away
    with database.writing() as connection:
        connection.execute(update(tables.leases).values(expires=earlier))
    assert second.win()

    assert (second.since > began) == anew
    assert abs(second.since - time.time()) < 60


def test_a_forked_child_is_somebody_else(database: Database) -> None:
    """Both would think that they hold it."""
    lease = Lease(database, "evaluator")
    assert lease.win()

    def child() -> None:
        database.forget()
        assert not lease.holds()
        assert not lease.win()

    assert run_in_child(child) == 0
    assert lease.win()


class Term(NamedTuple):
    """That a process held the office at a time."""

    pid: int
    epoch: int
    asked: float


@pytest.fixture
def terms() -> Iterator[tuple[int, int]]:
    """A pipe into which whoever holds the office writes so."""
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def hold(store_url: str, writer: int) -> None:
    """Stand for the office for ever, and tell when it is held."""
    signal.alarm(30)
    lease = Lease(open_store(store_url), "evaluator", ttl=TTL, renewal=RENEWAL)
    while True:
        if lease.win() and lease.holds():
            os.write(writer, f"{os.getpid()} {lease.epoch} {time.monotonic()}\n".encode())
        time.sleep(0.02)


def next_term(lines: Iterator[str], *, of_other_than: int = 0) -> Term:
    """Return the next term of a process that is not the given one."""
    for line in lines:
        pid, epoch, asked = line.split()
        if int(pid) != of_other_than:
            return Term(int(pid), int(epoch), float(asked))
    raise AssertionError("nobody holds it")


def test_holders_die_again_and_again(
    database: Database, store_url: str, terms: tuple[int, int]
) -> None:
    """Epochs rise one by one, terms never overlap, and somebody always takes over."""
    database.prepare()
    reader, writer = terms
    with ExitStack() as stack, os.fdopen(os.dup(reader)) as lines:
        processes = {
            child.pid: child
            for child in (Child(lambda: hold(store_url, writer)) for _ in range(PROCESSES))
        }
        for child in processes.values():
            stack.callback(child.kill)
        found = [next_term(lines)]
        for _ in range(KILLS):
            for _ in range(20):
                found.append(next_term(lines))
            processes[found[-1].pid].kill()
            found.append(next_term(lines, of_other_than=found[-1].pid))
    assert [term.asked for term in found] == sorted(term.asked for term in found)
    epochs = [term.epoch for term in found]
    assert epochs == sorted(epochs)
    assert set(epochs) == set(range(1, KILLS + 2))
    holders = {term.epoch: term.pid for term in found}
    assert len(set(holders.values())) == KILLS + 1
    assert all(holders[term.epoch] == term.pid for term in found)


def test_a_holder_that_hangs_loses_it(
    database: Database, store_url: str, terms: tuple[int, int]
) -> None:
    """And when it goes on, it knows; it does not take it back from who has it."""
    database.prepare()
    reader, writer = terms
    with ExitStack() as stack, os.fdopen(os.dup(reader)) as lines:
        for _ in range(2):
            stack.callback(Child(lambda: hold(store_url, writer)).kill)
        first = next_term(lines)
        os.kill(first.pid, signal.SIGSTOP)
        second = next_term(lines, of_other_than=first.pid)
        assert second.epoch == first.epoch + 1
        os.kill(first.pid, signal.SIGCONT)
        now = time.monotonic()
        later = [term for term in (next_term(lines) for _ in range(30)) if term.asked > now]
    assert {term.pid for term in later} == {second.pid}
    assert {term.epoch for term in later} == {second.epoch}
