"""What drifts in a year of flights beside its January, and whether the daily cycle alone alarms.

The example service's model is trained on January's flights. Then months, days and hours of the year
are judged as the service judges windows of such a length.

``python -m tests.benchmarks.flights``
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, Self

import pandas as pd

from example_service.data import between, read_flights, rows
from example_service.model import FEATURES, label
from example_service.training import build_baseline, fit
from flask_mlmonitor import Baseline, Evaluation
from flask_mlmonitor._parsers import windows
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.records import Row, Served
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.verdicts.evaluation import SEVERITIES
from flask_mlmonitor.stats.verdicts.judging import Span, WindowCounts
from tests.benchmarks.measuring import machine, print_table
from tests.limits import LIMITS

Reference = Literal["day", "week"] | None

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
BEFORE: Final = {"day": DAY, "week": 7 * DAY}
NIGHT: Final = 9
"""The hour, UTC, in which nothing leaves New York: days are judged from night to night."""
CYCLES: Final[Sequence[Reference]] = (None, "day", "week")
CYCLES_FROM: Final = datetime(2013, 1, 15, NIGHT, tzinfo=UTC)
CYCLES_HOURS: Final = 14 * 24


class Flights(NamedTuple):
    """What January's baseline was, and what was counted in each hour."""

    baseline: Baseline
    hours: Mapping[datetime, Rollup]

    @classmethod
    def of(cls, year: pd.DataFrame, counted: pd.DataFrame) -> Self:
        """Train on January of the *year*; predict and count some flights of it."""
        january = between(year, pd.Timestamp("2013-01-01"), pd.Timestamp("2013-02-01"))
        known = january[january["outcome"].notna()]
        model = fit(known)
        baseline = build_baseline(known)
        sent = rows(counted)
        chances = model.probabilities(sent)
        served = defaultdict(list)
        for hour, row, chance in zip(
            counted["departure"].dt.floor("h"), sent, chances, strict=True
        ):
            values = Row(list(row.values()), label(chance), chance)
            served[hour.to_pydatetime()].append(Served(0, "", 0.0, 0, None, False, [values]))
        binning = baseline.binning()
        return cls(baseline, {hour: Rollup.of(binning, some) for hour, some in served.items()})

    def judged(self, start: datetime, length: timedelta, reference: Reference = None) -> Evaluation:
        """Judge a window beside January and, if named, the same hours of an earlier day."""
        window = f"{length // HOUR}h"
        subject = Subject(
            model="flights",
            version="1",
            windows=windows(window),
            alarm_budget=1 / 30,
            limits=LIMITS,
            baseline=self.baseline,
        )
        earlier = None if reference is None else start - BEFORE[reference]
        return subject.judge.judge(
            Span("flights", "1", window, start, start + length),
            self._counts(start, length),
            second=None if earlier is None else self._counts(earlier, length),
        )

    def _counts(self, start: datetime, length: timedelta) -> WindowCounts:
        moments = (start + number * HOUR for number in range(length // HOUR))
        found = [self.hours[moment] for moment in moments if moment in self.hours]
        return WindowCounts.of(sum(one.n for one in found), found)


def month(number: int) -> datetime:
    """Return when a month of 2013 begins; that of number 13 is the next January."""
    return datetime(2013 + (number - 1) // 12, (number - 1) % 12 + 1, 1, NIGHT, tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what drifted."""
    parser = argparse.ArgumentParser(prog="flights", description=__doc__)
    parser.add_argument("--months", type=int, default=12)
    options = parser.parse_args(arguments)
    print(machine())
    year = read_flights()
    months = range(1, options.months + 1)
    flights = Flights.of(year, year[year["departure"] < pd.Timestamp(month(options.months + 1))])
    _print_months(flights, months)
    _print_days(flights, months)
    _print_cycles(flights)
    return 0


def _print_months(flights: Flights, months: Sequence[int]) -> None:
    table = []
    for number in months:
        one = flights.judged(month(number), month(number + 1) - month(number))
        psi = {name: float(one.drift[name].psi or 0) for name in one.drifted}
        drifted = ", ".join(f"{name} {score:.2f}" for name, score in psi.items())
        table.append((f"{month(number):%B}", one.n, one.verdict.severity, drifted or "-"))
    print_table("each month beside January", ("", "flights", "verdict", "drifted, PSI"), table)


def _print_days(flights: Flights, months: Sequence[int]) -> None:
    found: dict[int, Counter[str]] = {number: Counter() for number in months}
    first: dict[str, str] = {}
    for number in months:
        for place in range((month(number + 1) - month(number)).days):
            one = flights.judged(month(number) + place * DAY, DAY)
            found[number].update([*one.drifted, f"verdict: {one.verdict.severity}"])
            for name in one.drifted:
                first.setdefault(name, f"{one.start:%m-%d}")
    names = [*FEATURES, *(f"verdict: {severity}" for severity in SEVERITIES)]
    table = [
        (name, first.get(name, "-"), *(found[number][name] for number in months)) for name in names
    ]
    heads = ("", "first", *(f"{month(number):%b}" for number in months))
    print_table("on how many days each drifted, windows of 24 hours", heads, table)


def _print_cycles(flights: Flights) -> None:
    table = []
    for reference in CYCLES:
        judged = [
            flights.judged(CYCLES_FROM + place * HOUR, 6 * HOUR, reference)
            for place in range(CYCLES_HOURS)
        ]
        enough = [one for one in judged if one.status == "complete"]
        drifted = Counter(name for one in enough for name in one.drifted)
        row = (reference or "none", len(enough), *(drifted[name] for name in FEATURES))
        table.append(row)
    title = "windows of 6 hours in which each drifted, each hour of two weeks of January"
    print_table(title, ("second reference", "windows", *FEATURES), table)


if __name__ == "__main__":
    raise SystemExit(main())
