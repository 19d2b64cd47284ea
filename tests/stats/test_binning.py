"""The cells: where the edges lie, which cell a value falls into, and what their sums mean."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_mlmonitor.stats.binning import Binning, FeatureBins
from flask_mlmonitor.stats.counts import FeatureCounts
from flask_mlmonitor.stats.labels import ABSENT

FINITE = st.floats(allow_nan=False, allow_infinity=False)
AGE = FeatureBins(
    "age",
    "numeric",
    quantiles=(25.0, 30.0, 40.0, 40.0, 50.0),
    low=18.0,
    high=70.0,
    mean=40.0,
    std=12.0,
    fences=(5.0, 75.0),
)
PLAN = FeatureBins("plan", "categorical", categories=("free", "paid"), other=("gift",))
MEMBER = FeatureBins("member", "boolean", categories=("False", "True"))
ZIP = FeatureBins("zip", "categorical", categories=("10115", "2.5"), accepts=("number",))
CHURN = FeatureBins(
    "prediction", "categorical", categories=("0", "1"), accepts=("text", "number", "boolean")
)


def after(value: float) -> float:
    """The next double."""
    return math.nextafter(value, math.inf)


@st.composite
def numeric_bins(draw: st.DrawFn) -> FeatureBins:
    """Any numeric feature that a baseline can hold."""
    points = sorted(draw(st.lists(FINITE, min_size=2, max_size=19)))
    pair = st.tuples(FINITE, FINITE).map(lambda ends: (min(ends), max(ends)))
    few = draw(st.booleans())
    return FeatureBins(
        "x",
        "numeric",
        quantiles=() if few else tuple(points),
        values=tuple(sorted(set(points))) if few else (),
        low=points[0],
        high=points[-1],
        mean=draw(st.none() | FINITE),
        std=draw(st.floats(0, 1e300)),
        fences=draw(st.none() | pair),
    )


def test_the_format_of_the_cells_is_frozen() -> None:
    """Counts in a store are read with these edges and this order, also by later versions."""
    assert AGE.edges == (
        4.0,
        5.0,
        18.0,
        25.0,
        30.0,
        40.0,
        after(40.0),
        50.0,
        after(70.0),
        after(75.0),
        after(76.0),
    )
    assert AGE.cell_names[-3:] == ("missing", "absent", "invalid")
    assert PLAN.cell_names == ("free", "paid", "other", "unseen", "missing", "absent", "invalid")
    assert Binning((AGE, PLAN, MEMBER, ZIP), CHURN, ("0", "1"), "1").id == "46e4333d45749e38"


def test_every_second_quantile_separates_the_groups() -> None:
    """The PSI compares half as many bins as there are cells for the distance of Kolmogorov."""
    bins = FeatureBins("x", "numeric", quantiles=(1.0, 2.0, 3.0, 4.0, 5.0), low=0.0, high=6.0)

    assert bins.edges == (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, after(6.0))
    assert bins.groups == (range(3), range(3, 5), range(5, 8))


def test_a_value_that_fills_several_bins_has_its_own_group() -> None:
    """Among many zeros a shift of what is not zero stays visible."""
    bins = FeatureBins("x", "numeric", quantiles=(0.0, 0.0, 0.0, 0.0, 5.0), low=0.0, high=9.0)

    groups = [next(i for i, g in enumerate(bins.groups) if bins.cell_of(x) in g) for x in (0, 1e-9)]

    assert groups == [1, 2]
    assert bins.groups[1] == range(1, 2)


def test_each_of_a_few_values_has_a_group_and_so_has_what_lies_around_them() -> None:
    """Numbers of few values are compared like categories; a little noise changes nothing."""
    bins = FeatureBins("x", "numeric", values=(0.1, 0.2, 0.3), low=0.1, high=0.3)

    cells = [bins.cell_of(x) for x in (0.05, 0.1000000001, 0.15, 0.2000001, 0.29, 0.29999999, 0.4)]

    assert [next(i for i, g in enumerate(bins.groups) if cell in g) for cell in cells] == [
        *range(7)
    ]
    assert bins.discrete


def test_a_constant_feature_that_moves_is_seen() -> None:
    """One value has three groups: below, itself, above."""
    bins = FeatureBins("x", "numeric", values=(7.0,), low=7.0, high=7.0, mean=7.0, std=0.0)

    assert [bins.cell_of(x) for x in (6.9, 7, 7.1)] == [0, 1, 2]
    assert bins.groups == (range(1), range(1, 2), range(2, 3))


def test_known_values_are_no_outliers() -> None:
    """A rare one among zeros is further than three standard deviations, but known."""
    bins = FeatureBins("x", "numeric", values=(0.0, 1.0), low=0.0, high=1.0, mean=0.01, std=0.1)
    counts = FeatureCounts(bins, tuple(1 if i == bins.cell_of(1) else 0 for i in range(bins.size)))

    assert counts.beyond_z == 0


def test_a_column_without_values_has_one_cell_for_all() -> None:
    """A number that turns up in it is counted, in no range."""
    bins = FeatureBins("x", "numeric", missing=True)

    assert (bins.size, bins.cell_of(3), bins.groups) == (4, 0, (range(1),))
    assert bins.outside(bins.span) == (range(0), range(0))
    assert bins.cell_names[0] == "any"


@settings(deadline=None)
@given(numeric_bins(), FINITE | st.sampled_from([math.inf, -math.inf]))
def test_sums_of_cells_answer_the_questions(bins: FeatureBins, x: float) -> None:
    """Below or above the range, outliers: each is a sum of whole cells."""
    cell = bins.cell_of(x)
    counts = FeatureCounts(bins, tuple(int(i == cell) for i in range(bins.size)))

    assert bins.low is not None
    assert bins.high is not None
    assert (counts.below, counts.above) == (x < bins.low, x > bins.high)
    for limits, found in ((bins.z_limits, counts.beyond_z), (bins.fences, counts.beyond_fences)):
        assert found == (limits is not None and (x < limits[0] or x > limits[1]))
    assert sum(counts.groups) == counts.n == 1


@settings(deadline=None)
@given(numeric_bins())
def test_groups_cover_every_value_cell_once(bins: FeatureBins) -> None:
    """Nothing is counted twice or never."""
    assert [cell for group in bins.groups for cell in group] == [*range(bins.value_cells)]
    assert list(bins.edges) == sorted(set(bins.edges))
    assert len(bins.cell_names) == bins.size


@settings(deadline=None)
@given(numeric_bins(), FINITE)
def test_a_cell_is_closed_below_and_open_above(bins: FeatureBins, x: float) -> None:
    """An edge belongs to the cell that it opens."""
    assert bins.cell_of(x) == sum(1 for edge in bins.edges if edge <= x)


@pytest.mark.parametrize(
    ("bins", "value", "cell"),
    [
        (AGE, None, "missing"),
        (AGE, math.nan, "missing"),
        (AGE, ABSENT, "absent"),
        (AGE, True, "invalid"),
        (AGE, "40", "invalid"),
        (AGE, b"40", "invalid"),
        (AGE, [40], "invalid"),
        (AGE, {"age": 40}, "invalid"),
        (AGE, math.inf, "from 76"),
        (AGE, -math.inf, "below 4"),
        (AGE, 40, "40 to 40"),
        (PLAN, "paid", "paid"),
        (PLAN, "gift", "other"),
        (PLAN, "free\0", "unseen"),
        (PLAN, "", "unseen"),
        (PLAN, None, "missing"),
        (PLAN, math.nan, "missing"),
        (PLAN, ABSENT, "absent"),
        (PLAN, 1, "invalid"),
        (PLAN, True, "invalid"),
        (PLAN, ["free"], "invalid"),
        (ZIP, 10115, "10115"),
        (ZIP, 10115.0, "10115"),
        (ZIP, 2.5, "2.5"),
        (ZIP, math.inf, "unseen"),
        (ZIP, "10115", "invalid"),
        (ZIP, False, "invalid"),
        (MEMBER, True, "True"),
        (MEMBER, False, "False"),
        (MEMBER, 1, "invalid"),
        (MEMBER, "True", "invalid"),
        (MEMBER, None, "missing"),
        (CHURN, 1, "1"),
        (CHURN, 1.0, "1"),
        (CHURN, True, "1"),
        (CHURN, "1", "1"),
        (CHURN, "false", "0"),
        (CHURN, 2, "unseen"),
        (CHURN, [1], "invalid"),
    ],
)
def test_every_value_has_its_cell(bins: FeatureBins, value: Any, cell: str) -> None:
    """Whatever a client sends is counted where the documentation says."""
    assert bins.cell_names[bins.cell_of(value)] == cell


def test_monstrous_values_have_their_cells() -> None:
    """No size and no broken text raises."""
    assert AGE.cell_of(10**400) == AGE.cell_of(math.inf)
    assert AGE.cell_of(-(10**400)) == AGE.cell_of(-math.inf)
    assert ZIP.cell_of(10**5000) == ZIP.unseen_cell
    assert {PLAN.cell_of(text) for text in ("\ud800", "x" * 2_000_000)} == {PLAN.unseen_cell}


def test_an_encoded_binning_comes_back() -> None:
    """Whoever drains a segment counts in the cells of the process that wrote it."""
    binning = Binning(
        (AGE, PLAN, MEMBER, ZIP), CHURN, ("0", "1"), "1", "classification", (0.1, 0.5)
    )

    decoded = Binning.decode(binning.encode())

    assert decoded == binning
    assert decoded.encode() == binning.encode()
    assert decoded.features == binning.features
    assert hash(decoded) == hash(binning)


def test_whole_numbers_and_floats_are_the_same_bounds() -> None:
    """The id does not depend on how a bound was written."""
    assert Binning(latency_bounds=(1, 2)).id == Binning(latency_bounds=(1.0, 2.0)).id
    assert Binning(latency_bounds=(1, 2)) != Binning(latency_bounds=(1, 3))
    assert Binning() != "binning"


def test_only_what_is_set_is_encoded() -> None:
    """A later version may add a field without new ids for the bins that do not use it."""
    encoded = msgspec.msgpack.decode(Binning((PLAN,)).encode())

    assert encoded == {
        "version": 2,
        "features": [
            {
                "name": "plan",
                "kind": "categorical",
                "categories": ["free", "paid"],
                "other": ["gift"],
            }
        ],
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        msgspec.msgpack.encode({"version": 3}),
        msgspec.msgpack.encode({"version": 2, "features": [{"name": "x", "kind": "colour"}]}),
        Binning((AGE,)).encode().replace(b"age", b"\xff\xff\xff"),
        msgspec.msgpack.encode(
            {"version": 2, "features": [{"name": "x", "kind": "numeric", "quantiles": [2, 1]}]}
        ),
    ],
)
def test_a_binning_that_cannot_be_read_is_an_error(data: bytes) -> None:
    """Damaged, or of a later version."""
    with pytest.raises(ValueError, match="no binning of version 2"):
        Binning.decode(data)


@settings(deadline=None)
@given(st.integers(0, len(Binning((AGE, PLAN), CHURN).encode()) - 1))
def test_a_truncated_binning_is_an_error(length: int) -> None:
    """Wherever it was cut."""
    with pytest.raises(ValueError, match="no binning"):
        Binning.decode(Binning((AGE, PLAN), CHURN).encode()[:length])


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantiles": (2.0, 1.0)},
        {"values": (1.0, 1.0)},
        {"categories": ("a",), "other": ("a",)},
    ],
)
def test_bins_that_contradict_themselves_are_refused(wrong: dict[str, Any]) -> None:
    """A file edited by hand is not counted wrongly."""
    with pytest.raises(ValueError, match="'x'"):
        FeatureBins("x", "numeric", **wrong)


@pytest.mark.parametrize(
    ("classes", "positive", "scored"),
    [
        ((), None, ()),
        (("only",), None, ()),
        (("no", "yes"), None, ("yes",)),
        (("no", "yes"), "no", ("no",)),
        (("a", "b", "c"), None, ("a", "b", "c")),
        (tuple(map(str, range(51))), None, ()),
    ],
)
def test_which_classes_are_scored(
    classes: tuple[str, ...], positive: str | None, scored: tuple[str, ...]
) -> None:
    """Of two the positive one, each of up to fifty, of more none."""
    assert Binning(classes=classes, positive=positive).scored == scored


def test_a_class_is_known_under_every_spelling() -> None:
    """A ground truth of 1 is a prediction of true."""
    binning = Binning(classes=("False", "True"))

    assert [binning.class_of(v) for v in (1, 1.0, True, "true", "1")] == ["True"] * 5
    assert [binning.class_of(v) for v in (2, "maybe", None, [1], math.nan)] == [None] * 5
