"""How many messages a day of decisions is worth, and what a look at many alerts costs.

Fifty features, a decision every five minutes on 500 predictions each, for a day. *each breach* is a
message for every feature past a limit at every decision, *each change* one for every feature that
gets past it or back. Then 200 features that all begin to drift, last and end, in a SQLite store.

``python -m tests.benchmarks.alerting``
"""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, Literal

from sqlalchemy import Connection

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.deciding import decide
from flask_mlmonitor.alerts.evaluated import window_readings
from flask_mlmonitor.store.alerting import settle
from flask_mlmonitor.store.outbox import add_messages
from flask_mlmonitor.store.urls import open_store
from tests.alerts.making import MODEL, NOON, VERSION, reading
from tests.alerts.storm import (
    DECISIONS,
    LIMITS,
    MOVED,
    NEAR,
    SETTINGS,
    STABLE,
    Desk,
    Shares,
    evaluations,
)
from tests.benchmarks.measuring import machine, print_table

FEATURES: Final = 50
HOUR: Final = 3600.0
DAYS: Final[dict[str, Shares]] = {
    "no drift": lambda feature, decision: STABLE,
    "30 drift for 8 hours": lambda feature, decision: (
        MOVED if feature < 30 and 96 <= decision < 192 else STABLE
    ),
    "30 are at the limit all day": lambda feature, decision: NEAR if feature < 30 else STABLE,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="alerting", description=__doc__)
    parser.add_argument("--decisions", type=int, default=DECISIONS)
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args(arguments)
    print(machine())
    rows = [(name, *_messages(shares, options.decisions)) for name, shares in DAYS.items()]
    heads = ("", "each breach", "each change", "messages")
    print_table(f"messages of {options.decisions} decisions", heads, rows)
    with TemporaryDirectory() as folder:
        costs = _costs(Path(folder), options.series, options.times)
    print_table(f"a look at {options.series} alerts, median", ("", "ms"), list(costs.items()))
    return 0


def _messages(shares: Shares, decisions: int) -> tuple[int, int, int]:
    desk = Desk()
    breaches = changes = 0
    before: set[str | None] = set()
    for evaluation in evaluations(FEATURES, shares, decisions):
        found = window_readings([evaluation], SETTINGS, LIMITS, {})
        bad = {one.feature for one in found if one.level != "ok" and one.rule == "data_drift"}
        breaches += len(bad)
        changes += len(bad ^ before)
        before = bad
        desk.look(evaluation)
    return breaches, changes, len(desk.messages)


def _costs(folder: Path, series: int, times: int) -> dict[str, float]:
    found: dict[str, list[float]] = {"all begin": [], "all last": [], "all end": []}
    steps: tuple[tuple[str, Literal["warning", "ok"]], ...] = (
        *(("all begin", "warning"), ("all last", "warning"), ("all end", "ok")),
    )
    database = open_store(f"sqlite:///{folder / 'store.sqlite3'}")
    database.prepare()
    for number in range(times):
        for place, (name, level) in enumerate(steps):
            after = (3 * number + place) * 100 * HOUR  # so long apart that nothing flaps
            readings = [
                reading(level, after, rule="data_drift", feature=f"x{feature}", span=HOUR)
                for feature in range(series)
            ]
            look = partial(
                decide,
                readings=readings,
                app="shop",
                now=NOON + after,
                served={(MODEL, VERSION)},
                settings=SETTINGS,
            )
            began = time.perf_counter()
            settle(database, "shop", look, post=_post, on_damage=print)
            found[name].append(1000 * (time.perf_counter() - began))
    database.close()
    return {name: median(values) for name, values in found.items()}


def _post(connection: Connection, notifications: Sequence[Notification]) -> None:
    add_messages(connection, "shop", [(one, ("log",)) for one in notifications], created=NOON)


if __name__ == "__main__":
    raise SystemExit(main())
