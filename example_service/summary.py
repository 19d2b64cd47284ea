"""The totals of a run: as its callers, ``/metrics`` and the store count them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from .replay import Tally

ENDINGS: Final = ("success", "fallback", "invalid", "error")
RESULTS: Final = (
    "ml_model_accuracy",
    "ml_model_estimated_accuracy",
    "ml_ground_truth_coverage_ratio",
    "ml_drifted_features_ratio",
    "ml_alert_active",
)
WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Totals:
    """What one witness counted.

    :param predictions: how many ended in each of :data:`ENDINGS`.
    :param ground_truth: how many have found their outcome.
    """

    predictions: dict[str, int]
    ground_truth: int

    def since(self, earlier: "Totals") -> "Totals":
        """Return what came after an *earlier* count of the same witness."""
        new = {name: self.predictions[name] - earlier.predictions[name] for name in ENDINGS}
        return Totals(new, self.ground_truth - earlier.ground_truth)


def from_callers(tally: Tally) -> Totals:
    """Count what came back to the callers."""
    truths = tally.ground_truth
    predictions = {name: tally.predictions[name] for name in ENDINGS}
    return Totals(predictions, truths["accepted"] + truths["pending"])


def from_metrics(metrics: str) -> Totals:
    """Count by ``/metrics``."""
    predictions = counter(metrics, "ml_predictions_total", "status")
    # What was pending is accepted as soon as its prediction is in the store.
    accepted = counter(metrics, "ml_ground_truth_total", "result")["accepted"]
    return Totals({name: predictions[name] for name in ENDINGS}, accepted)


def from_store(status: dict[str, Any]) -> Totals:
    """Count by ``flask mlmonitor status --json``."""
    models = status["models"]
    predictions = {name: sum(model.get(name, 0) for model in models) for name in ENDINGS}
    return Totals(predictions, sum(model["ground_truth"] for model in models))


def counter(metrics: str, name: str, label: str) -> Counter[str]:
    """Sum a counter of ``/metrics`` by one of its labels.

    >>> counter('a_total{model="m",status="success"} 2.0', "a_total", "status")
    Counter({'success': 2})
    """
    totals: Counter[str] = Counter()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == name:
                totals[sample.labels[label]] += int(sample.value)
    return totals


def table(columns: dict[str, Totals]) -> Iterator[str]:
    """Yield the lines of a table with one column for each witness."""
    yield _line("", columns)
    for name in ENDINGS:
        yield _line(name, [f"{totals.predictions[name]:,}" for totals in columns.values()])
    sums = [f"{sum(totals.predictions.values()):,}" for totals in columns.values()]
    yield _line("predictions", sums)
    yield _line("ground truth", [f"{totals.ground_truth:,}" for totals in columns.values()])


def causes(metrics: str, earlier: str = "") -> Iterator[str]:
    """Yield a line each for errors, fallbacks and ground truth, by cause.

    :param earlier: the metrics before the run, which are taken off.
    """
    for title, name, label in (
        ("errors", "ml_prediction_errors_total", "error_type"),
        ("fallbacks", "ml_fallback_total", "reason"),
        ("ground truth", "ml_ground_truth_total", "result"),
    ):
        counts = counter(metrics, name, label) - counter(earlier, name, label)
        told = ", ".join(f"{cause} {number:,}" for cause, number in sorted(counts.items()))
        yield f"{title:<14}{told or 'none'}"


def judgement(evaluations: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield what the longest window means, beside the weeks of the training.

    >>> list(judgement([{"verdict": {"severity": "ok", "text": "None of 3 features drifted."}}]))
    ['judgement     ok: None of 3 features drifted.']
    """
    *_, longest = evaluations
    verdict = longest["verdict"]
    said = f"{'judgement':<14}{verdict['severity']}: {verdict['text']}"
    yield from wrap(said, WIDTH, subsequent_indent=14 * " ")


def results(metrics: str) -> Iterator[str]:
    """Yield the lines of ``/metrics`` with what was found out of the model, and its alerts.

    >>> list(results('ml_model_accuracy{model="m"} 0.9\\nml_alert_active{alert="latency"} 0.0'))
    ['ml_model_accuracy{model="m"} 0.9']
    """
    for sample in metrics.splitlines():
        name, value = sample.partition("{")[0], sample.rpartition(" ")[2]
        if name in RESULTS and value != "0.0":
            yield sample


def _line(title: str, cells: Iterable[str]) -> str:
    return f"{title:<14}" + "".join(f"{cell:>14}" for cell in cells)
