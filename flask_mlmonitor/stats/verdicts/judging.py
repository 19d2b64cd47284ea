"""From the counts of a window to what they mean beside the baseline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

from msgspec.structs import replace

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.cells.counts import FeatureCounts
from flask_mlmonitor.stats.cells.quality import FeatureQuality
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.cells.scores import Scores
from flask_mlmonitor.stats.drift.comparing import FeatureDrift, compare
from flask_mlmonitor.stats.verdicts.evaluation import PREDICTION, Evaluation, Verdict, drifted
from flask_mlmonitor.stats.verdicts.flaws import find_flaws
from flask_mlmonitor.stats.verdicts.harm import ESTIMATED
from flask_mlmonitor.stats.verdicts.limits import Limits
from flask_mlmonitor.stats.verdicts.performance import Truth, estimated, measured
from flask_mlmonitor.stats.verdicts.verdict import verdict_of


class Span(NamedTuple):
    """Which window of which model.

    :param lost: predictions of this time that could not be recorded.
    """

    model: str
    version: str
    window: str
    start: datetime
    end: datetime
    lost: int = 0


class WindowCounts(NamedTuple):
    """What was counted in a window.

    :param n: predictions of every status.
    :param features: over the baseline's cells; empty when nothing was counted over these.
    :param extra: those with fields that the baseline does not know.
    :param stored: those that are stored and have a value.
    :param scores: the probabilities of each scored class.
    """

    n: int
    features: Mapping[str, FeatureCounts] = {}
    predictions: FeatureCounts | None = None
    extra: int = 0
    stored: int = 0
    scores: Mapping[str, Scores] = {}

    @property
    def predicted(self) -> dict[str, int]:
        """The stored predictions of each class; about, where a share is sampled."""
        if self.predictions is None or self.predictions.bins.kind == "numeric":
            return {}
        bins, answered = self.predictions.bins, max(1, sum(self.predictions.values))
        by_class = zip(bins.categories, self.predictions.cells, strict=False)
        return {name: round(number * self.stored / answered) for name, number in by_class}

    @classmethod
    def of(cls, n: int, rollups: Sequence[Rollup], *, stored: int = 0) -> Self:
        """Add up rollups over the same cells of features and predictions."""
        if not rollups:
            return cls(n, stored=stored)
        names = [feature.name for feature in rollups[0].binning.features]
        features = {name: _added([one.feature(name) for one in rollups]) for name in names}
        predictions = [one.predictions for one in rollups if one.predictions is not None]
        extra = sum(one.operations.extra for one in rollups)
        scores = [one.scores for one in rollups]
        return cls(
            n,
            features,
            _added(predictions) if predictions else None,
            extra,
            stored,
            {name: Scores.add_up([one[name] for one in scores]) for name in scores[0]},
        )

    @classmethod
    def of_baseline(cls, baseline: Baseline) -> Self:
        """Return the rows of the training data as if they were a window."""
        features = {column.name: column.cells for column in baseline.columns}
        prediction = baseline.prediction
        return cls(baseline.n, features, None if prediction is None else prediction.cells)


class Judge(NamedTuple):
    """What a model's windows are judged by.

    :param level: the probability of a false alarm that one test may have.
    """

    baseline: Baseline | None
    limits: Limits
    level: float

    def judge(
        self,
        span: Span,
        counts: WindowCounts,
        truth: Truth | None = None,
        *,
        second: WindowCounts | None = None,
        before: Evaluation | None = None,
    ) -> Evaluation:
        """Return what a window's counts mean.

        :param second: the counts of another window that this one must differ from, too.
        :param before: the evaluation of the window of this length that ended last.
        """
        found = replace(
            unjudged(span, counts.n, ""), stored=counts.stored, predicted=counts.predicted
        )
        if self.baseline is not None and counts.features and counts.n >= self.limits.min_samples:
            found = self._beside(found, self.baseline, counts, second, before)
        return self._concluded(found, truth)

    def revise(self, evaluation: Evaluation, truth: Truth) -> Evaluation:
        """Return an evaluation as it is with the ground truth that came since."""
        kept = {name: harm for name, harm in evaluation.harm.items() if name.startswith(ESTIMATED)}
        return self._concluded(replace(evaluation, harm=kept), truth)

    def _beside(
        self,
        found: Evaluation,
        baseline: Baseline,
        counts: WindowCounts,
        second: WindowCounts | None,
        before: Evaluation | None,
    ) -> Evaluation:
        drift = self._drift(WindowCounts.of_baseline(baseline), counts)
        second_drift = {} if second is None else self._drift(second, counts)
        known = {} if before is None else before.since
        quality = {
            name: FeatureQuality.of(counts.features[name]) for name in baseline.feature_names
        }
        return replace(
            found,
            drift={name: drift[name] for name in baseline.feature_names},
            second_drift=second_drift,
            prediction_drift=drift.get(PREDICTION),
            quality=quality,
            flaws=find_flaws(baseline, quality, self.limits, self.level),
            extra=counts.extra / counts.n,
            since={name: known.get(name, found.end) for name in drifted(drift, second_drift)},
            **estimated(counts.scores, baseline, self.limits, self.level),
        )

    def _concluded(self, found: Evaluation, truth: Truth | None) -> Evaluation:
        if truth is not None:
            fields = measured(found, truth, self.baseline, self.limits, self.level)
            fields["harm"] = {**found.harm, **fields.get("harm", {})}
            found = replace(found, **fields)
        if found.n >= self.limits.min_samples and (found.drift or found.labelled):
            found = replace(found, status="incomplete" if found.lost else "complete")
        return replace(found, verdict=verdict_of(found, self.baseline, self.limits))

    def _drift(self, expected: WindowCounts, observed: WindowCounts) -> dict[str, FeatureDrift]:
        """Return the drift of each feature, and of the predictions under ``__prediction__``."""
        found = {
            name: self._compared(counts, observed.features[name])
            for name, counts in expected.features.items()
        }
        if expected.predictions is not None and observed.predictions is not None:
            found[PREDICTION] = self._compared(expected.predictions, observed.predictions)
        return found

    def _compared(self, expected: FeatureCounts, observed: FeatureCounts) -> FeatureDrift:
        return compare(
            expected,
            observed,
            alpha=self.level,
            psi_warning=self.limits.psi_warning,
            psi_critical=self.limits.psi_critical,
            min_samples=self.limits.min_samples,
        )


def unjudged(span: Span, n: int, why: str) -> Evaluation:
    """Return the evaluation of a window of which nothing can be said but *why*."""
    fields: dict[str, Any] = span._asdict()
    return Evaluation(**fields, n=n, status="not_enough_data", verdict=Verdict("ok", why))


def _added(parts: Sequence[FeatureCounts]) -> FeatureCounts:
    if len(parts) == 1:
        return parts[0]
    cells = zip(*(part.cells for part in parts), strict=True)
    return FeatureCounts(parts[0].bins, tuple(map(sum, cells)))
