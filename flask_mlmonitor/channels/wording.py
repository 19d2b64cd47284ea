"""The words of a message, as every channel has them: bounded, and of one line each."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from flask_mlmonitor.alerts.alert import Alert, Notification

COLORS: Final = {"critical": "#FF0000", "warning": "#FFA500", "info": "#0000FF"}
RESOLVED_COLOR: Final = "#008000"

NAME, TITLE, SENTENCE, TEXT = 100, 150, 300, 1500
"""How many characters of a name, a title, an alert's message and a text are shown."""
LISTED: Final = 10
"""How many alerts a message lists, of the open and of the resolved ones."""

# Control characters, ends of lines, what turns the direction of text round, halves of characters.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)


def cut(text: str, limit: int) -> str:
    """Return *text* in one line of at most *limit* characters.

    >>> cut("one\\r\\ntwo", 20), cut("abcdef", 4)
    ('one two', 'abc…')
    """
    text = _bare(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def shortened(text: str, limit: int) -> str:
    """Return *text* cut, so that two that differ still do.

    >>> shortened("a" * 99, 20)
    'aaaaaaaaaaa…13284468'
    """
    if len(text) <= limit:
        return text
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return f"{text[: limit - 9]}…{digest[:8]}"


def tidy(notification: Notification) -> Notification:
    """Return the message with every text cut to what people read."""
    return replace(
        notification,
        key=_bare(notification.key),
        title=cut(notification.title, TITLE),
        text=cut(notification.text, TEXT),
        family=cut(notification.family, NAME),
        model=cut(notification.model, NAME),
        version=cut(notification.version, NAME),
        alerts=tuple(map(tidy_alert, notification.alerts)),
        resolved=tuple(map(tidy_alert, notification.resolved)),
    )


def tidy_alert(alert: Alert) -> Alert:
    """Return the alert with every text cut to what people read."""
    feature = alert.feature
    return replace(
        alert,
        metric=cut(alert.metric, NAME),
        model=cut(alert.model, NAME),
        version=cut(alert.version, NAME),
        feature=None if feature is None else shortened(_bare(feature), NAME),
        message=cut(alert.message, SENTENCE),
    )


def heading(notification: Notification) -> str:
    """Return the title with what it is worth, such as "[CRITICAL] age has drifted"."""
    word = "resolved" if notification.action == "resolve" else notification.severity
    return f"[{word.upper()}] {notification.title}"


def color(notification: Notification) -> str:
    """Return the colour of a message."""
    if notification.action == "resolve":
        return RESOLVED_COLOR
    return COLORS[notification.severity]


def subject(alert: Alert) -> str:
    """Return what an alert is about, such as "data_drift of age"."""
    return alert.metric if alert.feature is None else f"{alert.metric} of {alert.feature}"


def value(alert: Alert) -> str:
    """Return an alert's value beside its threshold.

    >>> from flask_mlmonitor.clock import as_datetime
    >>> value(Alert(id="1", model="m", version="1", metric="latency", severity="info", value=2/3,
    ...             threshold=0.5, message="", state="firing", since=as_datetime(0)))
    '0.6667 (threshold 0.5)'
    """
    return f"{alert.value:.4g} (threshold {alert.threshold:.4g})"


def past(told: str) -> str:
    """Return the value of an alert that is over: its last bad one, not what it is now.

    >>> past("0.6667 (threshold 0.5)")
    'was 0.6667 (threshold 0.5)'
    """
    return f"was {told}"


def moment(time: datetime) -> str:
    """Return a time for people.

    >>> moment(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    '2026-03-02 12:30:00 UTC'
    """
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def lines(notification: Notification, *, sentences: bool = True) -> Iterator[str]:
    """Yield a line for each alert of the message, the open ones first.

    :param sentences: whether each has its alert's sentence too.
    """
    for alert in notification.alerts[:LISTED]:
        figures = f"{alert.severity}: {subject(alert)} = {value(alert)}"
        yield f"{figures}. {alert.message}" if sentences else figures
    more = notification.more + max(0, len(notification.alerts) - LISTED)
    if more:
        yield f"and {more} more"
    for alert in notification.resolved[:LISTED]:
        yield f"resolved: {subject(alert)} {past(value(alert))}"
    if len(notification.resolved) > LISTED:
        yield f"and {len(notification.resolved) - LISTED} more resolved"


def link_line(notification: Notification) -> Iterator[str]:
    """Yield a line that leads to the runbook, where the message has a link."""
    if notification.runbook_url is not None:
        yield f"Runbook: {notification.runbook_url}"


def _bare(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text).strip()
