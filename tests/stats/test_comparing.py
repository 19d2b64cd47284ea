"""A frame against a baseline: every nasty input has a defined outcome."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from flask_mlmonitor import Baseline, ConfigError
from flask_mlmonitor.records import Row, Served
from flask_mlmonitor.stats.frames import count_frame
from flask_mlmonitor.stats.rollup import Rollup

RNG = np.random.default_rng(5)
NUMBERS = RNG.normal(50, 10, 5000)
NAMES = RNG.choice(["a", "b", "c"], 5000, p=[0.5, 0.3, 0.2])


def drift(before: Any, after: Any, **options: Any) -> Any:
    """The drift of a single feature."""
    baseline = Baseline.from_dataframe(pd.DataFrame({"x": before}))
    return baseline.drift(pd.DataFrame({"x": after}), **options)["x"]


def test_the_same_data_is_stable() -> None:
    """Whatever its kind; and the figures that a kind has are there."""
    numeric, named = drift(NUMBERS, NUMBERS[:1000]), drift(NAMES, NAMES[:1000])

    assert (numeric.kind, numeric.status) == ("numeric", "stable")
    assert (named.kind, named.status) == ("categorical", "stable")
    assert (numeric.n_expected, numeric.n_observed) == (5000, 1000)
    assert named.ks is named.wasserstein is None
    assert numeric.ks.score < numeric.ks.critical
    assert numeric.wasserstein.score < numeric.wasserstein.critical


@pytest.mark.parametrize(
    ("shift", "status"), [(0.0, "stable"), (3.5, "moderate"), (10.0, "significant")]
)
def test_a_shift_is_judged_by_its_size(shift: float, status: str) -> None:
    """A third of a standard deviation is moderate, a whole one significant."""
    assert drift(NUMBERS, RNG.normal(50 + shift, 10, 5000)).status == status


def test_what_is_significant_but_small_is_stable() -> None:
    """It is shown, by p, and not called drift."""
    found = drift(NUMBERS, RNG.normal(52, 10, 50_000))

    assert found.status == "stable"
    assert found.chi_square.p_value < 1e-6
    assert found.psi.score < 0.1


def test_what_is_large_but_chance_is_stable() -> None:
    """Two hundred rows over forty categories differ by chance alone."""
    names = [f"n{number}" for number in range(40)]
    rng = np.random.default_rng(0)
    found = drift(rng.choice(names, 400), rng.choice(names, 200))

    assert found.psi.score > 0.2
    assert found.status == "stable"


@pytest.mark.parametrize(
    ("before", "after"), [(NUMBERS, NUMBERS[:3]), (NUMBERS[:3], NUMBERS), (NUMBERS, NUMBERS[:0])]
)
def test_few_rows_are_not_enough(before: Any, after: Any) -> None:
    """On either side; there is no figure then, and no error."""
    found = drift(before, after)

    assert found.status == "not_enough_data"
    assert found.psi is found.ks is found.chi_square is None
    assert (found.n_expected, found.n_observed) == (len(before), len(after))


def test_missing_values_are_a_bin_of_their_own() -> None:
    """They neither hide a drift nor vanish."""
    found = drift(NUMBERS, np.where(np.arange(5000) % 5 < 3, np.nan, NUMBERS))

    assert found.status == "significant"
    assert found.ks.n_observed == 2000
    assert found.ks.score < 0.1


@pytest.mark.parametrize("gone", [np.nan, None, pd.NA])
def test_all_missing_is_drift(gone: Any) -> None:
    """And has no distribution to compare."""
    found = drift(NUMBERS, pd.Series([gone] * 500, dtype=object))

    assert found.status == "significant"
    assert found.ks is found.wasserstein is None


def test_a_column_that_is_gone_is_drift() -> None:
    """It counts as missing in every row."""
    baseline = Baseline.from_dataframe(pd.DataFrame({"x": NUMBERS, "y": NUMBERS}))

    assert baseline.drift(pd.DataFrame({"y": NUMBERS}))["x"].status == "significant"


def test_infinite_values_lie_in_the_outer_bins() -> None:
    """One of them moves nothing."""
    one = np.append(NUMBERS[:999], np.inf)

    assert drift(NUMBERS, one).status == "stable"
    assert drift(NUMBERS, np.full(500, -np.inf)).status == "significant"


def test_an_outlier_hides_no_drift() -> None:
    """The bins are the baseline's, whatever comes."""
    shifted = np.append(RNG.normal(65, 10, 1999), 1e6)

    assert drift(NUMBERS, shifted).status == "significant"
    assert drift(NUMBERS, np.append(NUMBERS[:1999], 1e6)).status == "stable"


def test_an_unseen_category_counts_by_its_share() -> None:
    """One row in a thousand is no drift, a third is."""
    known = list(NAMES[:999])

    assert drift(NAMES, [*known, "new"]).status == "stable"
    assert drift(NAMES, [*known, *["new"] * 500]).status == "significant"


@pytest.mark.parametrize("after", [["7"] * 500, [True] * 500, [[1]] * 500])
def test_another_type_is_drift(after: list[Any]) -> None:
    """Texts in a feature of numbers count as invalid, as they do in production."""
    found = drift(NUMBERS, pd.Series(after, dtype=object))

    assert found.status == "significant"


def test_a_constant_is_compared_too() -> None:
    """It is stable while it stays, and drift when it varies."""
    constant = np.full(1000, 3.0)

    assert drift(constant, constant[:500]).status == "stable"
    assert drift(constant, RNG.normal(3, 1, 500)).status == "significant"
    assert drift(constant, constant[:500]).wasserstein is None


def test_few_values_are_compared_one_by_one() -> None:
    """Ties would make a test of ranks blind."""
    found = drift(RNG.choice([1, 2, 3], 5000), RNG.choice([1, 2, 3], 1000, p=[0.6, 0.2, 0.2]))

    assert found.kind == "numeric"
    assert found.status == "significant"


def test_what_lies_between_few_values_is_seen() -> None:
    """It is none of them, like a category that nobody knew; what a float32 was rounded to is."""
    before = RNG.choice(np.array([0.1, 0.7, 10.0], np.float32), 2000)

    assert drift(before, RNG.choice([0.1, 0.7, 10.0], 2000)).status == "stable"
    assert drift(before, RNG.choice([0.2, 0.6, 9.0], 2000)).status == "significant"


@pytest.mark.parametrize("values", [[0, 1], [1, 2, 3, 4, 5], [0, 1, 2, 50], [-3.5, 0.25]])
def test_wasserstein_of_few_values_is_that_of_scipy(values: list[float]) -> None:
    """In standard deviations of the training data."""
    before, after = RNG.choice(values, 2000), RNG.choice(values[:2], 1000)
    distance = stats.wasserstein_distance(before, after) / before.std(ddof=1)

    assert drift(before, after).wasserstein.score == pytest.approx(distance, rel=1e-5)


def test_a_large_budget_says_more() -> None:
    """A false alarm an hour instead of one a month."""
    after = RNG.normal(54, 10, 220)
    strict, loose = (drift(NUMBERS, after, alarm_budget=b) for b in ("1/year", "24/day"))

    assert strict.psi.score == loose.psi.score
    assert strict.psi.critical > loose.psi.critical
    with pytest.raises(ConfigError, match=r"alarm_budget = 'often': .*1/month"):
        drift(NUMBERS, after, alarm_budget="often")


def test_a_frame_counts_like_production() -> None:
    """The same values as a frame and as requests fall into the same cells."""
    df = pd.DataFrame(
        {
            "age": [18, 40, None, 1e9, -np.inf] * 100,
            "plan": ["a", "b", None, "new", "a"] * 100,
            "member": [True, False, None, True, True] * 100,
            "mixed": pd.Series([1, "1", True, 2.5, None] * 100, dtype=object),
        }
    )
    binning = Baseline.from_dataframe(df.iloc[:3]).binning()
    rows = [
        Row([None if v is pd.NA or v != v else v for v in row])
        for row in df.astype(object).to_numpy().tolist()
    ]
    rollup = Rollup.of(
        binning, [Served(0, str(i), 0.0, 0, None, False, [row]) for i, row in enumerate(rows)]
    )

    for counts in count_frame(binning.features, df):
        assert counts == rollup.feature(counts.bins.name)
