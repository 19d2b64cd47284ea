"""What the charts of a model's page show: numbers for the chart library, without a look."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from flask_mlmonitor.config import Settings
from flask_mlmonitor.stats.verdicts.evaluation import PREDICTION
from flask_mlmonitor.views.alerts import Happening
from flask_mlmonitor.views.drift import Drift, Feature
from flask_mlmonitor.views.history import Point
from flask_mlmonitor.views.live import Traffic
from flask_mlmonitor.views.performance import Performance
from flask_mlmonitor.web.rendering import FIGURES

Chart = dict[str, Any]
CHARTED: Final = 24
"""How many features have charts: those that moved the furthest."""
PLOTTED: Final = ("accuracy", "f1_score", "roc_auc", "rmse", "mae", "r2")
_SHARES: Final = ("accuracy", "f1_score", "roc_auc")
_OUTCOMES: Final = ("success", "fallback", "error", "invalid")
_TOLD: Final = ("fired", "escalated")


def live_charts(
    minutes: Sequence[Traffic], settings: Settings, history: Sequence[Happening]
) -> dict[str, Chart]:
    """Return the charts of the last hour: rate, latency and shares of what went wrong."""
    x = [_at(one.start) + int(one.seconds) for one in minutes]
    rates = [
        _line(name, [one.rows[name] / one.seconds for one in minutes], name)
        for name in _OUTCOMES
        if name == "success" or any(one.rows[name] for one in minutes)
    ]
    latency = [_line(name, [getattr(one, name) for one in minutes], name) for name in _QUANTILES]
    shares = [_line(name, [getattr(one, f"{name}_rate") for one in minutes], name) for name in _BAD]
    return {
        "rate": _time("Predictions per second", "number", x, rates, floor=0.0),
        "latency": _time(
            *("Latency", "seconds", x, latency),
            floor=0.0,
            limits=_limits(settings.latency_warning, settings.latency_critical),
            marks=_marks(history, lambda one: one.alert.metric == "latency"),
        ),
        "errors": _time(
            *("Share of predictions", "share", x, shares),
            floor=0.0,
            always=True,
            limits=_limits(settings.error_rate_warning, settings.error_rate_critical),
            marks=_marks(history, lambda one: one.alert.metric == "error_rate"),
        ),
    }


_QUANTILES: Final = ("p50", "p95")
_BAD: Final = ("error", "fallback", "invalid")


def performance_charts(
    found: Performance, points: Sequence[Point], history: Sequence[Happening]
) -> dict[str, Chart]:
    """Return a chart for each main figure: measured, estimated, and the coverage behind both."""
    known = {name for one in points for name in (*one.performance, *one.estimated)}
    return {
        f"figure-{name}": _figure(name, found, points, history) for name in PLOTTED if name in known
    }


def drift_charts(
    found: Drift, points: Sequence[Point], history: Sequence[Happening]
) -> dict[str, Chart]:
    """Return two charts for each feature that is charted, and for the predictions."""
    charts = {}
    for place, feature in enumerate(charted(found)):
        charts[f"psi-{place}"] = _psi(feature, found, points, history)
        if feature.distribution is not None:
            charts[f"bins-{place}"] = _bars(feature)
    return charts


def charted(found: Drift) -> list[Feature]:
    """Return the predictions and the features that have charts."""
    predictions = [] if found.prediction is None else [found.prediction]
    return [*predictions, *found.features[:CHARTED]]


def _figure(
    name: str, found: Performance, points: Sequence[Point], history: Sequence[Happening]
) -> Chart:
    measured = _line(
        *("measured", [one.performance.get(name) if one.measured else None for one in points]),
        role="now",
        band=[one.intervals.get(name) if one.measured else None for one in points],
    )
    estimated = _line(
        *("estimated", [one.estimated.get(name) for one in points]),
        role="estimate",
        band=[one.estimated_intervals.get(name) for one in points],
    )
    limit = found.limits.get(name)
    limits = [] if limit is None else _limits(limit.warning, limit.critical)
    if name in found.baseline:
        limits.insert(0, _limit("baseline", found.baseline[name]))
    return _time(
        FIGURES[name],
        "share" if name in _SHARES else "number",
        [_at(one.end) for one in points],
        [one for one in (measured, estimated) if any(v is not None for v in one["values"])],
        limits=limits,
        marks=_marks(history, lambda one: one.alert.metric.removeprefix("estimated_") == name),
        behind=_line("coverage", [one.coverage for one in points], "coverage"),
    )


def _psi(
    feature: Feature, found: Drift, points: Sequence[Point], history: Sequence[Happening]
) -> Chart:
    name = feature.name
    if name == PREDICTION:
        scores = [(one.prediction_psi, one.prediction_critical) for one in points]
    else:
        scores = [(one.psi.get(name), one.critical.get(name)) for one in points]
    return _time(
        *("PSI", "number", [_at(one.end) for one in points]),
        [
            _line("PSI", [score for score, _ in scores], "now"),
            _line("critical at this size", [critical for _, critical in scores], "critical-psi"),
        ],
        floor=0.0,
        always=True,
        limits=_limits(found.psi_warning, found.psi_critical),
        marks=_marks(history, lambda one: _is_about(one, name)),
    )


def _is_about(one: Happening, name: str) -> bool:
    if name == PREDICTION:
        return one.alert.metric == "prediction_drift"
    return one.alert.metric == "data_drift" and one.alert.feature == name


def _bars(feature: Feature) -> Chart:
    found = feature.distribution
    assert found is not None
    n, m = max(1, sum(found.baseline)), max(1, sum(found.now))
    rows = [
        (name, old / n, new / m)
        for name, old, new in zip(found.bins, found.baseline, found.now, strict=True)
        if old or new
    ]
    return {
        "kind": "bars",
        "title": feature.name,
        "labels": [name for name, _, _ in rows],
        "baseline": _rounded(old for _, old, _ in rows),
        "now": _rounded(new for _, _, new in rows),
    }


def _time(
    title: str,
    unit: str,
    x: Sequence[int],
    lines: Sequence[Chart],
    *,
    floor: float | None = None,
    always: bool = False,
    limits: Sequence[Chart] = (),
    marks: Iterable[Chart] = (),
    behind: Chart | None = None,
) -> Chart:
    return {
        "kind": "time",
        "title": title,
        "unit": unit,
        "x": x,
        "lines": lines,
        "floor": floor,
        "always": always,
        "limits": limits,
        "marks": [one for one in marks if x and x[0] <= one["x"]],
        "behind": behind,
    }


def _line(
    label: str,
    values: Iterable[float | None],
    role: str,
    band: Sequence[tuple[float, float] | None] = (),
) -> Chart:
    return {
        "label": label,
        "values": _rounded(values),
        "role": role,
        "low": _rounded(one and one[0] for one in band),
        "high": _rounded(one and one[1] for one in band),
    }


def _limits(warning: float, critical: float) -> list[Chart]:
    return [_limit("warning", warning), _limit("critical", critical)]


def _limit(role: str, value: float) -> Chart:
    return {"role": role, "value": value}


def _marks(history: Iterable[Happening], wanted: Callable[[Happening], bool]) -> Iterator[Chart]:
    for one in history:
        if one.event in _TOLD and wanted(one):
            yield {"x": _at(one.time), "role": one.alert.severity, "label": one.alert.message}


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else float(f"{value:.5g}") for value in values]


def _at(moment: datetime) -> int:
    return int(moment.timestamp())
