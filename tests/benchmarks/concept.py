"""How soon a changed concept is seen, and how often one is seen where there is none.

200 predictions an hour have their truth at once, and a model of 20 features is judged each hour
over the last 1, 6 and 24 hours under a budget of one false alarm a month. When a fifth of the
labels is flipped, the estimate stays and the measured accuracy falls. Where the concept stays,
other things do not: inputs become harder and easier from hour to hour, or truth of the positive
class comes hours before that of the other. Baselines differ by chance, so all figures are means
over several, with two standard errors.

``python -m tests.benchmarks.concept``
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from math import inf, sin, sqrt
from statistics import mean, median, stdev
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.cells.scores import Scores
from flask_mlmonitor.stats.drift.comparing import level_of
from flask_mlmonitor.stats.performance.concept import ConceptDrift, judge_concept
from flask_mlmonitor.stats.performance.estimates import Calibration, estimate
from flask_mlmonitor.stats.performance.measuring import measure
from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums
from tests.benchmarks.measuring import cpu_of, machine, print_table

Array = npt.NDArray[Any]

SEED: Final = 2027
AN_HOUR: Final = 200
WINDOWS: Final = (1, 6, 24)
HISTORY: Final = 96
"""Hours that the detector is shown."""
LEVEL: Final = level_of(1 / 30, features=20 + 1, decisions=24, windows=len(WINDOWS))
DROP: Final = 0.05
FLIPS: Final = (0.1, 0.2)
OFFSETS: Final = {"half": 0.0, "one in seven": -3.0}
JUDGES: Final = (*(f"{window}h" for window in WINDOWS), "detector", "any of them")
WITHIN: Final = (1, 2, 3, 6, 12, 24)
BEFORE: Final = 48
"""Stable hours before a change."""


class Hour(NamedTuple):
    """What is known of an hour in the end, and at first: the truth of the positive class."""

    whole: TruthSums
    early: TruthSums


class Model(NamedTuple):
    """A model with a baseline of its own.

    :param offset: of its log-odds: how rare the positive class is.
    """

    rng: np.random.Generator
    offset: float
    baseline: Baseline
    calibration: Calibration
    layout: TruthLayout

    @classmethod
    def of(cls, seed: int, rows: int, offset: float) -> "Model":
        """Draw the baseline."""
        rng = np.random.default_rng((SEED, seed))
        p, true = _drawn(rng, rows, offset)
        baseline = Baseline.from_dataframe(
            pd.DataFrame({"x": np.arange(rows)}),
            target=true,
            predictions=(p > 0.5).astype(int),
            probabilities=p,
        )
        calibration = Calibration.of(baseline)
        assert calibration is not None
        return cls(rng, offset, baseline, calibration, TruthLayout.of(baseline, None))

    def hour(self, *, flipped: float = 0.0, harder: float = 0.0) -> "Hour":
        """Return an hour's predictions."""
        p, true = _drawn(self.rng, AN_HOUR, self.offset, harder)
        true = np.where(self.rng.random(AN_HOUR) < flipped, 1 - true, true)
        columns = [one.tolist() for one in ((p > 0.5).astype(int), p, true)]
        rows = [TruthRow(x, chance, y, 60.0) for x, chance, y in zip(*columns, strict=True)]
        early = [row for row in rows if row.value]
        return Hour(TruthSums.of(self.layout, rows), TruthSums.of(self.layout, early))

    def judged(self, hours: Sequence[TruthSums]) -> Iterator[ConceptDrift]:
        """Judge the windows that end with the last hour; the longest is shown the history."""
        for window in WINDOWS:
            shown = hours if window == WINDOWS[-1] else []
            yield self.judge(_sum(self.layout, hours[-window:]), shown)

    def judge(self, window: TruthSums, hours: Sequence[TruthSums] = ()) -> ConceptDrift:
        """Judge one window, and show the detector some hours."""
        found = judge_concept(
            window,
            [(3600.0 * place, one) for place, one in enumerate(hours)],
            self.calibration,
            self.baseline,
            level=LEVEL,
            drop_warning=DROP,
            drop_critical=2 * DROP,
            min_samples=AN_HOUR,
        )
        assert found is not None
        return found


Models = Mapping[str, Sequence[Model]]


def _drawn(
    rng: np.random.Generator, rows: int, offset: float, harder: float = 0.0
) -> tuple[Array, Array]:
    p = 1 / (1 + np.exp(-rng.normal(size=rows) * 2.5 * (1 - harder) - offset))
    return p, (rng.random(rows) < p).astype(int)


def _sum(layout: TruthLayout, hours: Sequence[TruthSums]) -> TruthSums:
    return TruthSums.add_up(layout, [_packed(one) for one in hours])


_packed: Final = lru_cache(maxsize=256)(TruthSums.pack)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="concept", description=__doc__)
    parser.add_argument("--baselines", type=int, default=10, help="of each kind, at least 2")
    parser.add_argument("--rows", type=int, default=5000, help="of each baseline")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--changes", type=int, default=10, help="of each kind and baseline")
    options = parser.parse_args(arguments)
    print(machine(), flush=True)
    models = {
        name: [Model.of(seed, options.rows, offset) for seed in range(options.baselines)]
        for name, offset in OFFSETS.items()
    }
    _print_blindness(models)
    _print_delays(models, options.changes)
    _print_alarms(models, options.days)
    _print_cost(models["half"][0])
    return 0


def _print_blindness(models: Models) -> None:
    """Print what a day of 5,000 predictions looks like before and after."""
    table: list[tuple[Any, ...]] = []
    for name, some in models.items():
        for flipped in (0.0, *FLIPS):
            found = np.array([_day(model, flipped) for model in some])
            table.append((f"positive: {name}, {flipped:.0%} flipped", *found.mean(0).tolist()))
    heads = ("", "estimated accuracy", "measured", "gap", "net of classes", "called drift")
    print_table("a day of 4,800 predictions", heads, table)


def _day(model: Model, flipped: float) -> tuple[float, ...]:
    day = _sum(model.layout, [model.hour(flipped=flipped).whole for _ in range(24)])
    counts = {
        name: Scores(*(tuple(side.sum(0).tolist()) for side in cells))
        for name, cells in day.scores.items()
    }
    found = model.judge(day)
    return (
        estimate(counts, model.calibration).figures["accuracy"],
        measure(day).figures["accuracy"],
        found.gap or 0.0,
        found.net or 0.0,
        float(found.status != "stable"),
    )


def _print_delays(models: Models, times: int) -> None:
    """Print after how many hours a change is seen, by whom."""
    table: list[tuple[Any, ...]] = []
    for name, some in models.items():
        for flipped in FLIPS:
            delays = [_delays(model, flipped) for model in some for _ in range(times)]
            for who, found in zip(
                (*WINDOWS, "detector", "any"), zip(*delays, strict=True), strict=True
            ):
                shares = [mean(one <= within for one in found) for within in (1, 2, 3, 6, 12, 24)]
                label = who if isinstance(who, str) else f"{who}h"
                table.append(
                    (f"positive: {name}, {flipped:.0%} flipped", label, median(found), *shares)
                )
    heads = ("", "by", "median, hours", *(f"within {hours}" for hours in (1, 2, 3, 6, 12, 24)))
    print_table("when a changed concept is seen", heads, table)


def _delays(model: Model, flipped: float) -> list[float]:
    """Return after how many hours each window, the detector, and the first of them sees it."""
    hours = [model.hour().whole for _ in range(BEFORE)]
    seen = [inf] * (len(WINDOWS) + 1)
    for passed in range(1, 25):
        hours.append(model.hour(flipped=flipped).whole)
        for place, one in enumerate(_seen(model, hours)):
            seen[place] = min(seen[place], passed if one else inf)
        if inf not in seen:
            break
    return [*seen, min(seen)]


def _seen(model: Model, hours: Sequence[TruthSums]) -> list[bool]:
    """Return which windows alarm for themselves, and whether the detector does."""
    found = list(model.judged(hours[-HISTORY:]))
    alone = [_alone(one) for one in found]
    last = found[-1]
    return [*alone, last.status != "stable" and last.since is not None]


def _alone(one: ConceptDrift) -> bool:
    if one.status == "not_enough_data" or one.gap is None or one.low is None or one.high is None:
        return False
    within = one.low <= one.gap <= one.high
    return one.status != "stable" and not within and abs(one.gap) >= DROP


class State(NamedTuple):
    """What changes while the concept stays.

    :param harder: how much the inputs of an hour come harder than the baseline's.
    :param late: for how many hours only the truth of the positive class is known.
    :param share: of the days that are asked for.
    """

    harder: Callable[[int], float] = lambda _hour: 0.0
    late: int = 0
    share: float = 1 / 3


STATES: Final = {
    "nothing": State(share=1.0),
    "inputs become harder, and easier": State(lambda hour: 0.5 * sin(hour / 9) ** 2),
    "truth of one class comes six hours early": State(late=6),
}


def _print_alarms(models: Models, days: int) -> None:
    """Print how often an alarm begins although the concept stays."""
    table: list[tuple[Any, ...]] = []
    for name, some in models.items():
        for what, state in STATES.items():
            hours = max(1, round(24 * days * state.share))
            found = [_alarms(model, state, hours) for model in some]
            spread = 2 * stdev(found) / sqrt(len(found))
            # Where none is seen, three would have been expected of this rate.
            spread = spread or 3 * 24 * 30 / hours / len(found)
            row = (f"positive: {name}", what, hours * len(found) / 24, mean(found), spread)
            table.append(row)
    heads = ("", "what changes", "days in all", "alarms", "+-")
    print_table("false alarms in a month of 30 days", heads, table)


def _alarms(model: Model, state: State, count: int) -> float:
    """Return how many alarms begin in a month."""
    hours = [model.hour(harder=state.harder(number)) for number in range(WINDOWS[-1] - 1)]
    begun, before = 0, False
    for number in range(count):
        hours.append(model.hour(harder=state.harder(number)))
        shown = hours[-HISTORY:]
        known = [one.whole for one in shown[: len(shown) - state.late]]
        known += [one.early for one in shown[len(shown) - state.late :]]
        drifted = {"moderate", "significant"}
        now = any(one.status in drifted for one in model.judged(known))
        begun, before = begun + (now and not before), now
    return begun / count * 24 * 30


def _print_cost(model: Model) -> None:
    """Print what one call costs."""
    hours = [model.hour().whole for _ in range(720)]
    window = _sum(model.layout, hours[-24:])
    table = []
    for shown in (0, 24, 168, 720):
        judge = partial(model.judge, window, hours[len(hours) - shown :])
        judge()
        table.append((shown, cpu_of(judge, 20) * 1000))
    print_table("CPU of one call", ("hours shown to the detector", "ms"), table)


if __name__ == "__main__":
    raise SystemExit(main())
