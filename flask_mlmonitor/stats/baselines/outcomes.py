"""What the baseline keeps of target, predictions and probabilities."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from flask_mlmonitor.exceptions import BaselineError, one_of
from flask_mlmonitor.stats.baselines import training
from flask_mlmonitor.stats.baselines.features import FeatureBaseline, ReferenceScores
from flask_mlmonitor.stats.baselines.numeric import FEW_VALUES, doubles, profile_numbers
from flask_mlmonitor.stats.baselines.profiling import (
    TYPES,
    Tally,
    counted,
    kind_of,
    plain,
    ranked,
    tally_of,
)
from flask_mlmonitor.stats.cells.binning import Binning, FeatureBins
from flask_mlmonitor.stats.cells.columns import Floats
from flask_mlmonitor.stats.cells.labels import MOST_CLASSES, label, spellings
from flask_mlmonitor.stats.cells.scores import Places, score_places

if TYPE_CHECKING:
    import pandas as pd


def outcomes(
    *,
    target: "pd.Series[Any] | None",
    predictions: "pd.Series[Any] | None",
    probabilities: "pd.DataFrame | None",
    positive: Any,
    bins: int,
) -> dict[str, Any]:
    """Return the parts of a baseline that concern the outcomes.

    Numbers that are not whole, or are whole but of many values, are a regression, unless
    probabilities or a positive class say otherwise; everything else is a classification.
    """
    given = [series for series in (predictions, target) if series is not None]
    if not given:
        if probabilities is not None or positive is not None:
            raise BaselineError("probabilities and positive need target or predictions; give one")
        return {}
    if any(series.isna().all() for series in given):
        raise BaselineError("target or predictions hold no values; leave them out")
    if probabilities is None and positive is None and any(map(_is_continuous, given)):
        prediction = profile_numbers(given[0], "prediction", bins=bins)
        return {"prediction": prediction, **_regression(target, predictions, bins)}
    return _classification(target, predictions, probabilities, positive)


def _is_continuous(series: "pd.Series[Any]") -> bool:
    if kind_of(series, "target or predictions") != "numeric":
        return False
    values = doubles(series.dropna())
    whole = bool((values == np.floor(values)).all())
    return not whole or len(np.unique(values)) > FEW_VALUES


def _regression(
    target: "pd.Series[Any] | None", predictions: "pd.Series[Any] | None", bins: int
) -> dict[str, Any]:
    if target is None:
        return {"task": "regression"}
    figures = {}
    if predictions is not None:
        figures = training.regression(doubles(target), doubles(predictions))
    profile = profile_numbers(target, "target", bins=bins)
    return {"task": "regression", "target": profile, "performance": figures}


def _classification(
    target: "pd.Series[Any] | None",
    predictions: "pd.Series[Any] | None",
    probabilities: "pd.DataFrame | None",
    positive: Any,
) -> dict[str, Any]:
    named = {"target": target, "predictions": predictions}
    tallies = {name: tally_of(s, name) for name, s in named.items() if s is not None}
    classes = _classes(list(tallies.values()))
    binning = Binning(classes=classes, positive=_positive(classes, positive))
    parts: dict[str, Any] = {
        "task": "classification",
        "classes": classes,
        "positive": binning.positive,
        **_distributions(classes, tallies),
    }
    true, predicted = _coded(target, binning), _coded(predictions, binning)
    p = None if probabilities is None else _matrix(probabilities, binning)
    if p is not None:
        parts["scores"] = _reference_scores(binning, p, true)
    if true is not None:
        parts["performance"] = training.classification(binning, true, predicted, p)
    return parts


def _classes(tallies: Sequence[Tally]) -> tuple[str, ...]:
    """Return the classes, ascending; 1 and True are one, and known as the first tally has them."""
    found: dict[str, Any] = {}
    for tally in tallies:
        known = spellings(list(found))
        found |= {label(v): v for v in tally.times if label(v) not in known}
    if len(found) > MOST_CLASSES:
        limit = f"{len(found)} classes, at most {MOST_CLASSES} are compared"
        raise BaselineError(f"target and predictions hold {limit}; leave them out")
    try:
        return tuple(sorted(found, key=lambda name: found[name]))
    except TypeError:
        return tuple(sorted(found))


def _positive(classes: Sequence[str], positive: Any) -> str | None:
    if positive is None:
        return classes[1] if len(classes) == 2 else None
    place = spellings(classes).get(label(plain(positive, "positive")))
    if place is None:
        raise BaselineError(f"positive = {positive!r} is no class; give {one_of(classes)}")
    return classes[place]


def _distributions(
    classes: Sequence[str], tallies: Mapping[str, Tally]
) -> dict[str, FeatureBaseline]:
    """Return the baselines of prediction and target, over the same cells."""
    leading = tallies["predictions" if "predictions" in tallies else "target"]
    known = set(classes)
    frequent = [name for name in leading.labels if name in known]
    categories, other = ranked(list(dict.fromkeys([*frequent, *classes])))
    bins = FeatureBins(
        "prediction", "categorical", categories=categories, other=other, accepts=TYPES
    )
    parts = {"prediction": counted(bins, leading)}
    if "target" in tallies:
        parts["target"] = counted(replace(bins, name="target"), tallies["target"])
    return parts


def _coded(series: "pd.Series[Any] | None", binning: Binning) -> Places | None:
    """Return the place of each row's class, -1 where there is none."""
    import pandas as pd

    if series is None:
        return None
    codes, distinct = pd.factorize(series)
    places = {name: place for place, name in enumerate(binning.classes)} | {None: -1}
    names = [binning.class_of(plain(value, "target or predictions")) for value in distinct]
    return np.array([*(places[name] for name in names), -1], np.intp)[codes]


def _matrix(probabilities: "pd.DataFrame", binning: Binning) -> Floats:
    """Return the probabilities of the scored classes, one row each."""
    try:
        p = probabilities.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise BaselineError(f"probabilities are no numbers ({error})") from error
    if (np.isinf(p) | (p < 0) | (p > 1)).any():
        raise BaselineError("probabilities lie outside 0 to 1; give what predict_proba returns")
    found, classes = p.shape[1], len(binning.classes)
    if found == 1 and classes == 2:
        return p
    if found != classes:
        raise BaselineError(
            f"probabilities have {found} columns for {classes} classes {binning.classes[:10]}; "
            "give one per class, in ascending order, or P(positive) of two classes"
        )
    return p[:, [binning.classes.index(name) for name in binning.scored]]


def _reference_scores(
    binning: Binning, p: Floats, true: Places | None
) -> tuple[ReferenceScores, ...]:
    """Count each scored class's probabilities, in the rows whose truth is known if any is."""
    known = ~np.isnan(p).any(axis=1)
    if true is not None:
        known &= true >= 0
    scores = []
    for column, name in enumerate(binning.scored):
        places = score_places(p[known, column])
        rows = np.bincount(places, minlength=Binning.SCORE_CELLS)
        hits = np.zeros(0, np.intp)
        if true is not None:
            own = true[known] == binning.classes.index(name)
            hits = np.bincount(places[own], minlength=Binning.SCORE_CELLS)
        scores.append(ReferenceScores(name, tuple(rows.tolist()), tuple(hits.tolist())))
    return tuple(scores)
