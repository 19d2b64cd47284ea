"""PromQL over the monitor's metrics: counters summed, results once however many instances tell."""

from typing import Final

from flask_mlmonitor.metrics import METRICS

HERE: Final = 'job=~"$job", instance=~"$instance"'
LABELS: Final = {metric.name: metric.labels for metric in METRICS}
SUFFIXES: Final = ("_bucket", "_count", "_sum")
"""Of the series of a histogram."""
BY_MODEL: Final = ("model", "version")
SEVERITY: Final = 'severity="{}"'
FAILED: Final = 'status="error"'
VALID: Final = 'status!="invalid"'


def series(name: str, *where: str) -> str:
    """Select a metric's series, as far as the dashboard's variables do.

    :param where: further matchers.
    """
    family = name
    for suffix in SUFFIXES:
        family = family.removesuffix(suffix) if family not in LABELS else family
    chosen = ['model=~"$model"', 'version=~"$version"'] if "model" in LABELS[family] else []
    return f"{name}{{{', '.join([HERE, *chosen, *where])}}}"


def rate(name: str, *by: str, where: str = "") -> str:
    """Return how much a counter grows a second, over all instances."""
    return f"sum{_by(by)} (rate({series(name, *_given(where))}[$__rate_interval]))"


def steps(name: str, *by: str) -> str:
    """Return how much a counter grew in about the time of a point, over all instances."""
    return f"sum{_by(by)} (increase({series(name)}[$__rate_interval]))"


def grown(name: str, *by: str, where: str = "") -> str:
    """Return how much a counter grew in the time that the dashboard shows."""
    return f"sum{_by(by)} (increase({series(name, *_given(where))}[$__range]))"


def added(name: str, *by: str, where: str = "") -> str:
    """Return a gauge that each host has of its own, over all of them."""
    return f"sum{_by(by)} ({series(name, *_given(where))})"


def latest(name: str, *by: str, where: str = "") -> str:
    """Return a gauge that is the same at every instance, once."""
    return f"max{_by(by)} ({series(name, *_given(where))})"


def quantile(share: float, histogram: str, *by: str) -> str:
    """Return a quantile of a histogram, over all instances."""
    return f"histogram_quantile({share:g}, {rate(f'{histogram}_bucket', 'le', *by)})"


def age(name: str, *by: str) -> str:
    """Return how long ago a time was; the end of a minute that still lasts is now."""
    return f"clamp_min(time() - {latest(name, *by)}, 0)"


def or_zero(query: str) -> str:
    """Return 0 where a query of one value finds nothing, as long as a monitor is scraped."""
    return f"({query}) or 0 * {latest('mlmonitor_build_info')}"


def error_share(*by: str) -> str:
    """Return which share of the predictions with valid input failed."""
    failed = rate("ml_predictions_total", *by, where=FAILED)
    return f"{failed} / {rate('ml_predictions_total', *by, where=VALID)}"


def status_share(status: str, *by: str) -> str:
    """Return which share of the predictions ended so."""
    ended = rate("ml_predictions_total", *by, where=f'status="{status}"')
    return f"{ended} / {rate('ml_predictions_total', *by)}"


def severity(*by: str) -> str:
    """Return how bad the alerts are that last: 0 information, 1 warning, 2 critical."""
    critical, warning, info = (
        f"({series('ml_alert_active', SEVERITY.format(name))} > bool 0)"
        for name in ("critical", "warning", "info")
    )
    return f"max{_by(by)} (2 * {critical} or {warning} or 0 * {info})"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _given(where: str) -> tuple[str, ...]:
    return (where,) if where else ()
