"""The figure of each alert rule, and when it is bad: an expression of PromQL for each."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from flask_mlmonitor.alerts.levels import Bad
from flask_mlmonitor.alerts.live import LEAST, QUANTILE
from flask_mlmonitor.alerts.rule import Rule
from flask_mlmonitor.alerts.rules import DRIFT_SHARE_FEATURES, RULES
from flask_mlmonitor.provision.promql import (
    FEATURE,
    HOST,
    JOB,
    MODEL,
    View,
    all_of,
    duration,
    number,
)
from flask_mlmonitor.provision.shares import REQUESTS, SHARES, SLOW, enough, share_above

DRIFTED: Final[Mapping[Bad, int]] = {"warning": 1, "critical": 2}
"""From where on the status of a drift is of a level."""
_STATUS: Final = "ml_data_drift_status"
_LATENCY: Final = "ml_prediction_latency_seconds"
_TRUTH: Final = ("ml_ground_truth_total", 'result=~"accepted|updated"')


class Look(NamedTuple):
    """What a rule looks at.

    :param view: the series of its models.
    :param span: the last minutes.
    :param window: the shortest one that is evaluated.
    :param step: how many seconds lie between two evaluations.
    """

    view: View
    span: str
    window: str
    step: int


Figure = Callable[[Look, float, Bad], str]


def _latency(look: Look, limit: float, level: Bad) -> str:
    by = f"{MODEL}, le"
    buckets = look.view.summed(by, "rate", f"{_LATENCY}_bucket", look.span)
    recorded = look.view.recorded(f"{SLOW}:lower_bound{look.span}")
    slow = look.view.series(recorded, f'limit="{level}"')
    return all_of(
        f"histogram_quantile({QUANTILE}, {buckets}) > {number(limit)}",
        f"{slow} > {number(1 - QUANTILE)}",
        enough(look.view, REQUESTS, look.span),
    )


def _share(name: str, look: Look, limit: float, _level: Bad) -> str:
    return share_above(look.view, SHARES[name], look.span, limit)


def _throughput(sign: str, look: Look, limit: float, _level: Bad) -> str:
    arriving = look.view.summed(MODEL, "rate", f"{_LATENCY}_count", look.span)
    return f"{arriving} {sign} {number(limit)}"


def _result(rule: Rule, look: Look, limit: float, _level: Bad) -> str:
    sign = "<" if rule.worse == "lower" else ">"
    found = look.view.result(rule.series, FEATURE if rule.per_feature else MODEL)
    return f"{found} {sign} {number(limit)}"


def _drift(series: str, status: str, by: str, look: Look, limit: float, _level: Bad) -> str:
    """Both of them: it is large enough, and the test says that it is no chance."""
    return all_of(
        f"{look.view.result(series, by)} >= {number(limit)}",
        f"{look.view.result(status, by)} >= {DRIFTED['warning']}",
        by=by,
    )


def _concept_drift(look: Look, _limit: float, level: Bad) -> str:
    """The thresholds are in the status; who errs less than expected is not alerted."""
    accuracy, expected = "ml_model_accuracy", "ml_model_estimated_accuracy"
    better = f"{look.view.result(accuracy)} > {look.view.result(expected)}"
    status = f"{look.view.result('ml_concept_drift_status')} >= {DRIFTED[level]}"
    return f"{status}\nunless on ({MODEL}) {better}"


def _drift_share(look: Look, limit: float, _level: Bad) -> str:
    features = f"count by ({MODEL}) ({look.view.result(_STATUS, FEATURE)})"
    return all_of(
        f"{look.view.result('ml_drifted_features_ratio')} > {number(limit)}",
        f"{features} >= {DRIFT_SHARE_FEATURES}",
    )


def _wrong_type(look: Look, limit: float, _level: Bad) -> str:
    failures = look.view.summed(
        FEATURE, "increase", "ml_validation_failures_total", look.window, 'rule="type"'
    )
    every = look.view.without("feature")
    rows = every.summed(MODEL, "increase", "ml_predictions_total", look.window)
    return all_of(
        f"{failures}\n/ on ({MODEL}) group_left {rows} > {number(limit)}",
        f"{failures} >= {LEAST}",
        by=FEATURE,
    )


def _stale(look: Look, limit: float, _level: Bad) -> str:
    """None came for so long, and some had come before."""
    span = duration(limit)
    came = look.view.summed(MODEL, "increase", _TRUTH[0], span, _TRUTH[1])
    before = f"sum by ({MODEL}) ({look.view.series(*_TRUTH)} offset {span}) > 0"
    return all_of(f"{came} == 0", before)


def _lost(look: Look, limit: float, _level: Bad) -> str:
    lost = look.view.summed(JOB, "increase", "mlmonitor_records_dropped_total", look.span)
    recorded = look.view.summed(JOB, "increase", "ml_predictions_total", look.span)
    return f"{lost}\n/ ({lost} + {recorded}) > {number(limit)}"


def _stalled(look: Look, limit: float, _level: Bad) -> str:
    last = look.view.result("mlmonitor_last_evaluation_timestamp_seconds", JOB)
    return f"floor((time() - {last}) / {look.step}) - 1 > {number(limit)}"


def _grown(
    by: str, metric: str, matchers: tuple[str, ...], look: Look, limit: float, _level: Bad
) -> str:
    return f"{look.view.summed(by, 'increase', metric, look.span, *matchers)} > {number(limit)}"


FIGURES: Final[Mapping[str, Figure]] = {
    **{rule.name: partial(_result, rule) for rule in RULES if rule.source in ("window", "truth")},
    **{name: partial(_share, name) for name in SHARES},
    "latency": _latency,
    "throughput_low": partial(_throughput, "<"),
    "throughput_high": partial(_throughput, ">"),
    "concept_drift": _concept_drift,
    "data_drift": partial(_drift, "ml_data_drift_psi", _STATUS, FEATURE),
    "drift_share": _drift_share,
    "prediction_drift": partial(
        _drift, "ml_prediction_drift_psi", "ml_prediction_drift_status", MODEL
    ),
    "wrong_type": _wrong_type,
    "stale_ground_truth": _stale,
    "lost_records": _lost,
    "evaluation_stalled": _stalled,
    "notifications_failing": partial(
        _grown, JOB, "mlmonitor_notifications_total", ('outcome="dead"',)
    ),
    "internal_errors": partial(_grown, HOST, "mlmonitor_internal_errors_total", ()),
}
"""By the name of their rule."""
