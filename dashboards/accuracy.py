"""Whether the models are right, and whether the monitor itself is well."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import Row, framed
from dashboards.panels import Panel, Query, figure, lines, states
from dashboards.queries import BY_MODEL, HERE, age, grown, latest, quantile, rate, steps
from dashboards.words import DRIFT, EACH, YES

HOST = ("job", "instance")
INSTANCE = "{{instance}}"
SCORES = ("precision", "recall", "f1_score", "roc_auc")
LOSSES = ("log_loss", "brier_score")
ERRORS = ("rmse", "mae")


def dashboard() -> Dashboard:
    """Return it."""
    return framed(
        "accuracy",
        "Models: accuracy and the monitor",
        "The chosen models against their ground truth, and the health of the monitor itself.",
        [
            Row("Accuracy", 1, 9, [_accuracy()]),
            Row("Classification", 2, 8, [*_scores(), _losses()]),
            Row("Regression", 3, 8, _errors()),
            Row("Ground truth", 2, 8, _truth()),
            Row("Journal and store", 2, 8, _journal()),
            Row("Evaluations and messages", 2, 8, [*_evaluations(), *_messages()]),
            Row("Processes", 2, 8, _processes()),
        ],
    )


def _accuracy() -> Panel:
    return lines(
        "Accuracy and coverage",
        "The accuracy by the ground truth; dashed, as the scores suggest without any; and the "
        "share of predictions whose ground truth came, on which the first one rests.",
        "percentunit",
        Query(latest("ml_model_accuracy", *BY_MODEL), f"{EACH} accuracy"),
        Query(latest("ml_model_estimated_accuracy", *BY_MODEL), f"{EACH} accuracy estimated"),
        Query(latest("ml_ground_truth_coverage_ratio", *BY_MODEL), f"{EACH} coverage"),
        top=1,
    )


def _scores() -> Iterator[Panel]:
    titles = ("Precision", "Recall", "F1 score", "ROC AUC")
    for name, title in zip(SCORES, titles, strict=True):
        yield lines(
            title,
            f"{title} by the ground truth; dashed, as the scores suggest without any.",
            "percentunit",
            *_measured_and_estimated(name),
            top=1,
        )


def _losses() -> Panel:
    return lines(
        "Log loss and Brier score",
        "Of the probabilities, by the ground truth; dashed, as the scores suggest. Less is better.",
        "short",
        *(query for name in LOSSES for query in _measured_and_estimated(name)),
    )


def _measured_and_estimated(name: str) -> tuple[Query, Query]:
    said = name.replace("_", " ")
    return (
        Query(latest(f"ml_model_{name}", *BY_MODEL), f"{EACH} {said}"),
        Query(latest(f"ml_model_estimated_{name}", *BY_MODEL), f"{EACH} {said} estimated"),
    )


def _errors() -> list[Panel]:
    return [
        lines(
            "Errors",
            "The root of the mean squared error, and the mean absolute error, by the ground truth.",
            "short",
            *(Query(latest(f"ml_model_{name}", *BY_MODEL), f"{EACH} {name}") for name in ERRORS),
        ),
        lines(
            "Mean squared error",
            "By the ground truth.",
            "short",
            Query(latest("ml_model_mse", *BY_MODEL), EACH),
        ),
        lines(
            "Explained variance",
            "R²: 1 is perfect, 0 is no better than the mean of the ground truth.",
            "short",
            Query(latest("ml_model_r2", *BY_MODEL), EACH),
            bottom=None,
        ),
    ]


def _truth() -> list[Panel]:
    return [
        lines(
            "Ground truth by result",
            "Values per second by what became of them. What is pending waits for its prediction.",
            "cps",
            Query(rate("ml_ground_truth_total", "result"), "{{result}}"),
            stacked=True,
        ),
        lines(
            "Delay of the ground truth",
            "How long after its prediction it became known.",
            "s",
            *(
                Query(quantile(share, "ml_ground_truth_delay_seconds"), f"p{100 * share:g}")
                for share in (0.95, 0.5)
            ),
        ),
        states(
            "Concept drift",
            "Whether the model errs otherwise than its scores suggest.",
            Query(latest("ml_concept_drift_status", *BY_MODEL), EACH),
            DRIFT,
        ),
        figure(
            "Training recommended",
            "How often it was recommended to train anew, in the time shown.",
            "none",
            grown("ml_retraining_recommended_total"),
        ),
    ]


def _journal() -> list[Panel]:
    return [
        states(
            "Store reached",
            "Whether what is journaled reaches the store, from each host.",
            Query(latest("mlmonitor_store_up", *HOST), INSTANCE),
            YES,
        ),
        lines(
            "Drain lag",
            "The age of the oldest record of each host that is not in the store yet.",
            "s",
            Query(latest("mlmonitor_drain_lag_seconds", *HOST), INSTANCE),
        ),
        lines(
            "Journal",
            "What each host has on its disk and not in the store yet.",
            "bytes",
            Query(latest("mlmonitor_journal_bytes", *HOST), INSTANCE),
        ),
        lines(
            "Lost records",
            "Predictions per second that were answered and could not be recorded, by reason.",
            "cps",
            Query(rate("mlmonitor_records_dropped_total", "reason"), "{{reason}}"),
            stacked=True,
        ),
    ]


def _evaluations() -> list[Panel]:
    return [
        lines(
            "Age of the last evaluation",
            "How long ago the windows ended that were judged last.",
            "s",
            Query(age("mlmonitor_last_evaluation_timestamp_seconds", "job"), "{{job}}"),
        ),
        lines(
            "Duration of an evaluation",
            "How long the last run of the evaluator took.",
            "s",
            Query(latest("mlmonitor_evaluation_duration_seconds", "job"), "{{job}}"),
        ),
    ]


def _messages() -> list[Panel]:
    by = ("channel", "outcome")
    return [
        lines(
            "Messages by channel and outcome",
            "Tries to deliver a message, by what became of them, in about the time of a point.",
            "none",
            Query(steps("mlmonitor_notifications_total", *by), "{{channel}}: {{outcome}}"),
            stacked=True,
        ),
        lines(
            "Messages that wait",
            "Messages that no channel has taken yet.",
            "none",
            Query(latest("mlmonitor_outbox_messages", "job"), "{{job}}"),
        ),
    ]


def _processes() -> list[Panel]:
    return [
        lines(
            "Monitored processes",
            "Workers of each host that live now.",
            "none",
            Query(latest("mlmonitor_workers", *HOST), INSTANCE),
        ),
        lines(
            "Counters that cannot be read",
            "Files of counters of each host; what they counted is missing.",
            "none",
            Query(latest("mlmonitor_unreadable_slots", *HOST), INSTANCE),
        ),
        lines(
            "Faults of the monitor",
            "Per second, by where; none of them reached a request.",
            "cps",
            Query(rate("mlmonitor_internal_errors_total", "where"), "{{where}}"),
            stacked=True,
        ),
        lines(
            "Versions of flask-mlmonitor",
            "How many instances run which.",
            "none",
            Query(f"count by (version) (mlmonitor_build_info{{{HERE}}})", "{{version}}"),
            stacked=True,
        ),
        lines(
            "Scrapes",
            "How long Prometheus takes to scrape each host.",
            "s",
            Query(f"max by (job, instance) (scrape_duration_seconds{{{HERE}}})", INSTANCE),
        ),
        lines(
            "Samples of a scrape",
            "How many series each host has.",
            "none",
            Query(f"max by (job, instance) (scrape_samples_scraped{{{HERE}}})", INSTANCE),
        ),
    ]
