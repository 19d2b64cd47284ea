"""One model: what happens to its requests, how long they take, and how its versions differ."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import Row, framed
from dashboards.panels import Panel, Query, figure, heat, lines, states
from dashboards.queries import (
    BY_MODEL,
    added,
    error_share,
    grown,
    latest,
    quantile,
    rate,
    status_share,
    steps,
)
from dashboards.words import EACH, OPEN

LATENCY = "ml_prediction_latency_seconds"


def dashboard() -> Dashboard:
    """Return it."""
    return framed(
        "model",
        "Models: one model",
        "The requests of the chosen models and versions, and the versions beside each other.",
        [
            Row("Requests", 2, 8, _requests()),
            Row("Latency", 2, 9, _latency()),
            Row("Fallback and time limit", 2, 8, _fallback()),
            Row("Versions beside each other", 2, 8, _versions()),
            Row("Age", 2, 5, _age()),
        ],
    )


def _requests() -> list[Panel]:
    return [
        lines(
            "Predictions by outcome",
            "Predictions per second by how they ended.",
            "cps",
            Query(rate("ml_predictions_total", "status"), "{{status}}"),
            stacked=True,
        ),
        lines(
            "Errors by type",
            "Failed requests per second by type, also those that the fallback answered.",
            "reqps",
            Query(rate("ml_prediction_errors_total", "error_type"), "{{error_type}}"),
            stacked=True,
        ),
        lines(
            "Shares by outcome",
            "Which share of the predictions failed (of those with valid input), was answered by "
            "the fallback, or was refused for its input.",
            "percentunit",
            Query(error_share(), "error"),
            Query(status_share("fallback"), "fallback"),
            Query(status_share("invalid"), "invalid"),
        ),
        lines(
            "Fields that break a rule",
            "The ten that break it most often, per second, whatever becomes of the request.",
            "cps",
            Query(
                f"topk(10, {rate('ml_validation_failures_total', 'feature', 'rule')} > 0)",
                "{{feature}}: {{rule}}",
            ),
        ),
    ]


def _latency() -> list[Panel]:
    mean = f"{rate(f'{LATENCY}_sum')} / {rate(f'{LATENCY}_count')}"
    return [
        lines(
            "Latency",
            "How long view or fallback takes: quantiles and mean. The lines are the limits of the "
            "alerts, which look at the 95th percentile.",
            "s",
            *(Query(quantile(share, LATENCY), f"p{100 * share:g}") for share in (0.99, 0.95, 0.5)),
            Query(mean, "mean"),
        ),
        heat(
            "Latency, spread out",
            "How many requests took how long.",
            "s",
            steps(f"{LATENCY}_bucket", "le"),
        ),
        lines(
            "Requests in progress",
            "Requests that a view or a fallback is answering, over all workers and hosts.",
            "none",
            Query(added("ml_predictions_in_progress", *BY_MODEL), EACH),
        ),
        lines(
            "Requests per second and host",
            "As each host counts them over its sliding window.",
            "reqps",
            Query(
                latest("ml_requests_per_second", *BY_MODEL, "instance"), f"{EACH} {{{{instance}}}}"
            ),
        ),
    ]


def _fallback() -> list[Panel]:
    return [
        lines(
            "Fallback answers by reason",
            "Requests per second that the fallback answered, by why.",
            "reqps",
            Query(rate("ml_fallback_total", "reason"), "{{reason}}"),
            stacked=True,
        ),
        states(
            "Circuit",
            "Open: the model failed several times in a row, and the fallback answers at once. "
            "Only of models with a fallback.",
            Query(latest("ml_circuit_open", *BY_MODEL, "instance"), f"{EACH} {{{{instance}}}}"),
            OPEN,
        ),
        lines(
            "Abandoned calls",
            "Calls per second of a view that were over their time limit.",
            "cps",
            Query(rate("ml_abandoned_calls_total", *BY_MODEL), EACH),
        ),
        lines(
            "Abandoned calls that still run",
            "Each of them holds a thread of its view's pool; a full pool is a timeout.",
            "none",
            Query(added("ml_abandoned_calls_in_progress", *BY_MODEL), EACH),
        ),
    ]


def _versions() -> list[Panel]:
    whole = f"on (model) group_left () {rate('ml_predictions_total', 'model')}"
    return [
        lines(
            "Traffic by version",
            "Which share of a model's predictions each version makes.",
            "percentunit",
            Query(f"{rate('ml_predictions_total', *BY_MODEL)} / {whole}", EACH),
            top=1,
        ),
        lines(
            "Error share",
            "The share of each version's predictions with valid input that failed.",
            "percentunit",
            Query(error_share(*BY_MODEL), EACH),
        ),
        lines(
            "95th percentile of the latency",
            "95 of 100 requests to each version are answered within this time.",
            "s",
            Query(quantile(0.95, LATENCY, *BY_MODEL), EACH),
        ),
        lines(
            "Accuracy by version",
            "By the ground truth of each version's predictions; dashed, as the scores suggest.",
            "percentunit",
            Query(latest("ml_model_accuracy", *BY_MODEL), EACH),
            Query(latest("ml_model_estimated_accuracy", *BY_MODEL), f"{EACH} estimated"),
            top=1,
        ),
    ]


def _age() -> list[Panel]:
    return [
        figure(
            "Age of the model",
            "How long ago the baseline was made, and so the model trained: the oldest one chosen.",
            "s",
            latest("ml_model_age_seconds"),
        ),
        figure(
            "Training recommended",
            "How often it was recommended to train anew, in the time shown.",
            "none",
            grown("ml_retraining_recommended_total"),
        ),
    ]
