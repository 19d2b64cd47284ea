"""Of each alert of Prometheus: series at which it fires, and some at which it stays silent."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

Series = tuple[str, str]

STEPS: Final = 12
"""How many samples most tests take: enough for the last minutes, and for what must last."""
LENGTH: Final = 20
"""How many samples a series has."""
_PLACE: Final = 'job="shop",instance="a"'
_FRAUD: Final = 'model="fraud",version="2"'
_DELAY: Final = 'model="delay",version="1"'
_CHURN: Final = 'model="churn",version="1"'


class Case(NamedTuple):
    """An alert, and what it is tried with.

    :param extra: labels beside its name and severity.
    :param step: how many minutes lie between two samples.
    :param steps: after so many it is looked for.
    """

    alert: str
    severity: str
    fires: list[Series]
    silent: list[list[Series]]
    extra: str = ""
    step: int = 1
    steps: int = STEPS


def series(metric: str, labels: str, values: str, *, place: str = _PLACE) -> Series:
    """Return a series as promtool has it."""
    return f"{metric}{{{','.join(filter(None, (place, labels)))}}}", values


def steady(value: float, steps: int = LENGTH) -> str:
    """Return a value that stays."""
    return f"{value}x{steps}"


def growing(by: float, steps: int = LENGTH) -> str:
    """Return a counter that grows by so much a minute."""
    return f"0+{by}x{steps}"


def rows(*, steps: int = LENGTH, **statuses: float) -> list[Series]:
    """Return predictions a minute, by status; half of them on another host."""
    return [
        series(
            "ml_predictions_total",
            f'{_FRAUD},status="{status}"',
            growing(statuses.get(status, 0) / 2, steps),
            place=f'job="shop",instance="{host}"',
        )
        for status in ("success", "error", "fallback", "invalid")
        for host in "ab"
    ]


def requests(
    *, fast: float, slow: float = 0, slower: float = 0, steps: int = LENGTH
) -> list[Series]:
    """Return requests a minute: of 0.1 s, of 1 s and of 10 s."""
    bounds = {"0.1": fast, "0.5": fast, "1.0": fast + slow, "2.0": fast + slow}
    bounds |= {"10.0": fast + slow + slower, "+Inf": fast + slow + slower}
    name = "ml_prediction_latency_seconds"
    return [
        *(
            series(f"{name}_bucket", f'{_FRAUD},le="{bound}"', growing(count, steps))
            for bound, count in bounds.items()
        ),
        series(f"{name}_count", _FRAUD, growing(fast + slow + slower, steps)),
    ]


def lasting(metric: str, value: float, labels: str = _FRAUD) -> list[Series]:
    """Return a gauge that stays where it is, as two hosts read it in the same store."""
    return [
        series(metric, labels, steady(value), place=f'job="shop",instance="{host}"')
        for host in "ab"
    ]


def gauges(
    alert: str,
    metric: str,
    good: float,
    warning: float,
    critical: float | None = None,
    labels: str = _FRAUD,
) -> Iterator[Case]:
    """Yield the cases of a result: what is a warning is not critical."""
    found = {value: lasting(metric, value, labels) for value in (good, warning, critical or good)}
    yield Case(alert, "warning", found[warning], [found[good], []])
    if critical is not None:
        yield Case(alert, "critical", found[critical], [found[warning]])


def drift(psi: float, status: int, *, others: int = 0) -> list[Series]:
    """Return a feature's drift, beside features that are stable."""
    found = []
    for name, size, state in (("age", psi, status), *((f"f{n}", 0.0, 0) for n in range(others))):
        labels = f'{_FRAUD},feature="{name}"'
        found += lasting("ml_data_drift_psi", size, labels)
        found += lasting("ml_data_drift_status", state, labels)
    return found


def predicted(psi: float, status: int) -> list[Series]:
    """Return the drift of the predictions."""
    found = lasting("ml_prediction_drift_psi", psi)
    return [*found, *lasting("ml_prediction_drift_status", status)]


def concept(status: int, accuracy: float = 0.8) -> list[Series]:
    """Return a concept drift of a model of which an accuracy of 0.9 is expected."""
    found = lasting("ml_model_accuracy", accuracy) + lasting("ml_model_estimated_accuracy", 0.9)
    return [*found, *lasting("ml_concept_drift_status", status)]


def share_of_drifted(share: float, features: int) -> list[Series]:
    """Return how many of a model's features have drifted."""
    return [*lasting("ml_drifted_features_ratio", share), *drift(0, 0, others=features - 1)]


def wrong_type(failures: float) -> list[Series]:
    """Return values of a wrong type a minute, of a thousand."""
    labels = f'{_FRAUD},feature="age",rule="type"'
    return [
        *rows(success=1000),
        series("ml_validation_failures_total", labels, growing(failures)),
    ]


def monitored(metric: str, values: str, labels: str = "") -> list[Series]:
    """Return what the monitor says of itself, beside ten predictions a minute."""
    return [series(metric, labels, values), *rows(success=10)]


def burning(severity: str, long: str, step: int, *, bad: float, good: float) -> Case:
    """Return a case of an error budget: one pair of windows, and samples for the short one."""
    failed = series("ml_predictions_total", f'{_FRAUD},status="error"', f"0+{bad}x3 {3 * bad}x16")
    return Case(
        "MLModelErrorBudgetBurn",
        severity,
        rows(success=100 - bad, error=bad),
        [
            rows(success=100 - good, error=good),
            rows(error=1),  # all of them, but too few
            [*rows(success=100)[:2], failed],  # it was, but is over
        ],
        extra=f',long="{long}"',
        step=step,
    )


def slow_burning(severity: str, long: str, step: int, *, bad: float, good: float) -> Case:
    """Return a case of a latency budget: one pair of windows."""
    return Case(
        "MLModelLatencyBudgetBurn",
        severity,
        requests(fast=100 - bad, slow=bad),
        [requests(fast=100 - good, slow=good)],
        extra=f',long="{long}"',
        step=step,
    )


_SHARE: Final[dict[str, Any]] = {"good": 0.04, "warning": 0.06}
CASES: Final = (
    Case(
        "MLModelLatency",
        "warning",
        requests(fast=90, slow=10),
        [requests(fast=97, slow=3), requests(fast=1, slow=1)],
    ),
    Case(
        "MLModelLatency",
        "critical",
        requests(fast=90, slower=10),
        [requests(fast=90, slow=10), requests(fast=94, slower=6)],
    ),
    Case(
        "MLModelErrorRate",
        "warning",
        rows(success=96, error=4),
        [rows(success=100), rows(success=98.5, error=1.5), rows(success=100, invalid=50)],
    ),
    Case(
        "MLModelErrorRate",
        "critical",
        rows(success=80, error=20),
        [rows(success=96, error=4), rows(error=3)],
    ),
    Case(
        "MLModelFallbackRate",
        "warning",
        rows(success=85, fallback=15),
        [rows(success=97, fallback=3)],
    ),
    Case(
        "MLModelFallbackRate",
        "critical",
        rows(success=60, fallback=40),
        [rows(success=85, fallback=15)],
    ),
    Case(
        "MLModelInvalidRate", "warning", rows(success=85, invalid=15), [rows(success=97, invalid=3)]
    ),
    Case(
        "MLModelInvalidRate",
        "critical",
        rows(success=60, invalid=40),
        [rows(success=85, invalid=15)],
    ),
    Case("MLModelThroughputLow", "warning", requests(fast=540), [requests(fast=660), []]),
    Case("MLModelThroughputHigh", "warning", requests(fast=66_000), [requests(fast=54_000)]),
    *gauges("MLModelAccuracy", "ml_model_accuracy", 0.86, 0.84, 0.74, _CHURN),
    *gauges("MLModelF1Score", "ml_model_f1_score", 0.91, 0.89, 0.84),
    *gauges("MLModelRmse", "ml_model_rmse", 10.4, 10.6, 11.1, _DELAY),
    *gauges("MLModelMae", "ml_model_mae", 5.2, 5.3, 5.6, _DELAY),
    *gauges("MLModelEstimatedAccuracy", "ml_model_estimated_accuracy", 0.94, 0.92, 0.84),
    *gauges("MLModelEstimatedF1Score", "ml_model_estimated_f1_score", 0.94, 0.92, 0.84),
    Case("MLModelConceptDrift", "warning", concept(1), [concept(0), concept(1, 0.95), concept(-1)]),
    Case("MLModelConceptDrift", "critical", concept(2), [concept(1), concept(2, 0.95)]),
    Case("MLModelDataDrift", "warning", drift(0.1, 1), [drift(0.09, 0), drift(0.5, 0)]),
    Case("MLModelDataDrift", "critical", drift(0.2, 2), [drift(0.19, 1), drift(0.5, -1)]),
    Case(
        "MLModelDriftShare",
        "warning",
        share_of_drifted(0.4, 4),
        [share_of_drifted(0.3, 4), share_of_drifted(1.0, 3)],
    ),
    Case("MLModelDriftShare", "critical", share_of_drifted(0.6, 5), [share_of_drifted(0.5, 4)]),
    Case("MLModelPredictionDrift", "warning", predicted(0.1, 1), [predicted(0.15, 0)]),
    Case("MLModelPredictionDrift", "critical", predicted(0.2, 2), [predicted(0.19, 1)]),
    *gauges("MLModelMissing", "ml_missing_ratio", 0.09, 0.11, 0.31, f'{_FRAUD},feature="age"'),
    Case("MLModelWrongType", "warning", wrong_type(3), [wrong_type(0), wrong_type(1)]),
    Case("MLModelWrongType", "critical", wrong_type(200), [wrong_type(90)]),
    *gauges("MLModelOutliers", "ml_outlier_ratio", **_SHARE),
    *gauges("MLModelOutOfRange", "ml_out_of_range_ratio", **_SHARE),
    *gauges("MLModelUnseenCategories", "ml_unseen_category_ratio", **_SHARE),
    Case(
        "MLModelStaleGroundTruth",
        "warning",
        [series("ml_ground_truth_total", f'{_FRAUD},result="accepted"', "0+1x24 24x400")],
        [
            [series("ml_ground_truth_total", f'{_FRAUD},result="accepted"', "0+1x400")],
            [series("ml_ground_truth_total", f'{_FRAUD},result="accepted"', "0x400")],
            [series("ml_ground_truth_total", f'{_FRAUD},result="accepted"', "_x200 5x200")],
        ],
        step=60,
        steps=240,
    ),
    Case(
        "MLModelLostRecords",
        "warning",
        monitored("mlmonitor_records_dropped_total", growing(0.05), 'reason="disk_full"'),
        [monitored("mlmonitor_records_dropped_total", growing(0), 'reason="disk_full"')],
    ),
    Case(
        "MLModelLostRecords",
        "critical",
        monitored("mlmonitor_records_dropped_total", growing(1), 'reason="disk_full"'),
        [monitored("mlmonitor_records_dropped_total", growing(0.05), 'reason="disk_full"')],
    ),
    Case(
        "MLModelEvaluationStalled",
        "warning",
        monitored("mlmonitor_last_evaluation_timestamp_seconds", "3600x20"),
        [
            monitored("mlmonitor_last_evaluation_timestamp_seconds", "10800x20"),
            monitored("mlmonitor_workers", "1x20"),
        ],
        step=60,
        steps=7,
    ),
    Case(
        "MLModelNotificationsFailing",
        "warning",
        monitored("mlmonitor_notifications_total", growing(1), 'outcome="dead"'),
        [monitored("mlmonitor_notifications_total", growing(9), 'outcome="serverError"')],
    ),
    Case(
        "MLModelInternalErrors",
        "warning",
        monitored("mlmonitor_internal_errors_total", growing(2), 'where="store"'),
        [monitored("mlmonitor_internal_errors_total", growing(1), 'where="store"')],
    ),
    Case(
        "MLModelServiceDown",
        "critical",
        [series("up", "", "1x3 0x20"), series("mlmonitor_build_info", "", "1x3")],
        [
            [series("up", "", "1x20"), series("mlmonitor_build_info", "", "1x20")],
            [series("up", "", "0x20")],
        ],
    ),
    Case(
        "MLModelStoreDown",
        "critical",
        monitored("mlmonitor_store_up", "0x20"),
        [monitored("mlmonitor_store_up", "1x20"), monitored("mlmonitor_store_up", "1x11 0x20")],
    ),
    Case(
        "MLModelJournalFilling",
        "warning",
        monitored("mlmonitor_journal_bytes", "6e8x20"),
        [monitored("mlmonitor_journal_bytes", "5e8x20")],
    ),
    Case(
        "MLModelJournalFilling",
        "critical",
        monitored("mlmonitor_journal_bytes", "9e8x20"),
        [monitored("mlmonitor_journal_bytes", "6e8x20")],
    ),
    burning("critical", "1h", 1, bad=15, good=14),
    burning("critical", "6h", 5, bad=7, good=5),
    burning("warning", "1d", 30, bad=4, good=2),
    burning("warning", "3d", 60, bad=2, good=0.5),
    slow_burning("critical", "1h", 1, bad=75, good=70),
    slow_burning("critical", "6h", 5, bad=33, good=27),
    slow_burning("warning", "1d", 30, bad=17, good=13),
    slow_burning("warning", "3d", 60, bad=6, good=4),
)


def unit_test(case: Case, series: list[Series], expected: int) -> dict[str, Any]:
    """Return the unit test of promtool: so many alerts fire at these series."""
    selector = f'alertname="{case.alert}",severity="{case.severity}",alertstate="firing"'
    return {
        "interval": f"{case.step}m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "promql_expr_test": [
            {
                "expr": f"count(ALERTS{{{selector}{case.extra}}}) or vector(0)",
                "eval_time": f"{case.step * case.steps}m",
                "exp_samples": [{"labels": "{}", "value": expected}],
            }
        ],
    }
