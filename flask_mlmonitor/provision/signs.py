"""Signs that the monitor itself is in trouble, which only Prometheus can tell of."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from flask_mlmonitor.alerts.families import FAMILY
from flask_mlmonitor.alerts.levels import Bad
from flask_mlmonitor.config import Settings
from flask_mlmonitor.provision.alerting import alert, labels_of
from flask_mlmonitor.provision.promql import HOST, View, number

FAMILY_OF_SIGNS: Final = "monitor"
FILLING: Final[dict[Bad, float]] = {"critical": 0.8, "warning": 0.5}
"""How much of `MLMONITOR_JOURNAL_MAX_BYTES` waits for the store."""
_HOST: Final = "{{ $labels.instance }}"


class Sign(NamedTuple):
    """One of them.

    :param says: one sentence with ``{host}``, ``{value}`` and ``{limit}``.
    :param expr: makes its expression of a limit.
    :param limits: by level.
    """

    alert: str
    title: str
    says: str
    expr: Callable[[View, Settings, float], str]
    limits: dict[Bad, float]


def _down(view: View, _settings: Settings, limit: float) -> str:
    known = f"last_over_time({view.series('mlmonitor_build_info')}[1d])"
    return f"{view.series('up')} == {number(limit)}\nand on ({HOST}) {known}"


def _store_down(view: View, _settings: Settings, limit: float) -> str:
    return f"max by ({HOST}) ({view.series('mlmonitor_store_up')}) == {number(limit)}"


def _filling(view: View, settings: Settings, limit: float) -> str:
    waiting = f"max by ({HOST}) ({view.series('mlmonitor_journal_bytes')})"
    return f"{waiting} / {settings.journal_max_bytes} > {number(limit)}"


SIGNS: Final = (
    Sign(
        "MLModelServiceDown",
        "No answer",
        "{host} does not answer Prometheus.",
        _down,
        {"critical": 0},
    ),
    Sign(
        "MLModelStoreDown",
        "Store out of reach",
        "What {host} journals does not reach the store.",
        _store_down,
        {"critical": 0},
    ),
    Sign(
        "MLModelJournalFilling",
        "Journal that fills",
        "{value} of the journal of {host} is full, more than {limit}.",
        _filling,
        FILLING,
    ),
)


def sign_alerts(sign: Sign, view: View, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the alerting rules of a sign."""
    for level, limit in sign.limits.items():
        yield alert(
            sign.alert,
            sign.expr(view, settings, limit),
            settings,
            wait=settings.alert_for,
            labels=labels_of(FAMILY_OF_SIGNS, level),
            summary=f"{FAMILY[FAMILY_OF_SIGNS].title}: {sign.title}.",
            description=sign.says.format(
                host=_HOST, value="{{ $value | humanizePercentage }}", limit=f"{limit:.0%}"
            ),
        )
