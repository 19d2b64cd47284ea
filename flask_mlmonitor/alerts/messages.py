"""What a message says, in a few sentences; its alerts are listed beside them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from flask_mlmonitor.alerts.alert import Alert, Reason, Severity
from flask_mlmonitor.alerts.families import FAMILY
from flask_mlmonitor.alerts.rule import MONITOR
from flask_mlmonitor.alerts.states import Why

_BEGINNINGS: Final[dict[Reason, str]] = {
    "new": "",
    "escalated": "It has become worse.",
    "changed": "There is more of it now.",
    "repeated": "It is not over.",
    "flapping": "It comes and goes too often to be told each time: it counts as open until it has "
    "been over for a while.",
}
_ENDINGS: Final[dict[Why, str]] = {
    "over": "It is over.",
    "no_data": "It is closed: for some time there was too little data to say whether it lasts.",
    "superseded": "It is closed: this version is not served any more.",
}


def title_of(family: str, model: str, version: str, number: int = 0) -> str:
    """Return one line.

    >>> title_of("data_drift", "fraud", "2", 3)
    'fraud 2: Drifted input (3 alerts)'

    :param number: of its alerts.
    """
    words = FAMILY[family].title
    title = words if model == MONITOR else f"{model} {version}: {words}"
    return f"{title} ({number} alerts)" if number > 1 else title


def open_text(
    reason: Reason, family: str, severity: Severity, heard: Sequence[Alert], ended: int
) -> str:
    """Return what is told while something is wrong.

    :param heard: the alerts, the worst first.
    :param ended: how many have ended since the last message.
    """
    return " ".join(filter(None, _open(reason, family, severity, heard, ended)))


def end_text(whys: Collection[Why], ended: int) -> str:
    """Return what is told when all of it is over.

    :param whys: of those that ended last.
    """
    endings = [words for why, words in _ENDINGS.items() if why in whys]
    counted = f"{ended} alerts have ended since the last message." if ended > 1 else ""
    return " ".join(filter(None, [*(endings or [_ENDINGS["over"]]), counted]))


def _open(
    reason: Reason, family: str, severity: Severity, heard: Sequence[Alert], ended: int
) -> Iterator[str]:
    yield _BEGINNINGS[reason]
    yield heard[0].message
    if len(heard) > 1:
        others = len(heard) - 1
        yield f"There {'is' if others == 1 else 'are'} {others} more of this kind."
    began = min(alert.since for alert in heard)
    yield f"It began at {began:%Y-%m-%d %H:%M} UTC."
    if ended:
        yield f"{ended} alert{'s have' if ended > 1 else ' has'} ended since the last message."
    if reason != "repeated":
        yield f"Somebody should look {FAMILY[family].respond[severity]}."
