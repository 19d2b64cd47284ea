"""Figures in words."""

from collections.abc import Callable
from typing import Final

from flask_mlmonitor.alerts.rule import Unit
from flask_mlmonitor.alerts.rules import RULE

_LENGTHS: Final = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0))


def sentence(rule: str, value: float, threshold: float, feature: str | None = None) -> str:
    """Return what an alert says.

    >>> sentence("missing", 0.25, 0.1, "age")
    '25.0% of age are missing, more than 10.0%.'
    """
    found = RULE[rule]
    say = UNITS[found.unit]
    return found.says.format(feature=feature, value=say(value), threshold=say(threshold))


def _seconds(value: float) -> str:
    """Say how long something takes or lasts.

    >>> _seconds(0.25), _seconds(2.0), _seconds(180.0), _seconds(8 * 86400.0)
    ('250 ms', '2.00 s', '3.0 minutes', '8.0 days')
    """
    for name, length in _LENGTHS:
        if value >= 2 * length:
            return f"{value / length:.1f} {name}"
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def _share(value: float) -> str:
    """Say a share, the small ones exactly enough.

    >>> _share(0.25), _share(0.0004), _share(0.0)
    ('25.0%', '0.04%', '0%')
    """
    return f"{value:.1%}" if value >= 0.001 else f"{100 * value:.2g}%"


UNITS: Final[dict[Unit, Callable[[float], str]]] = {
    "seconds": _seconds,
    "share": _share,
    "rate": lambda value: (
        f"{value:.3g} requests per second" if value < 1000 else f"{value:.0f} requests per second"
    ),
    "psi": lambda value: f"{value:.2f}",
    "error": lambda value: f"{value:.4g}",
    "number": lambda value: f"{value:.3g}",
}
