"""A store that is away under steady load: what the requests notice, and what is lost.

``python -m tests.benchmarks.outage --store sqlite|postgresql --seconds 60``
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from tests.benchmarks.measuring import machine, print_table
from tests.postgres import Postgres
from tests.server import traffic
from tests.server.books import read_store, settle, sum_of
from tests.server.outages import TROUBLES, Store, postgresql, sqlite
from tests.server.serving import Gunicorn, wait_until
from tests.server.steady import SteadyLoad

WARM_UP: float = 3.0
PATIENCE: float = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the store away and print what came of it; 1 if a request failed or a prediction did."""
    options = _options(arguments)
    print(machine())
    with tempfile.TemporaryDirectory() as name, _store(options, Path(name)) as store:
        folder = Path(name)
        traffic.baseline().save(folder / "baseline.json")
        kind = ("--worker-class", "gthread", "--threads", str(options.threads))
        settings = {"MLMONITOR_STORE_URL": store.url}
        with Gunicorn(folder, *kind, workers=options.workers, settings=settings) as server:
            with SteadyLoad(server, options.rate) as load:
                time.sleep(WARM_UP)
                began = time.monotonic()
                time.sleep(options.seconds)
                with store.away():
                    broke = time.monotonic()
                    time.sleep(options.seconds)
                healed = time.monotonic()
                _wait_for_the_drain(server)
                caught_up = time.monotonic() - healed
            settle(server)
        spans = {"before": (began, broke), "while it is away": (broke, healed)}
        return _report(options, load, store, spans, caught_up)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="outage", description=__doc__)
    parser.add_argument("--store", choices=TROUBLES, default="sqlite")
    parser.add_argument("--trouble", help=f"{TROUBLES}; by default the first of each")
    parser.add_argument("--seconds", type=float, default=60.0, help="before, and again without it")
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args(arguments)
    options.trouble = options.trouble or TROUBLES[options.store][0]
    if options.trouble not in TROUBLES[options.store]:
        parser.error(f"--trouble for {options.store}: {', '.join(TROUBLES[options.store])}")
    return options


@contextmanager
def _store(options: argparse.Namespace, folder: Path) -> Iterator[Store]:
    if options.store == "sqlite":
        yield sqlite(folder, options.trouble)
        return
    with Postgres() as server:
        yield postgresql(server, options.trouble)


def _wait_for_the_drain(server: Gunicorn) -> None:
    """Return when nothing waits for longer than usual."""

    def caught_up() -> bool:
        time.sleep(0.1)
        answer = server.get("/metrics")
        known = b"\nmlmonitor_drain_lag_seconds" in answer.body
        return known and sum_of(answer, "mlmonitor_drain_lag_seconds") < 1

    wait_until(caught_up, "a drain that has caught up", PATIENCE)


def _report(
    options: argparse.Namespace,
    load: SteadyLoad,
    store: Store,
    spans: dict[str, tuple[float, float]],
    caught_up: float,
) -> int:
    rows = []
    for name, (start, end) in spans.items():
        latencies = [sample.latency * 1e3 for sample in load.between(start, end)]
        percentiles = quantiles(latencies, n=100)
        rows.append((name, len(latencies), percentiles[49], percentiles[98], max(latencies)))
    print_table(
        f"{options.store}, {options.trouble} for {options.seconds:.0f} s; latencies in ms, from "
        f"when a request was to be sent",
        ("", "requests", "p50", "p99", "max"),
        rows,
    )
    ids, stored = load.ids, read_store(store.url)
    lost = len(set(ids) - set(stored.ids))
    double = abs(stored.in_rollups - len(stored.ids)) + abs(stored.in_totals - len(stored.ids))
    print_table(
        "afterwards",
        ("what", "number"),
        [
            ("p99 away / before", rows[1][3] / rows[0][3]),
            ("requests that failed", len(load.failures)),
            ("seconds until the drain had caught up", caught_up),
            ("acknowledged", len(ids)),
            ("acknowledged, not stored: lost", lost),
            ("counted in rollups or totals, not stored: double", double),
        ],
    )
    return int(bool(lost or double or load.failures))


if __name__ == "__main__":
    raise SystemExit(main())
