"""All models on one page: is anything wrong, and where."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import Row, framed, to_model
from dashboards.panels import Column, Panel, Query, figure, lines, states, table
from dashboards.queries import (
    BY_MODEL,
    FAILED,
    SEVERITY,
    VALID,
    added,
    error_share,
    grown,
    latest,
    or_zero,
    quantile,
    rate,
    severity,
    status_share,
)
from dashboards.words import EACH, SEVERITIES, YES


def dashboard() -> Dashboard:
    """Return it."""
    return framed(
        "overview",
        "Models: overview",
        "All models of an app: whether they are up, fast and right, and which alerts there are.",
        [
            Row("Now", 4, 4, [*_requests(), *_judgements()]),
            Row("Models", 1, 9, [_models(), _alerts()]),
            Row("Traffic", 2, 8, _traffic()),
        ],
    )


def _requests() -> list[Panel]:
    failed = grown("ml_predictions_total", where=FAILED)
    valid = grown("ml_predictions_total", where=VALID)
    return [
        figure(
            "Availability",
            "The share of predictions with valid input that did not fail, in the time shown.",
            "percentunit",
            f"1 - {failed} / {valid}",
        ),
        figure(
            "Predictions",
            "Predictions per second; each row of a batch is one.",
            "cps",
            rate("ml_predictions_total"),
        ),
        figure(
            "95th percentile of the latency",
            "95 of 100 requests are answered within this time.",
            "s",
            quantile(0.95, "ml_prediction_latency_seconds"),
        ),
        figure(
            "Store reached",
            "Whether what is predicted reaches the store, from every host.",
            "none",
            f"min ({latest('mlmonitor_store_up', 'job', 'instance')})",
            YES,
        ),
    ]


def _judgements() -> list[Panel]:
    return [
        figure(
            "Critical alerts",
            "Critical alerts that have fired and are not over.",
            "none",
            _lasting("critical"),
        ),
        figure(
            "Warnings",
            "Warnings that have fired and are not over.",
            "none",
            _lasting("warning"),
        ),
        figure(
            "Drifted features",
            "The share of features that have drifted, of the model where it is largest.",
            "percentunit",
            latest("ml_drifted_features_ratio"),
        ),
        figure(
            "Lowest accuracy",
            "The accuracy by the ground truth, of the model where it is lowest.",
            "percentunit",
            f"min ({latest('ml_model_accuracy', *BY_MODEL)})",
        ),
    ]


def _lasting(name: str) -> str:
    active = latest("ml_alert_active", *BY_MODEL, "alert", where=SEVERITY.format(name))
    return or_zero(f"sum ({active})")


def _models() -> Panel:
    return table(
        "Models and versions",
        "Each model and version as of now; its name leads to the details. What is empty is not "
        "known yet: drift takes a baseline, accuracy takes ground truth.",
        BY_MODEL,
        Column(rate("ml_predictions_total", *BY_MODEL), "Predictions per second", "cps"),
        Column(error_share(*BY_MODEL), "Errors", "percentunit"),
        Column(quantile(0.95, "ml_prediction_latency_seconds", *BY_MODEL), "p95", "s"),
        Column(latest("ml_drifted_features_ratio", *BY_MODEL), "Drifted", "percentunit"),
        Column(latest("ml_model_accuracy", *BY_MODEL), "Accuracy", "percentunit"),
        Column(latest("ml_model_estimated_accuracy", *BY_MODEL), "Estimated", "percentunit"),
        Column(latest("ml_ground_truth_coverage_ratio", *BY_MODEL), "Coverage", "percentunit"),
        Column(severity(*BY_MODEL), "Worst alert", "none", SEVERITIES),
        link=to_model(*BY_MODEL),
    )


def _alerts() -> Panel:
    return states(
        "Alerts",
        "Since when which alert lasts, as the app's own alert manager has it.",
        Query(severity(*BY_MODEL, "alert"), f"{EACH} {{{{alert}}}}"),
        SEVERITIES,
    )


def _traffic() -> list[Panel]:
    return [
        lines(
            "Predictions by model",
            "Predictions per second of each model and version.",
            "cps",
            Query(rate("ml_predictions_total", *BY_MODEL), EACH),
            stacked=True,
        ),
        lines(
            "95th percentile of the latency",
            "95 of 100 requests are answered within this time. The lines are the limits of the "
            "alerts on the latency.",
            "s",
            Query(quantile(0.95, "ml_prediction_latency_seconds", *BY_MODEL), EACH),
        ),
        lines(
            "Error share",
            "The share of predictions with valid input that failed.",
            "percentunit",
            Query(error_share(*BY_MODEL), EACH),
        ),
        lines(
            "Fallback share",
            "The share of predictions that the fallback answered.",
            "percentunit",
            Query(status_share("fallback", *BY_MODEL), EACH),
        ),
        lines(
            "Invalid share",
            "The share of predictions that were refused for their input.",
            "percentunit",
            Query(status_share("invalid", *BY_MODEL), EACH),
        ),
        lines(
            "Requests per second",
            "As each host counts them over its sliding window, added up.",
            "reqps",
            Query(added("ml_requests_per_second", *BY_MODEL), EACH),
        ),
    ]
