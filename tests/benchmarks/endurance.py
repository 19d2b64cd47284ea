"""Many predictions, many killed workers: what is lost, what counts twice, what memory it takes.

``python -m tests.benchmarks.endurance --predictions 1000000 --kills 100``; with
``--store postgresql``, into a server of its own, which crashes ``--restarts`` times.
"""

import argparse
import contextlib
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from tests.benchmarks.measuring import machine, print_table
from tests.postgres import Postgres
from tests.server import traffic
from tests.server.books import count_files, read_store, scrape_all, settle
from tests.server.killing import Campaign
from tests.server.serving import Gunicorn

REPORTS = 10
MEGABYTE = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print its books; 1 if a prediction was lost or counted twice."""
    options = _options(arguments)
    print(machine())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        traffic.baseline().save(folder / "baseline.json")
        postgres, settings = None, {}
        if options.store == "postgresql":
            postgres = stack.enter_context(Postgres())
            settings["MLMONITOR_STORE_URL"] = postgres.new_store()
        server = stack.enter_context(
            Gunicorn(folder, *_gunicorn(options), workers=options.workers, settings=settings)
        )
        every = -(-options.predictions // (options.kills + 1))
        campaign = Campaign(server, options.predictions, every)
        began = time.monotonic()
        _watch(campaign, postgres, options.restarts)
        spent = time.monotonic() - began
        print(f"  all in the store {settle(server, 600):.1f} s after the last answer")
        store = settings.get("MLMONITOR_STORE_URL", folder)
        return _report(campaign, store, spent, max_lost=options.threads * campaign.kills)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="endurance", description=__doc__)
    parser.add_argument("--predictions", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--threads", type=int, default=3, help="1: the sync worker")
    parser.add_argument("--preload", action="store_true")
    parser.add_argument("--max-requests", type=int, default=0)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--restarts", type=int, default=0, help="of PostgreSQL, by a crash")
    options = parser.parse_args(arguments)
    if options.restarts and options.store == "sqlite":
        parser.error("--restarts is for --store postgresql")
    return options


def _gunicorn(options: argparse.Namespace) -> list[str]:
    kind = "gthread" if options.threads > 1 else "sync"
    chosen = ["--worker-class", kind, "--threads", str(options.threads)]
    chosen += ["--max-requests", str(options.max_requests)]
    return [*chosen, "--preload"] if options.preload else chosen


def _watch(campaign: Campaign, postgres: Postgres | None, restarts: int) -> None:
    """Run the campaign, and print now and then how far it is and how large the workers are."""
    thread = threading.Thread(target=campaign.run)
    thread.start()
    crashes = threading.Thread(target=_crash, args=(campaign, postgres, restarts))
    crashes.start()
    steps = range(campaign.predictions // REPORTS, campaign.predictions, campaign.predictions // 10)
    for step in steps:
        while thread.is_alive() and len(campaign.ids) < step:
            thread.join(0.05)
        sizes = []
        for process in campaign.server.living():
            with contextlib.suppress(psutil.NoSuchProcess):
                sizes.append(f"{process.memory_info().rss / MEGABYTE:.0f}")
        print(f"  {len(campaign.ids):>9,} answers, workers of {', '.join(sizes)} MB", flush=True)
    thread.join()
    crashes.join()


def _crash(campaign: Campaign, postgres: Postgres | None, restarts: int) -> None:
    """Let the server crash after equal parts of the predictions."""
    if postgres is None:
        return
    for number in range(1, restarts + 1):
        while len(campaign.ids) < campaign.predictions * number // (restarts + 1):
            time.sleep(0.02)
        postgres.stop(immediately=True)
        postgres.start()
        print(f"  PostgreSQL crashed after {len(campaign.ids):,} answers", flush=True)


def _report(campaign: Campaign, store: Path | str, spent: float, max_lost: int) -> int:
    server = campaign.server
    stored = read_store(store)
    counted = set().union(*scrape_all(server, "ml_predictions_total").values())
    answered = len(campaign.ids)
    lost = len(set(campaign.ids) - set(stored.ids))
    double = abs(stored.in_rollups - len(stored.ids)) + abs(stored.in_totals - len(stored.ids))
    files = count_files(server)
    exact = len(counted) == 1 and answered <= min(counted) <= answered + max_lost
    print_table(
        f"{answered:,} predictions in {spent:.0f} s, {campaign.kills} x kill -9",
        ("what", "number"),
        [
            ("answered", answered),
            ("stored", len(stored.ids)),
            ("answered, not stored: lost", lost),
            ("counted in rollups or totals, not stored: double", double),
            ("ml_predictions_total, as every worker says", sorted(counted)),
            (f"  between answered and {answered + max_lost}", "yes" if exact else "NO"),
            ("requests whose answer was lost", campaign.unanswered),
            ("files in the spool", files.spool),
            ("files of slots", files.slots),
        ],
    )
    return int(bool(lost or double or not exact))


if __name__ == "__main__":
    raise SystemExit(main())
