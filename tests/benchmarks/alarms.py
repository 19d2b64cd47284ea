"""How often stable data alarms, and how soon a drift is seen.

Twenty features, ten normal and ten of ten equal categories, against a baseline of 5,000 rows. Every
hour brings 200 predictions, and the last 1, 6 and 24 hours are judged as the service judges them,
under a budget of one false alarm a month. What is counted is when a feature's alarm begins. The
hours are drawn from the true shares of the baseline's cells, which is what rows would be counted
as; baselines differ by chance, so all figures are means over many of them, with an interval of two
standard errors.

``python -m tests.benchmarks.alarms --days 60 --baselines 20``
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from statistics import mean, stdev
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.baselines.features import FeatureBaseline
from flask_mlmonitor.stats.drift.comparing import level_of
from flask_mlmonitor.stats.drift.distances import chi_square, psi
from tests.benchmarks.measuring import machine, print_table

Shares = npt.NDArray[np.float64]

AN_HOUR: Final = 200
WINDOWS: Final = (1, 6, 24)
NUMBERS: Final = 10
NAMES: Final = list("abcdefghij")
LIMITS: Final = (0.0, 0.1)
SEED: Final = 2025


class Change(NamedTuple):
    """A change of one feature, and the numbers of windows after which it should be seen."""

    name: str
    numeric: bool
    shares: Callable[["Feature"], Shares]
    within: tuple[int, ...]


class Feature(NamedTuple):
    """One feature of one baseline.

    :param counts: of the baseline, per bin.
    :param edges: where the bins of a number end.
    :param growing: the bin of the category "a"; not always the same, they stand by frequency.
    """

    counts: tuple[int, ...]
    edges: Shares | None
    growing: int

    def shares(self, shift: float = 0.0) -> Shares:
        """Return the true shares of its bins."""
        if self.edges is None:
            return np.array([0.1] * len(NAMES) + [0.0] * (len(self.counts) - len(NAMES)))
        bounds = np.array([-np.inf, *self.edges, np.inf])
        shares = np.diff(stats.norm.cdf(bounds, shift))
        return np.append(shares, [0.0] * (len(self.counts) - len(shares)))

    def grown(self, share: float) -> Shares:
        """Return the shares after one category has grown from a tenth."""
        shares = self.shares() * (1 - share) / 0.9
        shares[self.growing] = share
        return shares


CHANGES: Final = (
    Change("mean +0.5 sd", True, lambda one: one.shares(0.5), (1, 3)),
    Change("share 10 to 20 %", False, lambda one: one.grown(0.20), (1, 3, 6)),
    Change("share 10 to 14 %", False, lambda one: one.grown(0.14), (6, 12, 24)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="alarms", description=__doc__)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--baselines", type=int, default=20)
    parser.add_argument("--rows", type=int, default=5000, help="of each baseline")
    parser.add_argument("--changes", type=int, default=50, help="of each kind, for each baseline")
    options = parser.parse_args(arguments)
    print(machine())
    rng = np.random.default_rng(SEED)
    baselines = [_features(rng, options.rows) for _ in range(options.baselines)]
    rates = {limit: [_alarms(one, limit, options.days) for one in baselines] for limit in LIMITS}
    rows = [(f"PSI_WARNING={limit:g}", *_interval(found)) for limit, found in rates.items()]
    print_table("false alarms on stable data, a month of 30 days", ("", "mean", "+-"), rows)
    for limit in LIMITS:
        _print_power(baselines, limit, options.changes)
    return 0


def _features(rng: np.random.Generator, rows: int) -> list[Feature]:
    numbers = {f"number{place}": rng.normal(size=rows) for place in range(NUMBERS)}
    names = {f"name{place}": rng.choice(NAMES, rows) for place in range(NUMBERS)}
    baseline = Baseline.from_dataframe(pd.DataFrame({**numbers, **names}))
    return [_feature(one) for one in baseline.columns]


def _feature(one: FeatureBaseline) -> Feature:
    if one.kind == "numeric":
        return Feature(one.cells.groups, np.array(sorted(one.bins.quantiles[1::2])), 0)
    return Feature(one.cells.groups, None, one.bins.categories.index("a"))


def _hours(shares: Shares, hours: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return rng.multinomial(AN_HOUR, shares, hours)


def _judged(expected: Sequence[int], hours: npt.NDArray[np.int64], limit: float) -> Iterator[bool]:
    """Yield, for every hour with a day before it, whether any of its windows has drifted."""
    alpha = level_of(1 / 30, features=2 * NUMBERS, decisions=24, windows=len(WINDOWS))
    sums = np.concatenate([np.zeros((1, hours.shape[1]), np.int64), hours.cumsum(0)])
    for end in range(max(WINDOWS), len(hours) + 1):
        yield any(
            chi_square(expected, found).p_value < alpha and psi(expected, found).score >= limit
            for found in (sums[end] - sums[end - window] for window in WINDOWS)
        )


def _alarms(features: Sequence[Feature], limit: float, days: int) -> float:
    """Return the alarms that begin in a month."""
    rng = np.random.default_rng(SEED + 1)
    begun = 0
    for one in features:
        states = list(_judged(one.counts, _hours(one.shares(), 24 * days + 23, rng), limit))
        begun += sum(
            now and not before for before, now in zip([False, *states], states, strict=False)
        )
    return begun / days * 30


def _print_power(baselines: Sequence[Sequence[Feature]], limit: float, times: int) -> None:
    rows: list[tuple[Any, ...]] = []
    for change in CHANGES:
        delays = [
            delay for features in baselines for delay in _delays(features, change, limit, times)
        ]
        for within in change.within:
            seen = [float(delay <= within) for delay in delays]
            rows.append((change.name, within, mean(seen), 2 * stdev(seen) / sqrt(len(seen))))
    heads = ("one feature changes", "windows", "seen", "+-")
    print_table(f"seen within so many windows at PSI_WARNING={limit:g}", heads, rows)


def _delays(
    features: Sequence[Feature], change: Change, limit: float, times: int
) -> Iterator[float]:
    """Yield after how many windows each of several such changes is seen."""
    rng = np.random.default_rng(SEED + 2)
    alike = [one for one in features if (one.edges is not None) == change.numeric]
    for number in range(times):
        feature = alike[number % len(alike)]
        before = _hours(feature.shares(), max(WINDOWS) - 1, rng)
        after = _hours(change.shares(feature), max(change.within), rng)
        states = _judged(feature.counts, np.concatenate([before, after]), limit)
        yield next((float(n) for n, seen in enumerate(states, 1) if seen), float("inf"))


def _interval(found: Sequence[float]) -> tuple[float, float]:
    spread = stdev(found) if len(found) > 1 else float("nan")
    return mean(found), 2 * spread / sqrt(len(found))


if __name__ == "__main__":
    raise SystemExit(main())
