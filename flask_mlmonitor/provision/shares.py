"""Recorded shares of the requests, and the bounds that chance leaves them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from flask_mlmonitor.alerts.live import LEAST
from flask_mlmonitor.alerts.shares import Z
from flask_mlmonitor.provision.promql import MODEL, View, all_of, number
from flask_mlmonitor.provision.scopes import Scope

Recording = dict[str, Any]

REQUESTS: Final = "requests"
SLOW: Final = "predictions_slow"
_PREDICTIONS: Final = "ml_predictions_total"
_LATENCY: Final = "ml_prediction_latency_seconds"
_LIMITED: Final = f" on ({MODEL}) group_left ()"


class Share(NamedTuple):
    """A share of a model's predictions.

    :param name: of its recorded series.
    :param hits: which predictions it counts.
    :param of: the recorded series of those that it is a share of.
    :param among: which those are.
    """

    name: str
    hits: str
    of: str
    among: tuple[str, ...]


_VALID: Final = ("predictions_valid", ('status!="invalid"',))
ERRORS: Final = Share("predictions_error", 'status="error"', *_VALID)
SHARES: Final = {
    "error_rate": ERRORS,
    "fallback_rate": Share("predictions_fallback", 'status="fallback"', *_VALID),
    "invalid_rate": Share("predictions_invalid", 'status="invalid"', "predictions_all", ()),
}
"""By the name of their rule."""


def live_recordings(view: View, span: str, latency: Sequence[Scope]) -> Iterator[Recording]:
    """Yield what the alerts about the last minutes need.

    :param latency: the models by the thresholds of their latency.
    """
    for of, among in dict((share.of, share.among) for share in SHARES.values()).items():
        expr = view.summed(MODEL, "increase", _PREDICTIONS, span, *among)
        yield _record(view, f"{of}:increase{span}", expr)
    yield _record(
        view,
        f"{REQUESTS}:increase{span}",
        view.summed(MODEL, "increase", f"{_LATENCY}_count", span),
    )
    for share in SHARES.values():
        yield ratio(view, share, span)
        yield _lower(view, share.name, share.of, span)
    for scope in latency:
        for level, limit in scope.judged.limits.worst_first():
            yield slow_ratio(view, scope, level, limit, span)
    yield _lower(view, SLOW, REQUESTS, span, to=_LIMITED)


def ratio(view: View, share: Share, span: str) -> Recording:
    """Return the record of a share within a span."""
    hits = view.summed(MODEL, "rate", _PREDICTIONS, span, share.hits)
    among = view.summed(MODEL, "rate", _PREDICTIONS, span, *share.among)
    return _record(view, f"{share.name}:ratio_rate{span}", f"{hits}\n/\n{among}")


def slow_ratio(view: View, scope: Scope, level: str, limit: float, span: str) -> Recording:
    """Return the record of the share of a scope's requests that took longer than a limit.

    The latency thresholds of every model are bounds of the histogram.
    """
    own = view.of(scope)
    fast = own.summed(MODEL, "rate", f"{_LATENCY}_bucket", span, f'le="{limit!r}"')
    every = own.summed(MODEL, "rate", f"{_LATENCY}_count", span)
    labels = {"limit": level, **dict(scope.labels)}
    return _record(view, f"{SLOW}:ratio_rate{span}", f"1 - {fast}\n/\n{every}", labels)


def share_above(view: View, share: Share, span: str, limit: float) -> str:
    """Return the expression of a share that is above a limit by more than chance."""
    found = (view.recorded(f"{share.name}:{name}{span}") for name in ("ratio_rate", "lower_bound"))
    above = (f"{view.series(name)} > {number(limit)}" for name in found)
    return all_of(*above, enough(view, share.of, span))


def enough(view: View, of: str, span: str) -> str:
    """Return the expression of there being enough of what a share is of."""
    return f"{view.series(view.recorded(f'{of}:increase{span}'))} >= {LEAST}"


def _lower(view: View, name: str, of: str, span: str, *, to: str = "") -> Recording:
    """Return the record of a share's lower bound, of 95 % (Wilson 1927).

    :param to: how a share finds its number, where that has fewer labels.
    """
    r = view.series(view.recorded(f"{name}:ratio_rate{span}"))
    n = view.series(view.recorded(f"{of}:increase{span}"))
    square = Z * Z
    spread = f"{r} * (1 - {r}) *{to} {n} + {number(square / 4)}"
    hits = f"{r} *{to} {n} + {number(square / 2)}"
    expr = f"({hits} - {number(Z)} * sqrt({spread}))\n/{to} ({n} + {number(square)})"
    return _record(view, f"{name}:lower_bound{span}", expr)


def _record(view: View, name: str, expr: str, labels: Mapping[str, str] | None = None) -> Recording:
    rule: Recording = {"record": view.recorded(name), "expr": expr}
    return {**rule, "labels": dict(labels)} if labels else rule
