"""Many reads of one state of the store."""

import pytest

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.records import Gap
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import Span, apply
from flask_mlmonitor.store.results import count_lost
from flask_mlmonitor.store.snapshots import Snapshots
from tests.store.batches import batch


def lose(database: Database, segment: str) -> None:
    """Note that a prediction could not be recorded, as the segment of a journal says."""
    apply(database, Span(segment, 0, 1), batch(segment, gaps=[Gap(10, 20, 1, "disk_full")]))


def test_reads_together_see_one_state(database: Database) -> None:
    """Whatever is written meanwhile; what is read later sees it."""
    lose(database, "a")
    reads = Snapshots(database)

    with reads.together():
        before = count_lost(reads, 0, 100)
        lose(database, "b")
        meanwhile = count_lost(reads, 0, 100)

    assert (before, meanwhile, count_lost(reads, 0, 100)) == (1, 1, 2)


def test_a_failure_ends_what_was_read_together(database: Database) -> None:
    """It passes as it is, and the next read is one of its own."""
    lose(database, "a")
    reads = Snapshots(database)

    def fail() -> None:
        with reads.together():
            count_lost(reads, 0, 100)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    lose(database, "b")

    assert count_lost(reads, 0, 100) == 2


def test_a_server_that_ends_the_connection_is_an_outage(postgresql: Database) -> None:
    """As it is to a read of its own; the next one is answered again."""
    lose(postgresql, "a")
    reads = Snapshots(postgresql)

    def lose_connection() -> None:
        with reads.together():
            with reads.reading() as connection:
                own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            with postgresql.reading() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({own}, 5000)")
            count_lost(reads, 0, 100)

    with pytest.raises(StoreUnavailable):
        lose_connection()

    assert count_lost(reads, 0, 100) == 1
