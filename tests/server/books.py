"""What store, journal and counters say, side by side."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.urls import open_store
from tests.server.serving import Answer, Server, wait_until


class Stored(NamedTuple):
    """What the store holds: the rows' ids, and how many rows rollups and totals have counted."""

    ids: list[str]
    in_rollups: int
    in_totals: int


class Files(NamedTuple):
    """How many files the monitor keeps."""

    spool: int
    slots: int


def read_store(store: Path | str) -> Stored:
    """Read the store at a URL or below an instance folder; empty if there is none yet."""
    url = store if isinstance(store, str) else f"sqlite:///{store / 'mlmonitor.sqlite3'}"
    database = open_store(url)
    try:
        with database.reading() as connection:
            ids = connection.execute(select(tables.predictions.c.id)).scalars().all()
            sums = (func.sum(tables.rollups.c.n), func.sum(tables.totals.c.predictions))
            rollups, totals = (connection.execute(select(one)).scalar() or 0 for one in sums)
    except StoreUnavailable:
        return Stored([], 0, 0)
    finally:
        database.close()
    return Stored(list(ids), rollups, totals)


def count_files(server: Server) -> Files:
    """Count what lies in spool and slots."""
    return Files(*(len(list((server.data / name).iterdir())) for name in ("spool", "slots")))


def sum_of(answer: Answer, name: str) -> float:
    """Add up a metric's samples over all their labels."""
    families = text_string_to_metric_families(answer.body.decode())
    return sum(s.value for family in families for s in family.samples if s.name == name)


def settle(server: Server, seconds: float = 60) -> float:
    """Wait until all that was journaled is in the store, and return how many seconds that took."""
    return wait_until(
        lambda: sum_of(server.get("/metrics"), "mlmonitor_journal_bytes") == 0,
        "an empty journal",
        seconds,
    )


def scrape_all(server: Server, name: str) -> dict[int, set[float]]:
    """Scrape until every living worker has answered; return the sums of *name* by worker."""
    seen: dict[int, set[float]] = {}

    def ask(_: int) -> Answer:
        return server.get("/metrics")

    def complete() -> bool:
        note(pool.map(ask, range(2 * server.workers)))
        living = {process.pid for process in server.living()}
        return len(living) == server.workers and living <= seen.keys()

    def note(answers: Iterable[Answer]) -> None:
        for answer in answers:
            seen.setdefault(answer.worker, set()).add(sum_of(answer, name))

    with ThreadPoolExecutor(2 * server.workers) as pool:
        wait_until(complete, "an answer from every worker")
    return seen
