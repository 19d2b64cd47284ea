"""The steps of one run, from training to the summary, told on the terminal."""

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import click
import pandas as pd

from .callers import Callers, Troubles
from .data import read_flights
from .files import BASELINE, MODEL, OUTAGE, is_trained
from .inbox import Inbox, line
from .replay import Replay, Tally
from .schedule import schedule
from .server import LONGEST, Server
from .summary import (
    Totals,
    causes,
    from_callers,
    from_metrics,
    from_store,
    judgement,
    results,
    table,
)
from .training import build_baseline, fit, training_flights

SETTLE_SECONDS: Final = 30.0
LISTEN_SECONDS: Final = 0.5
COLORS: Final = {"critical": "red", "warning": "yellow", "info": "blue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played, how fast, and against what."""

    directory: Path
    start: datetime
    seconds: float
    patience: float
    day_seconds: float
    connections: int
    workers: int
    port: int
    troubles: Troubles


class Witnesses(NamedTuple):
    """What ``/metrics`` and the store have counted, and the scrape itself."""

    metrics: Totals
    store: Totals
    scrape: str


def run(plan: Plan, *, keep: bool = False) -> bool:
    """Train, serve, replay and sum up; return whether all counts agree.

    :param keep: go on serving until Ctrl-C.
    """
    flights = prepare(plan.directory)
    with Inbox() as inbox, serve(plan, inbox) as server:
        click.echo(f"Serving at {server.url} with {plan.workers} workers.")
        click.echo(f"Look at {server.page} meanwhile: any user, password {server.token}")
        before = settled(server)
        tally = play(plan, flights, server, inbox)
        agrees = sum_up(server, inbox, before, tally)
        if keep:
            stay(server, inbox)
        else:
            click.echo("With --keep it goes on serving, for you to look around.")
    return agrees


def stay(server: Server, inbox: Inbox) -> None:
    """Serve until Ctrl-C, and say where to look."""
    click.echo("Serving until Ctrl-C:")
    for what, where in server.places().items():
        click.echo(f"{what:<12}{where}")
    with suppress(KeyboardInterrupt):
        while server.running:
            read_aloud(inbox)
            time.sleep(LISTEN_SECONDS)


def serve(plan: Plan, inbox: Inbox) -> Server:
    """Return the service, whose alerts come to an inbox."""
    settings = {
        "FLASK_MLMONITOR_WEBHOOK_URL": inbox.url,
        "FLASK_MLMONITOR_RETRAIN_WEBHOOK_URL": inbox.url,
    }
    return Server(plan.directory, port=plan.port, workers=plan.workers, settings=settings)


def prepare(directory: Path) -> pd.DataFrame:
    """Read the flights; train on the first weeks unless that has been done."""
    steps = 1 if is_trained(directory) else 3
    with click.progressbar(length=steps, label="Training", item_show_func=_text) as bar:
        flights = read_flights()
        bar.update(1, "flights read")
        if steps > 1:
            directory.mkdir(parents=True, exist_ok=True)
            known = training_flights(flights)
            model = fit(known)
            model.save(directory / MODEL)
            bar.update(1, "model fitted")
            build_baseline(known).save(directory / BASELINE)
            bar.update(1, f"baseline of {len(known):,} flights built")
    return flights


def play(plan: Plan, flights: pd.DataFrame, server: Server, inbox: Inbox) -> Tally:
    """Play the flights of the plan against the service, and read aloud what it tells of them.

    While an alert is open that will be over soon, further flights leave.
    """
    start, longest = pd.Timestamp(plan.start), plan.seconds + plan.patience
    played = schedule(flights, start, seconds=longest, day_seconds=plan.day_seconds)
    client = server.client(connections=plan.connections)
    replay = Replay(client, Callers(plan.troubles, plan.seconds), outage=plan.directory / OUTAGE)
    label = f"Replaying the flights since {start:%d %B}"
    with click.progressbar(length=int(plan.seconds), label=label, item_show_func=_text) as bar:

        def goes_on(elapsed: float) -> bool:
            return elapsed < plan.seconds or inbox.passing()

        def show(elapsed: float) -> None:
            day = start + pd.Timedelta(days=elapsed / plan.day_seconds)
            told = sum(replay.tally.ground_truth.values())
            read_aloud(inbox)
            bar.update(
                min(int(elapsed), int(plan.seconds)) - bar.pos, f"{day:%d %B}, {told:,} outcomes"
            )

        return replay.run(played, connections=plan.connections, goes_on=goes_on, notice=show)


def read_aloud(inbox: Inbox) -> None:
    """Print what has come and nobody has read."""
    for message in inbox.unread():
        color = "green" if message["action"] == "resolve" else COLORS[message["severity"]]
        over_the_bar = "\r\033[K" if sys.stdout.isatty() else ""
        click.echo(over_the_bar + click.style(line(message), fg=color))


def sum_up(server: Server, inbox: Inbox, before: Witnesses, tally: Tally) -> bool:
    """Compare what callers, ``/metrics`` and store have counted, and say where to look.

    :param before: what was counted before the replay.
    """
    after = settled(server)
    columns = {
        "callers": from_callers(tally),
        "/metrics": after.metrics.since(before.metrics),
        "store": after.store.since(before.store),
    }
    counted = [*table(columns), "", *causes(after.scrape, before.scrape)]
    judged = judgement(server.evaluations())
    click.echo("\n".join(["", *counted, *judged]))
    performance = ("performance", "--window", LONGEST)
    click.echo(f"\nflask mlmonitor {' '.join(performance)}:\n\n{server.ask(*performance)}")
    click.echo("\n".join(["/metrics:", "", *results(server.metrics()), ""]))
    read_aloud(inbox)
    agrees = columns["callers"] == columns["/metrics"] == columns["store"]
    verdict = "All counts agree." if agrees else "The counts differ."
    click.secho(verdict, fg="green" if agrees else "red", bold=True)
    if unanswered := tally.predictions["unanswered"]:
        click.echo(f"{unanswered:,} predictions were asked for and got no answer.")
    click.echo(f"All files are in {server.directory}.")
    return agrees


def settled(server: Server) -> Witnesses:
    """Wait until the store holds what ``/metrics`` counts; return the last word of both."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        store = from_store(server.status())
        scrape = server.metrics()
        metrics = from_metrics(scrape)
        if store == metrics or time.monotonic() > deadline:
            return Witnesses(metrics, store, scrape)


def _text(item: str | None) -> str | None:
    return item
