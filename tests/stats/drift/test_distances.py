"""The distances: equal to scipy's where they are the same figure, and honest about chance."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from flask_mlmonitor.drift import Distance, chi_square, jensen_shannon, ks, psi, wasserstein
from flask_mlmonitor.exceptions import NotEnoughData

Measure = Callable[..., Distance]


def earth(expected: list[int], observed: list[int], **options: float) -> Distance:
    """The Wasserstein distance of cells that are one apart."""
    return wasserstein(expected, observed, positions=range(len(expected)), **options)


ALL: list[Measure] = [psi, chi_square, ks, jensen_shannon, earth]
ORDERLESS: list[Measure] = [psi, chi_square, jensen_shannon]
counts = st.lists(st.integers(0, 10**6), min_size=1, max_size=30)


@st.composite
def pairs(draw: st.DrawFn, least: int = 0) -> tuple[list[int], list[int]]:
    """Two lists of counts over the same cells, neither of them empty."""
    cells = draw(st.integers(2, 25))
    side = st.lists(st.integers(least, 10**6), min_size=cells, max_size=cells).filter(any)
    return draw(side), draw(side)


def raw(side: list[int]) -> np.ndarray:
    """One value for each count: the number of its cell."""
    return np.repeat(np.arange(len(side)), side)


@given(pairs(least=5))
def test_chi_square_is_that_of_scipy(pair: tuple[list[int], list[int]]) -> None:
    """Where no cell is rare, nothing is pooled; neither side counts as exact."""
    table = np.array(pair)
    expected = stats.contingency.expected_freq(table)
    found = chi_square(*pair)
    if (expected >= 5).all():
        wanted = stats.chi2_contingency(table, correction=False)

        assert found.score == pytest.approx(wanted.statistic, rel=1e-9, abs=1e-9)
        assert found.p_value == pytest.approx(wanted.pvalue, rel=1e-7, abs=1e-300)


def test_rare_cells_are_pooled() -> None:
    """Twenty categories of a quarter percent each count as one."""
    old, new = [4750, *[12] * 20], [190, *[0] * 10, *[1] * 10]
    whole = stats.chi2_contingency([[4750, 240], [190, 10]], correction=False)

    assert chi_square(old, new).score == pytest.approx(whole.statistic)


def test_a_rare_pool_takes_the_next_rarest_in() -> None:
    """Until the pool expects five rows itself."""
    whole = stats.chi2_contingency([[900, 103], [80, 17]], correction=False)

    assert chi_square([900, 100, 3], [80, 17, 0]).score == pytest.approx(whole.statistic)


@given(pairs())
def test_jensen_shannon_is_that_of_scipy(pair: tuple[list[int], list[int]]) -> None:
    """In nats, and at most the root of ln 2."""
    found = jensen_shannon(*pair).score

    assert found == pytest.approx(jensenshannon(*pair), abs=1e-7)
    assert found <= math.sqrt(math.log(2)) + 1e-12


@given(pairs(), st.floats(0.01, 100))
def test_wasserstein_is_that_of_scipy(pair: tuple[list[int], list[int]], scale: float) -> None:
    """Each cell's value with its count as a weight."""
    places = [place**1.5 for place in range(len(pair[0]))]
    wanted = stats.wasserstein_distance(places, places, *pair) / scale

    found = wasserstein(*pair, positions=places, scale=scale).score
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@given(pairs().map(lambda pair: ([n % 60 for n in pair[0]], [n % 60 for n in pair[1]])))
def test_ks_of_whole_numbers_is_that_of_scipy(pair: tuple[list[int], list[int]]) -> None:
    """Counted value by value, nothing is lost."""
    if any(pair[0]) and any(pair[1]):
        assert ks(*pair).score == pytest.approx(stats.ks_2samp(*map(raw, pair)).statistic)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("bins", [10, 20, 50])
def test_binned_ks_keeps_its_bound(shift: float, bins: int) -> None:
    """At most the exact distance, and short of it by no more than the fullest cell's share."""
    rng = np.random.default_rng(3)
    old, new = rng.lognormal(0, 3, 5000), rng.lognormal(shift, 3, 700)
    edges = np.quantile(old, np.arange(1, bins) / bins)
    cells = [
        np.bincount(np.searchsorted(edges, side, "right"), minlength=bins) for side in (old, new)
    ]
    exact = stats.ks_2samp(old, new).statistic
    binned = ks(*cells).score

    assert exact - cells[0].max() / 5000 <= binned <= exact + 1e-12


@given(pairs())
def test_psi_is_the_formula_with_half_a_row_in_each_cell(
    pair: tuple[list[int], list[int]],
) -> None:
    """Cells that are empty on both sides do not exist."""
    seen = [(r, c) for r, c in zip(*pair, strict=True) if r or c]
    n, m, k = sum(pair[0]), sum(pair[1]), len(seen)
    shares = [((r + 0.5) / (n + k / 2), (c + 0.5) / (m + k / 2)) for r, c in seen]
    wanted = sum((q - p) * math.log(q / p) for p, q in shares) if k > 1 else 0.0

    assert psi(*pair).score == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("measure", ALL)
@given(side=counts.filter(any))
def test_equal_shares_are_no_distance(measure: Measure, side: list[int]) -> None:
    """Nor does a thousandfold sample make one."""
    found = measure(side, [1000 * n for n in side])

    assert found.score == pytest.approx(0, abs=2e-2 if measure is psi else 1e-6)
    assert measure(side, side).score == pytest.approx(0, abs=1e-9)
    assert measure(side, side).p_value == pytest.approx(1)


@pytest.mark.parametrize("measure", ALL)
@given(pair=pairs())
def test_score_and_p_agree_about_the_limit(
    measure: Measure, pair: tuple[list[int], list[int]]
) -> None:
    """A score past its critical value has a p below alpha, and the other way round."""
    found = measure(*pair, alpha=0.01)

    assert found.score >= 0
    assert 0 <= found.p_value <= 1
    assert (found.n_expected, found.n_observed) == (sum(pair[0]), sum(pair[1]))
    if not math.isclose(found.p_value, 0.01, rel_tol=1e-6):
        assert (found.score > found.critical) == (found.p_value < 0.01)


@pytest.mark.parametrize("measure", ORDERLESS)
@given(pair=pairs(), order=st.randoms())
def test_categories_have_no_order(
    measure: Measure, pair: tuple[list[int], list[int]], order: object
) -> None:
    """Shuffled cells, and cells that are empty on both sides, change nothing."""
    cells = list(zip(*pair, strict=True))
    order.shuffle(cells)  # type: ignore[attr-defined]
    old, new = zip(*cells, (0, 0), strict=True)

    assert measure(old, new).score == pytest.approx(measure(*pair).score, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("measure", ALL)
def test_an_empty_side_is_not_enough(measure: Measure) -> None:
    """It is no distance of 0."""
    for sides in (([0, 0], [1, 1]), ([1, 1], [0, 0]), ([], [])):
        with pytest.raises(NotEnoughData, match="0 rows"):
            measure(*sides)


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize(
    ("expected", "observed", "words"),
    [
        ([1, 2, 3], [1, 2], "3 cells expected, 2 observed"),
        ([1, -2], [1, 2], "expected"),
        ([1, 2], [1, math.nan], "observed"),
        ([1, 2], ["1", "2"], "list of counts"),
        ([[1, 2]], [[1, 2]], "list of counts"),
    ],
)
def test_what_are_no_counts_is_refused(
    measure: Measure, expected: list[int], observed: list[int], words: str
) -> None:
    """The error names the side."""
    with pytest.raises(ValueError, match=words):
        measure(expected, observed)


def test_wasserstein_needs_places_in_order() -> None:
    """And a scale above 0."""
    for options in (
        {"positions": [1.0, 0.0]},
        {"positions": [0.0]},
        {"positions": [0.0, math.inf]},
    ):
        with pytest.raises(ValueError, match="ascend"):
            wasserstein([1, 1], [1, 1], **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scale = 0"):
        wasserstein([1, 1], [1, 1], positions=[0, 1], scale=0)


def test_a_single_cell_cannot_drift() -> None:
    """A constant that stays constant has no degree of freedom."""
    for measure in ALL:
        found = measure([0, 50], [0, 70])

        assert (found.score, found.p_value) == (0.0, 1.0)


@pytest.mark.parametrize("measure", [psi, chi_square, jensen_shannon, earth])
@pytest.mark.parametrize("sizes", [(5000, 200), (500, 500)])
def test_false_alarms_are_as_rare_as_alpha_says(measure: Measure, sizes: tuple[int, int]) -> None:
    """On samples of equal shares; the range is four standard errors of 1,500 draws and a bias."""
    rng = np.random.default_rng(11)
    shares = [0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05]
    hits = 0
    for _ in range(1500):
        found = measure(*(rng.multinomial(n, shares) for n in sizes))
        hits += found.score > found.critical

    assert 0.025 < hits / 1500 < 0.08


def test_ks_is_never_liberal() -> None:
    """Ties and cells make it conservative."""
    rng = np.random.default_rng(12)
    pairs = [
        (rng.multinomial(5000, [0.1] * 10), rng.multinomial(200, [0.1] * 10)) for _ in range(500)
    ]

    assert sum(ks(*pair).p_value < 0.05 for pair in pairs) / 500 < 0.05


@pytest.mark.parametrize("size", [200, 2000, 20_000])
def test_a_material_limit_is_right_at_every_size(size: int) -> None:
    """A PSI of just the size that does not matter alarms in a share alpha of all windows."""
    rng = np.random.default_rng(13)
    old, new = np.full(10, 0.1), np.array([0.146, *[0.854 / 9] * 9])
    delta = float(((new - old) * np.log(new / old)).sum())
    hits = 0
    for _ in range(1000):
        found = psi(
            rng.multinomial(50_000, old), rng.multinomial(size, new), alpha=0.01, min_effect=delta
        )
        hits += found.score > found.critical

    assert hits / 1000 < 0.03


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize("alpha", [0, -0.05, 1.5, math.nan])
def test_what_is_no_level_is_refused(measure: Measure, alpha: float) -> None:
    """There is no critical value of it."""
    with pytest.raises(ValueError, match=r"alpha = .*: give a share above 0"):
        measure([10, 10], [10, 20], alpha=alpha)


def test_a_distance_is_a_number() -> None:
    """Where only the score counts."""
    found, equal = psi([10, 10], [10, 20]), psi([10, 10], [10, 10])

    assert float(found) == found.score
    assert f"{found:.3f} {equal:g}" == f"{found.score:.3f} 0"
    assert f"{found}" == repr(found)
    assert equal < found <= found.score
    assert found > np.float64(0.05) >= equal
    assert not found < 0.05
    assert not equal > found
