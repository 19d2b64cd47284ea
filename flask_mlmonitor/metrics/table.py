"""The names, kinds and labels of all metrics."""

from typing import Final, NamedTuple

from flask_mlmonitor.metrics import performance
from flask_mlmonitor.metrics.metric import Metric

_MODEL: Final = ("model", "version")


class Counted(NamedTuple):
    """A counter or gauge that is a sum of cells: the cells' name, and their labels' names."""

    metric: Metric
    cell: str


COUNTED: Final = (
    Counted(
        Metric(
            "ml_predictions_total",
            "counter",
            (*_MODEL, "status"),
            "Predictions by final outcome, one for each row.",
        ),
        "predictions",
    ),
    Counted(
        Metric(
            "ml_prediction_errors_total",
            "counter",
            (*_MODEL, "error_type"),
            "Failed requests by type, one type for each.",
        ),
        "errors",
    ),
    Counted(
        Metric(
            "ml_validation_failures_total",
            "counter",
            (*_MODEL, "feature", "rule"),
            "Fields that broke a rule of the baseline.",
        ),
        "failures",
    ),
    Counted(
        Metric(
            "ml_fallback_total",
            "counter",
            (*_MODEL, "reason"),
            "Requests that the fallback answered.",
        ),
        "fallbacks",
    ),
    Counted(
        Metric(
            "ml_circuit_open",
            "gauge",
            _MODEL,
            "1 while any process of this host has the view's circuit open, so that the fallback "
            "answers at once; only for models with a fallback.",
        ),
        "circuit_open",
    ),
    Counted(
        Metric(
            "ml_abandoned_calls_total",
            "counter",
            _MODEL,
            "Calls of a view that were over their time limit; what they return is dropped.",
        ),
        "abandoned",
    ),
    Counted(
        Metric(
            "ml_abandoned_calls_in_progress",
            "gauge",
            _MODEL,
            "Those of them that still run, each in a thread of its view's pool.",
        ),
        "abandoned_in_progress",
    ),
    Counted(
        Metric(
            "ml_predictions_in_progress",
            "gauge",
            _MODEL,
            "Requests that a view or fallback is answering.",
        ),
        "in_progress",
    ),
    Counted(
        Metric(
            "ml_ground_truth_total",
            "counter",
            (*_MODEL, "result"),
            "Values of ground truth by what became of them.",
        ),
        "ground_truth",
    ),
    Counted(
        Metric(
            "ml_retraining_recommended_total",
            "counter",
            _MODEL,
            "How often it was recommended to train the model anew.",
        ),
        "retraining",
    ),
)
MONITOR_COUNTED: Final = (
    Counted(
        Metric(
            "mlmonitor_internal_errors_total",
            "counter",
            ("where",),
            "Faults of the monitor; none reached a request.",
        ),
        "internal_errors",
    ),
    Counted(
        Metric(
            "mlmonitor_records_dropped_total",
            "counter",
            ("reason",),
            "Predictions that could not be recorded.",
        ),
        "dropped",
    ),
    Counted(
        Metric(
            "mlmonitor_notifications_total",
            "counter",
            ("channel", "outcome"),
            "Tries to deliver a message, by what became of them; and the messages given up.",
        ),
        "notifications",
    ),
)
LATENCY: Final = Metric(
    "ml_prediction_latency_seconds",
    "histogram",
    _MODEL,
    "How long view or fallback took, once for each request.",
)
DELAY: Final = Metric(
    "ml_ground_truth_delay_seconds",
    "histogram",
    _MODEL,
    "How long after its prediction the ground truth became known.",
)
RATE: Final = Metric(
    "ml_requests_per_second",
    "gauge",
    _MODEL,
    "Requests per second of this host, over MLMONITOR_THROUGHPUT_WINDOW.",
)
COVERAGE: Final = Metric(
    "ml_ground_truth_coverage_ratio",
    "gauge",
    _MODEL,
    "The share of predictions whose ground truth came.",
)
AGE: Final = Metric(
    "ml_model_age_seconds", "gauge", _MODEL, "The age of the baseline, and so of the model."
)
_FEATURE: Final = (*_MODEL, "feature")
PSI: Final = Metric(
    "ml_data_drift_psi", "gauge", _FEATURE, "How far a feature moved from the baseline."
)
CRITICAL_PSI: Final = Metric(
    "ml_data_drift_critical_psi",
    "gauge",
    _FEATURE,
    "The PSI that chance would not reach with so many predictions.",
)
KS: Final = Metric(
    "ml_data_drift_ks", "gauge", _FEATURE, "The Kolmogorov-Smirnov distance to the baseline."
)
CHI_SQUARE: Final = Metric(
    "ml_data_drift_chi_square", "gauge", _FEATURE, "The chi-square statistic against the baseline."
)
DRIFT_STATUS: Final = Metric(
    "ml_data_drift_status",
    "gauge",
    _FEATURE,
    "0 stable, 1 moderate, 2 significant, -1 not enough data.",
)
DRIFTED: Final = Metric(
    "ml_drifted_features_ratio", "gauge", _MODEL, "The share of features that have drifted."
)
PREDICTION_PSI: Final = Metric(
    "ml_prediction_drift_psi",
    "gauge",
    _MODEL,
    "How far the predictions moved from the baseline's.",
)
PREDICTION_STATUS: Final = Metric(
    "ml_prediction_drift_status",
    "gauge",
    _MODEL,
    "The same of the predictions: 0 stable, 1 moderate, 2 significant, -1 not enough data.",
)
MISSING: Final = Metric(
    "ml_missing_ratio", "gauge", _FEATURE, "The share of predictions without a value."
)
OUTLIERS: Final = Metric(
    "ml_outlier_ratio",
    "gauge",
    _FEATURE,
    "The share of values beyond three standard deviations of the baseline.",
)
OUT_OF_RANGE: Final = Metric(
    "ml_out_of_range_ratio", "gauge", _FEATURE, "The share of values outside the baseline's range."
)
UNSEEN: Final = Metric(
    "ml_unseen_category_ratio",
    "gauge",
    _FEATURE,
    "The share of categories that the baseline does not know.",
)
ALERT_ACTIVE: Final = Metric(
    "ml_alert_active",
    "gauge",
    (*_MODEL, "alert", "severity"),
    "Alerts that have fired and are not over; of one about features, how many features.",
)
LAST_EVALUATION: Final = Metric(
    "mlmonitor_last_evaluation_timestamp_seconds",
    "gauge",
    (),
    "The end of the last windows that were judged.",
)
EVALUATION_SECONDS: Final = Metric(
    "mlmonitor_evaluation_duration_seconds",
    "gauge",
    (),
    "How long the last run of the evaluator took.",
)
OUTBOX: Final = Metric(
    "mlmonitor_outbox_messages", "gauge", (), "Messages that wait to be delivered to a channel."
)
BYTES: Final = Metric(
    "mlmonitor_journal_bytes", "gauge", (), "Bytes in the journal that are not in the store yet."
)
LAG: Final = Metric(
    "mlmonitor_drain_lag_seconds", "gauge", (), "The age of the oldest record not in the store yet."
)
UP: Final = Metric(
    "mlmonitor_store_up", "gauge", (), "1 while what is journaled reaches the store, 0 otherwise."
)
WORKERS: Final = Metric(
    "mlmonitor_workers", "gauge", (), "Processes of this host that are monitored now."
)
UNREADABLE: Final = Metric(
    "mlmonitor_unreadable_slots", "gauge", (), "Files of counters that cannot be read."
)
BUILD: Final = Metric(
    "mlmonitor_build_info", "gauge", ("version",), "Always 1; the version of flask-mlmonitor."
)

METRICS: Final[tuple[Metric, ...]] = (
    *(counted.metric for counted in (*COUNTED, *MONITOR_COUNTED)),
    *(LATENCY, DELAY, RATE, COVERAGE, AGE),
    *(PSI, CRITICAL_PSI, KS, CHI_SQUARE, DRIFT_STATUS, DRIFTED, PREDICTION_PSI),
    PREDICTION_STATUS,
    *(MISSING, OUTLIERS, OUT_OF_RANGE, UNSEEN),
    *performance.METRICS,
    ALERT_ACTIVE,
    *(LAST_EVALUATION, EVALUATION_SECONDS, OUTBOX, BYTES, LAG, UP, WORKERS, UNREADABLE, BUILD),
)
"""Every metric, with the default prefix."""
