"""Alerts about budgets that burn: for slow fires and for fast ones, each by two windows."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from flask_mlmonitor.alerts.families import FAMILY
from flask_mlmonitor.alerts.levels import Bad
from flask_mlmonitor.alerts.live import LEAST, QUANTILE
from flask_mlmonitor.alerts.saying import UNITS
from flask_mlmonitor.config import Settings
from flask_mlmonitor.provision.alerting import OF_MODEL, alert, labels_of
from flask_mlmonitor.provision.promql import MODEL, View, all_of, number
from flask_mlmonitor.provision.scopes import Scope
from flask_mlmonitor.provision.shares import ERRORS, SLOW, Recording, ratio, slow_ratio


class Pair(NamedTuple):
    """A long window that shows that it matters, and a short one that shows that it still burns.

    :param factor: how many times as fast as it may the budget burns.
    :param wait: for how many seconds.
    """

    level: Bad
    factor: float
    long: str
    short: str
    wait: float


PAIRS: Final = (
    Pair("critical", 14.4, "1h", "5m", 120.0),
    Pair("critical", 6.0, "6h", "30m", 900.0),
    Pair("warning", 3.0, "1d", "2h", 3600.0),
    Pair("warning", 1.0, "3d", "6h", 10800.0),
)
"""As in Google's SRE workbook: 2, 5, 10 and 10 % of the budget of 30 days."""
WINDOWS: Final = tuple(dict.fromkeys(span for pair in PAIRS for span in (pair.short, pair.long)))


class Budget(NamedTuple):
    """A share of the requests that may be bad.

    :param rule: whose thresholds it has.
    :param share: the name of its recorded series.
    :param counter: what counts the requests, and which of them.
    """

    alert: str
    family: str
    rule: str
    title: str
    bad: str
    share: str
    matchers: tuple[str, ...]
    counter: tuple[str, ...]

    def of(self, scope: Scope) -> float:
        """Return how large it is: the share that is a warning."""
        if self.share == SLOW:
            return 1 - QUANTILE
        return scope.judged.limits.of("warning")


BUDGETS: Final = (
    Budget(
        "MLModelErrorBudgetBurn",
        "errors",
        "error_rate",
        "Error budget",
        "fail",
        ERRORS.name,
        (),
        ("ml_predictions_total", *ERRORS.among),
    ),
    Budget(
        "MLModelLatencyBudgetBurn",
        "latency",
        "latency",
        "Latency budget",
        "are slow",
        SLOW,
        ('limit="warning"',),
        ("ml_prediction_latency_seconds_count",),
    ),
)


def budget_recordings(view: View, known: str, latency: Sequence[Scope]) -> Iterator[Recording]:
    """Yield the shares within the windows of all pairs.

    :param known: the span that is recorded anyhow.
    """
    for span in WINDOWS:
        if span != known:
            yield ratio(view, ERRORS, span)
            for scope in latency:
                yield slow_ratio(view, scope, "warning", scope.judged.limits.of("warning"), span)


def budget_alerts(
    budget: Budget, view: View, scopes: Sequence[Scope], settings: Settings
) -> Iterator[dict[str, Any]]:
    """Yield the alerts about a budget."""
    for scope in scopes:
        for pair, limit in pairs_of(budget, scope):
            labels = labels_of(budget.family, pair.level, scope.labels)
            yield alert(
                budget.alert,
                _burning(budget, pair, view.of(scope), limit),
                settings,
                wait=pair.wait,
                labels={**labels, "long": pair.long, "short": pair.short},
                summary=f"{FAMILY[budget.family].title}: {budget.title}.",
                description=_description(budget, pair, scope),
            )


def pairs_of(budget: Budget, scope: Scope) -> Iterator[tuple[Pair, float]]:
    """Yield the pairs with the shares that are too much; none that would be all requests."""
    for pair in PAIRS:
        limit = pair.factor * budget.of(scope)
        if 0 < limit < 1:
            yield pair, limit


def _burning(budget: Budget, pair: Pair, view: View, limit: float) -> str:
    """Return the expression: both windows, and enough requests to speak of a share."""
    shares = (
        view.series(view.recorded(f"{budget.share}:ratio_rate{span}"), *budget.matchers)
        for span in (pair.long, pair.short)
    )
    metric, *matchers = budget.counter
    requests = view.summed(MODEL, "increase", metric, pair.long, *matchers)
    return all_of(*(f"{share} > {number(limit)}" for share in shares), f"{requests} >= {LEAST}")


def _description(budget: Budget, pair: Pair, scope: Scope) -> str:
    usual = UNITS["share"](budget.of(scope))
    return (
        f"{OF_MODEL}: {{{{ $value | humanizePercentage }}}} of the requests of the last "
        f"{pair.long} {budget.bad}, more than {pair.factor:g} times the {usual} that may."
    )
