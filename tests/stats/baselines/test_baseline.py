"""The baseline: what it keeps of the training data, how it is stored, what it refuses."""

import json
import math
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from flask_mlmonitor.exceptions import BaselineError
from flask_mlmonitor.records import Row, Served
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.baselines.features import FeatureBaseline
from flask_mlmonitor.stats.cells.rollup import Rollup

SEED = 7


def people(n: int = 1000) -> pd.DataFrame:
    """Training data with a column of each kind."""
    rng = np.random.default_rng(SEED)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "income": rng.lognormal(10, 1, n),
            "rooms": rng.choice([1.0, 2.0, 3.5], n),
            "plan": rng.choice(["free", "paid"], n, p=[0.7, 0.3]),
            "member": rng.random(n) < 0.4,
        }
    )


def only(values: Any, **options: Any) -> FeatureBaseline:
    """The baseline of a single column."""
    series = pd.Series(values, name="x")
    return Baseline.from_dataframe(series.to_frame(), **options).features["x"]


def cell(feature: FeatureBaseline, value: Any) -> int:
    """How many rows of the training data share the cell of a value."""
    return feature.counts[feature.bins.cell_of(value)]


def test_kinds_and_figures_are_those_of_pandas() -> None:
    """What a person sees in the JSON is what ``describe`` shows."""
    df = people()
    baseline = Baseline.from_dataframe(df)

    assert baseline.feature_names == tuple(df.columns)
    assert [f.kind for f in baseline.features.values()] == [
        "numeric",
        "numeric",
        "numeric",
        "categorical",
        "boolean",
    ]
    income = baseline.features["income"]
    expected = df["income"].describe()
    assert income.mean == pytest.approx(expected["mean"])
    assert income.std == pytest.approx(expected["std"])
    assert (income.min, income.max) == (expected["min"], expected["max"])
    assert income.quartiles == pytest.approx((expected["25%"], expected["50%"], expected["75%"]))
    assert [f.integer for f in baseline.features.values()][:3] == [True, False, False]
    assert baseline.features["rooms"].bins.values == (1.0, 2.0, 3.5)
    assert baseline.features["plan"].bins.categories == ("free", "paid")
    assert baseline.features["member"].bins.categories == ("False", "True")
    assert (baseline.n, baseline.created.tzinfo) == (1000, UTC)
    assert (baseline.task, baseline.prediction, baseline.performance) == (None, None, {})


@pytest.mark.parametrize("bins", [2, 5, 10, 50])
def test_quantile_bins_hold_equal_shares(bins: int) -> None:
    """Each bin of the PSI has its part of the training data."""
    feature = only(np.random.default_rng(SEED).normal(size=10_000), bins=bins)

    values = feature.cells.groups[:-2]
    assert len(values) == bins
    assert max(values) - min(values) <= 2


COLUMNS = {
    "numbers": st.none() | st.floats(allow_nan=False) | st.integers(-5, 5),
    "whole": st.integers(-(2**62), 2**62),
    "texts": st.none() | st.text(st.characters(codec="utf-8"), max_size=3),
    "booleans": st.none() | st.booleans(),
    "decimals": st.floats(0, 1).map(lambda x: round(x, 1)),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Small frames of all kinds of columns; null is None throughout."""
    n = draw(st.integers(1, 60))
    chosen = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, unique=True))
    columns = {name: draw(st.lists(COLUMNS[name], min_size=n, max_size=n)) for name in chosen}
    return pd.DataFrame({name: pd.Series(c, dtype=object) for name, c in columns.items()})


@settings(deadline=None)
@given(frames())
def test_production_equal_to_the_training_data_has_its_counts(df: pd.DataFrame) -> None:
    """Baseline and rollup put the same value into the same cell: no drift from arithmetic."""
    baseline = Baseline.from_dataframe(df)
    rows = [Row([None if v is None else v for v in values]) for values in df.to_numpy().tolist()]
    request = Served(0, "0" * 16, 1e9, 0, None, True, rows)

    rollup = Rollup.of(baseline.binning(), [request])

    for name, feature in baseline.features.items():
        assert feature.cells == rollup.feature(name)
        assert feature.n == len(df)


@settings(deadline=None)
@given(frames())
def test_a_saved_baseline_comes_back(
    tmp_path_factory: pytest.TempPathFactory, df: pd.DataFrame
) -> None:
    """Every float and every name, so that the bins keep their id."""
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    baseline = Baseline.from_dataframe(df)
    baseline.save(path)

    loaded = Baseline.load(path)

    assert loaded == baseline
    assert loaded.binning([0.1, 1]).id == baseline.binning([0.1, 1]).id


def test_a_baseline_with_outcomes_comes_back(tmp_path: Path) -> None:
    """Performance, scores and distributions too."""
    rng = np.random.default_rng(SEED)
    truth = rng.random(1000) < 0.3
    p = np.clip(truth * 0.3 + rng.random(1000) * 0.7, 0, 1)
    baseline = Baseline.from_dataframe(people(), target=truth, predictions=p > 0.5, probabilities=p)
    baseline.save(tmp_path / "b.json")

    assert Baseline.load(tmp_path / "b.json") == baseline


def test_the_json_is_readable(tmp_path: Path) -> None:
    """A line per figure, lists on one line: a person can review a change of the baseline."""
    Baseline.from_dataframe(people()[["age"]]).save(tmp_path / "b.json")

    text = (tmp_path / "b.json").read_text(encoding="utf-8")

    assert json.loads(text)["format"] == "flask-mlmonitor baseline"
    assert '\n        "low": 18.0,\n' in text
    assert len(text.splitlines()) < 30
    assert not list(tmp_path.glob(".*"))


def test_texts_of_any_alphabet_are_kept_as_they_are(tmp_path: Path) -> None:
    """Names are not escaped; what no encoding can write is replaced as in the journal."""
    frame = pd.DataFrame({"Straße": pd.Series(["東京", "a\0b", "\ud800"], dtype=object)})
    baseline = Baseline.from_dataframe(frame)
    baseline.save(tmp_path / "b.json")

    assert "東京" in (tmp_path / "b.json").read_text(encoding="utf-8")
    assert Baseline.load(tmp_path / "b.json") == baseline
    assert set(baseline.features["Straße"].bins.categories) == {"東京", "a\0b", "?"}


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    """No half of a file, no rest beside it."""
    old, new = Baseline.from_dataframe(people(10)), Baseline.from_dataframe(people(20))
    broken = msgspec.structs.replace(new, performance={"accuracy": object()})
    old.save(tmp_path / "b.json")

    with pytest.raises(TypeError):
        broken.save(tmp_path / "b.json")

    assert Baseline.load(tmp_path / "b.json") == old
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_a_baseline_cannot_be_changed() -> None:
    """Its bins are frozen, or counts would lose their meaning."""
    baseline = Baseline.from_dataframe(people())

    with pytest.raises(AttributeError):
        baseline.n = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        baseline.features["age"] = baseline.features["plan"]  # type: ignore[index]


def test_missing_values_are_a_share_of_their_own() -> None:
    """They do not change the moments."""
    feature = only([1.5, None, 2.5, math.nan])

    assert (feature.n, feature.missing, feature.mean) == (4, 0.5, 2.0)
    assert feature.bins.missing
    assert not only([1.5, 2.5]).bins.missing


def test_infinite_values_count_in_the_outer_cells() -> None:
    """They move neither quantiles nor mean."""
    feature = only([math.inf, -math.inf, *range(100)])

    assert (feature.min, feature.max, feature.mean) == (0, 99, 49.5)
    assert (feature.cells.below, feature.cells.above) == (1, 1)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([math.nan, math.nan], "numeric"),
        (pd.Series([None, None], dtype="Int64"), "numeric"),
        ([None, None], "categorical"),
        ([math.inf, math.inf], "numeric"),
    ],
)
def test_a_column_without_values_has_the_kind_of_its_type(values: Any, kind: str) -> None:
    """It has no figures; whatever turns up in it later is counted."""
    feature = only(values)

    assert (feature.kind, feature.mean, feature.min) == (kind, None, None)
    assert feature.n == 2


def test_a_constant_column_has_no_spread() -> None:
    """Its mean is exact, so that the constant is no outlier of itself."""
    feature = only([0.1] * 1000)

    assert (feature.mean, feature.std, feature.bins.values) == (0.1, 0.0, (0.1,))
    assert feature.cells.beyond_z == feature.cells.beyond_fences == 0
    assert feature.cells.groups == (0, 1000, 0, 0, 0)


def test_few_rows_are_not_few_values() -> None:
    """Numbers that never repeat are continuous, however few."""
    assert not only([1.5, 2.5, 3.5]).bins.discrete
    assert only([1.5, 2.5, 3.5] * 2).bins.discrete
    assert only(list(range(20)) * 2).bins.discrete
    assert not only(list(range(21)) * 2).bins.discrete


def test_where_most_values_are_equal_the_others_are_no_outliers() -> None:
    """Quartiles that coincide have no fences to speak of."""
    feature = only([0.0] * 800 + [float(x) for x in range(200)])

    assert feature.quartiles is not None
    assert feature.quartiles[0] == feature.quartiles[2] == 0
    assert feature.cells.beyond_fences == 0


def test_numbers_near_the_end_of_float64() -> None:
    """Their mean is not a number, their bins are."""
    feature = only([-1.7e308, 1.7e308] * 30 + [x * 1e307 for x in range(-17, 18)])

    assert (feature.mean, feature.std) == (None, None)
    assert sum(feature.counts) == feature.n == 95


def test_a_short_float_is_in_range_in_both_spellings() -> None:
    """Trained on float32, served as JSON: 0.7 is 0.699999988 and 0.7."""
    feature = only(np.array([0.1, 0.4, 0.7] * 10, np.float32))

    for value in (0.1, 0.7, float(np.float32(0.1)), float(np.float32(0.7))):
        assert cell(feature, value) == 10


def test_the_fifty_most_frequent_categories_have_cells() -> None:
    """Up to a thousand further names are known, later ones are unseen on both sides."""
    names = [f"n{i:04}" for i in range(1500) for _ in range(1 + (i < 60) + (i < 50))]
    feature = only(names)

    assert feature.bins.categories == tuple(f"n{i:04}" for i in range(50))
    assert len(feature.bins.other) == 1000
    assert (feature.cells.other, feature.cells.unseen) == (20 + 990, 450)


def test_long_texts_are_no_categories() -> None:
    """Free text neither fills the baseline nor every segment of the journal."""
    feature = only(["short", "short", "x" * 257, *(f"{i:0250}" for i in range(200))])

    assert feature.bins.categories[0] == "short"
    assert sum(map(len, feature.bins.other)) <= 20_000
    assert cell(feature, "x" * 257) == feature.cells.unseen > 0


@pytest.mark.parametrize(
    ("values", "kind", "categories"),
    [
        (pd.Series([True, None, False], dtype=object), "boolean", ("False", "True")),
        (pd.Series([True, None, False], dtype="boolean"), "boolean", ("False", "True")),
        (pd.Series([1, None, 2], dtype="Int64"), "numeric", ()),
        (pd.Series([1.5, None, 2], dtype="Float32"), "numeric", ()),
        (pd.Series([1, None, 2], dtype="int64[pyarrow]"), "numeric", ()),
        (pd.Series([Decimal("1.5"), None, 2], dtype=object), "numeric", ()),
        (pd.Series([np.int64(1), 10**400, 2.5], dtype=object), "numeric", ()),
        (pd.Series(["a", None, "b"], dtype="string"), "categorical", ("a", "b")),
        (pd.Series(["a", None, "b"], dtype="string[pyarrow]"), "categorical", ("a", "b")),
        (pd.Series(["b", None, "a"], dtype="category"), "categorical", ("a", "b")),
        (pd.Series([2, None, 1], dtype="category"), "categorical", ("1", "2")),
        (pd.Series(["a", None, 1], dtype=object), "categorical", ("1", "a")),
    ],
)
def test_kinds_are_inferred_from_every_type(
    values: "pd.Series[Any]", kind: str, categories: tuple[str, ...]
) -> None:
    """Extension types, objects and gaps."""
    feature = only(values)

    assert (feature.kind, feature.bins.categories) == (kind, categories)
    assert feature.n == 3


def test_numbers_may_be_names() -> None:
    """A postcode is a category although pandas read a number, with a gap even a float."""
    feature = only([10115, 80331, 10115, None], categorical="x")

    assert (feature.kind, feature.bins.categories) == ("categorical", ("10115", "80331"))
    assert feature.bins.cell_of(10115) == 0
    assert feature.bins.cell_of("10115") == feature.bins.invalid_cell


def test_outcomes_are_no_features() -> None:
    """Nor are excluded columns; the order of the others stays."""
    df = people().assign(id=range(1000), y=[0, 1] * 500, guess=1, p=0.5)

    baseline = Baseline.from_dataframe(
        df, target="y", predictions="guess", probabilities="p", exclude="id"
    )

    assert baseline.feature_names == ("age", "income", "rooms", "plan", "member")


@pytest.mark.parametrize(
    ("target", "classes", "positive"),
    [
        ([0, 1] * 50, ("0", "1"), "1"),
        ([0.0, 1.0, math.nan, 1.0] * 25, ("0", "1"), "1"),
        ([False, True] * 50, ("False", "True"), "True"),
        (["yes", "no"] * 50, ("no", "yes"), "yes"),
        ([10, 9, 2, 9] * 25, ("2", "9", "10"), None),
        (["a"] * 100, ("a",), None),
        (pd.Series(["b", "c"] * 50, dtype="category", index=range(5, 105)), ("b", "c"), "c"),
        (pd.Series([1, "a"] * 50, dtype=object), ("1", "a"), "a"),
    ],
)
def test_classes_are_in_the_order_of_scikit_learn(
    target: Any, classes: tuple[str, ...], positive: str | None
) -> None:
    """A list of probabilities follows them; the larger of two is positive."""
    baseline = Baseline.from_dataframe(people(100), target=target)

    assert (baseline.task, baseline.classes, baseline.positive) == (
        "classification",
        classes,
        positive,
    )


def test_the_positive_class_may_be_named() -> None:
    """In the type of the data."""
    baseline = Baseline.from_dataframe(people(100), target=[0, 1] * 50, positive=0)

    assert baseline.positive == "0"


def test_predictions_may_spell_the_classes_otherwise() -> None:
    """True is 1, and "2" is a class that the target did not hold."""
    target = pd.Series([True, False] * 50)
    same = Baseline.from_dataframe(people(100), target=target, predictions=[1, 0] * 50)
    more = Baseline.from_dataframe(people(100), target=[1, 0] * 50, predictions=[1, 2] * 50)

    assert (same.classes, same.performance["accuracy"]) == (("False", "True"), 1.0)
    assert (more.classes, more.performance["accuracy"]) == (("0", "1", "2"), 0.5)


def test_the_prediction_is_counted_over_the_classes() -> None:
    """Of the predictions, or where none are given of the target, over the same cells."""
    target = ["no"] * 60 + ["yes"] * 40
    df = people(100)
    guessed = Baseline.from_dataframe(df, target=target, predictions=["no"] * 90 + ["yes"] * 10)
    alone = Baseline.from_dataframe(df, target=target)

    assert guessed.prediction is not None
    assert guessed.target is not None
    assert alone.prediction is not None
    assert guessed.prediction.cells.values == (90, 10, 0, 0)
    assert guessed.target.cells.values == alone.prediction.cells.values == (60, 40, 0, 0)


def test_the_performance_is_that_of_scikit_learn() -> None:
    """Of two classes: the same calls on the same rows."""
    rng = np.random.default_rng(SEED)
    truth = rng.choice(["no", "yes"], 1000)
    p = np.clip((truth == "yes") * 0.3 + rng.random(1000) * 0.7, 0, 1)
    guess = np.where(p > 0.5, "yes", "no")

    figures = Baseline.from_dataframe(
        people(), target=truth, predictions=guess, probabilities=p
    ).performance

    assert figures == {
        "accuracy": pytest.approx(metrics.accuracy_score(truth, guess)),
        "precision": pytest.approx(metrics.precision_score(truth, guess, average="weighted")),
        "recall": pytest.approx(metrics.recall_score(truth, guess, average="weighted")),
        "f1_score": pytest.approx(metrics.f1_score(truth, guess, average="weighted")),
        "roc_auc": pytest.approx(metrics.roc_auc_score(truth, p)),
        "log_loss": pytest.approx(metrics.log_loss(truth, p)),
        "brier_score": pytest.approx(metrics.brier_score_loss(truth, p, pos_label="yes")),
    }


def test_the_performance_over_several_classes() -> None:
    """One column of probabilities per class, as ``predict_proba`` returns them."""
    rng = np.random.default_rng(SEED)
    truth = rng.choice(["a", "b", "c"], 1000)
    p = rng.dirichlet([1, 1, 1], 1000)

    baseline = Baseline.from_dataframe(people(), target=truth, probabilities=p)

    assert baseline.performance == {
        "roc_auc": pytest.approx(
            metrics.roc_auc_score(truth, p, multi_class="ovr", average="weighted")
        ),
        "log_loss": pytest.approx(metrics.log_loss(truth, p)),
        "brier_score": pytest.approx(
            np.square(p - np.eye(3)[np.unique(truth, return_inverse=True)[1]]).sum(axis=1).mean()
        ),
    }
    assert [scores.name for scores in baseline.scores] == ["a", "b", "c"]


def test_reference_scores_count_rows_and_hits() -> None:
    """Enough to calibrate a score: how many rows had it, and how many were of the class."""
    target, p = [0, 1, 1, 0], [0.25, 0.75, 0.25, math.nan]

    (scores,) = Baseline.from_dataframe(people(4), target=target, probabilities=p).scores

    assert (scores.name, sum(scores.rows), sum(scores.true)) == ("1", 3, 2)
    assert (scores.rows[50], scores.true[50]) == (2, 1)


@pytest.mark.parametrize(
    "probabilities",
    [
        np.array([[0.75, 0.25], [0.25, 0.75]] * 50),
        [[0.75, 0.25], [0.25, 0.75]] * 50,
        pd.DataFrame([[0.75, 0.25], [0.25, 0.75]] * 50, index=range(3, 103)),
        pd.Series([0.25, 0.75] * 50),
        [0.25, 0.75] * 50,
        "p",
        "pairs",
    ],
)
def test_probabilities_in_every_shape(probabilities: Any) -> None:
    """P(positive) or a column per class: the same scores."""
    df = people(100).assign(
        p=[0.25, 0.75] * 50,
        pairs=pd.Series([[0.75, 0.25], [0.25, 0.75]] * 50),
    )

    baseline = Baseline.from_dataframe(
        df, target=[0, 1] * 50, probabilities=probabilities, exclude=["p", "pairs"]
    )

    (scores,) = baseline.scores
    assert (scores.rows[50], scores.rows[150], scores.true[150]) == (50, 50, 50)
    assert baseline.performance["roc_auc"] == 1.0


def test_a_regression_has_its_figures() -> None:
    """Numbers that are not whole, or whole ones of many values."""
    rng = np.random.default_rng(SEED)
    truth = rng.normal(size=1000)
    guess = truth + rng.normal(size=1000)

    baseline = Baseline.from_dataframe(people(), target=truth, predictions=guess)

    assert (baseline.task, baseline.classes, baseline.positive) == ("regression", (), None)
    assert baseline.performance == {
        "mse": pytest.approx(metrics.mean_squared_error(truth, guess)),
        "rmse": pytest.approx(metrics.mean_squared_error(truth, guess) ** 0.5),
        "mae": pytest.approx(metrics.mean_absolute_error(truth, guess)),
        "r2": pytest.approx(metrics.r2_score(truth, guess)),
    }
    assert baseline.prediction is not None
    assert baseline.prediction.mean == pytest.approx(guess.mean())
    assert Baseline.from_dataframe(people(), target=range(1000)).task == "regression"


def test_figures_that_are_not_defined_are_left_out() -> None:
    """One class has no ROC; gaps in the truth are skipped."""
    one = Baseline.from_dataframe(
        people(4), target=[1, 1, None, 1], predictions=[1, 0, 1, 1], probabilities=[0.5] * 4
    )
    gaps = Baseline.from_dataframe(people(4), target=[0.5, None] * 2, predictions=[None, 0.5] * 2)

    assert "roc_auc" not in one.performance
    assert one.performance["log_loss"] == pytest.approx(math.log(2))
    assert one.performance["accuracy"] == pytest.approx(2 / 3)
    assert gaps.performance == {}


def test_many_classes_are_counted_but_not_scored() -> None:
    """Fifty have cells, further ones share one; probabilities are kept of none."""
    target = [f"c{i:02}" for i in range(60)] * 2
    baseline = Baseline.from_dataframe(
        people(120), target=target, probabilities=np.eye(60)[:60].repeat(2, 0)
    )

    assert len(baseline.classes) == 60
    assert baseline.prediction is not None
    assert len(baseline.prediction.bins.other) == 10
    assert baseline.scores == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 1}, "bins = 1: give a whole number from 2 to 50"),
        ({"bins": 2.5}, "bins = 2.5"),
        ({"bins": "10"}, "bins = '10'"),
        ({"bins": 51}, "bins = 51"),
        ({"target": "aeg"}, "no column 'aeg' in the training data; is it 'age'"),
        ({"exclude": ["incom"]}, "is it 'income'"),
        ({"categorical": ["zzz"]}, "no column 'zzz'"),
        ({"exclude": ["age", "income", "rooms", "plan", "member"]}, "no feature left"),
        ({"target": [1, 0]}, "target: 2 values for 10 rows"),
        ({"predictions": [1, 0]}, "predictions: 2 values for 10 rows"),
        ({"target": "member", "probabilities": [0.5]}, "probabilities: 1 for 10 rows"),
        ({"probabilities": [0.5] * 10}, "need target or predictions"),
        ({"positive": 1}, "need target or predictions"),
        ({"target": [None] * 10}, "hold no values"),
        ({"target": "member", "positive": "maybe"}, "positive = 'maybe' is no class; give one of"),
        ({"target": "member", "positive": [1]}, "values of type list"),
        ({"target": "member", "probabilities": [1.5] * 10}, "outside 0 to 1"),
        ({"target": "member", "probabilities": [math.inf] * 10}, "outside 0 to 1"),
        ({"target": "member", "probabilities": ["high"] * 10}, "no numbers"),
        ({"target": "member", "probabilities": [[0.2, 0.3, 0.5]] * 10}, "3 columns for 2 classes"),
        ({"target": [0, 1, 2, 0, 1] * 2, "probabilities": [0.5] * 10}, "1 columns for 3 classes"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    """With what is wrong and what to do."""
    df = people(10)
    df["member"] = [True, False] * 5

    with pytest.raises(BaselineError, match=message):
        Baseline.from_dataframe(df, **options)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.to_datetime(pd.Series(["2020-01-01"])), "column 'x' holds datetime64"),
        ([date(2020, 1, 1)], "values of type date"),
        ([pd.Timedelta(1)], "timedelta"),
        ([1j], "complex"),
        ([[1, 2]], "values of type list; exclude it"),
        ([{"a": 1}], "values of type dict"),
        ([b"a"], "values of type bytes"),
        (pd.Series([pd.Interval(0, 1)], dtype="category"), "values of type Interval"),
    ],
)
def test_columns_that_cannot_be_features_are_named(values: Any, message: str) -> None:
    """A date is neither a number nor a category; the person decides."""
    with pytest.raises(BaselineError, match=message):
        only(values)


def test_a_name_of_its_own_for_each_row_is_no_class() -> None:
    """A baseline of them would be as large as the data."""
    with pytest.raises(BaselineError, match="1001 classes, at most 1000 are compared"):
        Baseline.from_dataframe(people(1001), target=[f"user{i}" for i in range(1001)])


def test_data_without_rows_or_with_equal_columns_is_refused() -> None:
    """There is nothing to compare with."""
    with pytest.raises(BaselineError, match="no rows"):
        Baseline.from_dataframe(people(10)[:0])
    with pytest.raises(BaselineError, match="two columns 'a'"):
        Baseline.from_dataframe(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize(
    "data", [None, {"age": [1, 2]}, [[1, 2]], np.ones((3, 2)), pd.Series([1, 2], name="age")]
)
def test_what_is_no_frame_is_refused(data: Any) -> None:
    """A matrix has no names by which production could be compared."""
    with pytest.raises(BaselineError, match=f"a {type(data).__name__} is no data frame; give "):
        Baseline.from_dataframe(data)
    with pytest.raises(BaselineError, match="is no data frame"):
        Baseline.from_dataframe(pd.DataFrame({"age": range(300)})).drift(data)


def test_bins_may_be_counted_by_numpy() -> None:
    """Any whole number is one."""
    df = people(500)
    assert Baseline.from_dataframe(df, bins=np.int64(5)).columns == (  # type: ignore[arg-type]
        Baseline.from_dataframe(df, bins=5).columns
    )


def test_columns_may_have_numbers_for_names() -> None:
    """As those of an array have."""
    assert Baseline.from_dataframe(pd.DataFrame([[1, 2]])).feature_names == ("0", "1")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_give_the_baseline_of_their_frame(tmp_path: Path, suffix: str) -> None:
    """With the same options."""
    df, path = people(200), tmp_path / f"data.{suffix}"
    if suffix == "csv":
        df.to_csv(path, index=False)
        read = Baseline.from_csv(path, target="member", bins=5)
    else:
        df.to_parquet(path)
        read = Baseline.from_parquet(path, target="member", bins=5)

    expected = Baseline.from_dataframe(df, target="member", bins=5)
    assert read.binning().id == expected.binning().id
    assert [f.counts for f in read.columns] == [f.counts for f in expected.columns]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00bad", b'a,b\n1,2,3,4\n"'])
def test_files_that_are_no_tables_are_named(tmp_path: Path, content: bytes | None) -> None:
    """With their path."""
    path = tmp_path / "data.any"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BaselineError, match=r"data\.any"):
        Baseline.from_csv(path)
    with pytest.raises(BaselineError, match=r"data\.any"):
        Baseline.from_parquet(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "format 2, this version of flask-mlmonitor reads up to 1; upgrade"),
        ({"format": "something else"}, "no baseline but 'something else'"),
        ({"n": "many"}, r"damaged .*\$\.n"),
        ({"created": "2025-01-01T00:00:00"}, "no time zone"),
        ({"positive": "perhaps"}, "none of the classes"),
        (
            {"features": [{"bins": {"name": "x", "kind": "numeric"}, "counts": [1]}]},
            "need 4 counts",
        ),
        ({"features": [{"bins": {"name": "x", "kind": "colour"}, "counts": []}]}, "colour"),
    ],
)
def test_a_file_with_wrong_content_is_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """With its path, what is wrong and what to do."""
    path = tmp_path / "b.json"
    Baseline.from_dataframe(people(10)).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(BaselineError, match=message) as raised:
        Baseline.load(path)

    assert str(path) in str(raised.value)


def test_a_feature_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two would count?"""
    path = tmp_path / "b.json"
    Baseline.from_dataframe(people(10)).save(path)
    whole = json.loads(path.read_text())
    whole["features"].append(whole["features"][0])
    path.write_text(json.dumps(whole))

    with pytest.raises(BaselineError, match="stands twice"):
        Baseline.load(path)


def test_what_a_later_version_adds_is_ignored(tmp_path: Path) -> None:
    """A new field needs no new format."""
    path = tmp_path / "b.json"
    baseline = Baseline.from_dataframe(people(10))
    baseline.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"comment": "of spring"}))

    assert Baseline.load(path) == baseline


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\x80\x04pickle", b'{"n": NaN}'])
def test_a_file_that_is_no_baseline_is_named(tmp_path: Path, content: bytes) -> None:
    """JSON of something else, no JSON, nothing: never a traceback of the decoder."""
    path = tmp_path / "b.json"
    path.write_bytes(content)

    with pytest.raises(BaselineError, match=r"b\.json: no baseline"):
        Baseline.load(path)


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, or a folder."""
    with pytest.raises(BaselineError, match="No such file"):
        Baseline.load(tmp_path / "missing.json")
    with pytest.raises(BaselineError, match="Is a directory"):
        Baseline.load(tmp_path)


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    """Wherever it was cut."""
    path = tmp_path / "b.json"
    Baseline.from_dataframe(people(10)[["plan", "age"]]).save(path)
    whole = path.read_bytes().rstrip()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BaselineError, match=r"b\.json"):
            Baseline.load(path)
