"""What becomes of an alert as its figure is read again and again: a pure function of both."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, Self

from msgspec.structs import replace

from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.levels import LEVELS, Level, milder, worse
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.alerts.series import Series, incident
from flask_mlmonitor.config import Settings

Event = Literal["fired", "escalated", "eased", "flapping", "resolved", "sent"]
"""What happens to an alert; one that a program sent has no state, and is not over either."""
Why = Literal["over", "no_data", "superseded"]

UNKNOWN: Final = 5
FLAPS: Final = 4
FLAP_SECONDS: Final = 3600.0
FLAP_READINGS: Final = 8


class Policy(NamedTuple):
    """How patient one is with a figure.

    :param wait: how long, in seconds, it must be bad until its alert fires, and good until that is
        over.
    :param unknown: after so many readings in a row that say nothing, it is over: nobody knows.
    :param flaps: an alert that would fire, change its level or be over so often within
        *flap_seconds* is held.
    :param flap_readings: or within the time of so many readings, where that is longer.
    """

    wait: float = 120.0
    unknown: int = UNKNOWN
    flaps: int = FLAPS
    flap_seconds: float = FLAP_SECONDS
    flap_readings: int = FLAP_READINGS

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return that of a model's settings."""
        return cls(wait=settings.alert_for)


class Transition(NamedTuple):
    """What happened to an alert.

    :param why: it is over.
    """

    event: Event
    alert: Alert
    why: Why | None = None


Step = tuple[Series, tuple[Transition, ...]]


class _Turn(NamedTuple):
    """A reading that says something, and what it is judged by."""

    reading: Reading
    now: float
    policy: Policy

    @property
    def lately(self) -> float:
        """How many seconds a move counts."""
        return max(self.policy.flap_seconds, self.policy.flap_readings * self.reading.span)


def step(series: Series | None, reading: Reading, now: float, policy: Policy) -> Step:
    """Return a figure's alert after a reading, and what happened to it.

    How long a figure has been bad or good is told by the times of its readings, so that one which
    nobody reads does not last. A reading older than the last one is passed over.

    :param series: ``None`` at first.
    """
    series = series or Series.of(reading)
    if reading.value is None:
        return _unknown(series, policy)
    if reading.time < series.read:
        return series, ()
    turn = _Turn(reading, now, policy)
    moves = tuple(move for move in series.moves if now - move < turn.lately)
    known = replace(
        series,
        read=reading.time,
        unknowns=0,
        moves=moves,
        flapping=series.flapping and bool(moves),
    )
    return _STEPS[known.state](known, turn)


def supersede(series: Series) -> Step:
    """Return a figure's alert when its model's version is not served any more."""
    ended, events = _over(series, "superseded")
    return replace(ended, moves=()), events


def _unknown(series: Series, policy: Policy) -> Step:
    if series.state == "ok":
        return series, ()
    if series.unknowns + 1 >= policy.unknown:
        return _over(series, "no_data")
    return replace(series, unknowns=series.unknowns + 1), ()


def _ok(series: Series, turn: _Turn) -> Step:
    if turn.reading.level == "ok":
        return series, ()
    since = turn.reading.since
    begun = replace(series, id=incident(series.fingerprint, since), since=since, changed=since)
    return _pending(replace(begun, state="pending"), turn)


def _pending(series: Series, turn: _Turn) -> Step:
    reading = turn.reading
    if reading.level == "ok":
        return _forgotten(series), ()
    series = _seen(replace(series, level=reading.level), reading)
    if reading.time - series.since < turn.policy.wait:
        return series, ()
    return _moved(replace(series, state="firing", changed=reading.time), turn, "fired")


def _firing(series: Series, turn: _Turn) -> Step:
    reading = turn.reading
    level = worse(reading.level, milder(series.level, reading.held))
    if level == "ok":
        moves = (*series.moves, turn.now) if series.flapping else series.moves
        found = replace(series, state="recovering", changed=reading.since, moves=moves)
        return _recovering(found, turn)
    return _at(_seen(series, reading), level, turn)


def _recovering(series: Series, turn: _Turn) -> Step:
    reading = turn.reading
    if reading.level != "ok":
        moves = (*series.moves, turn.now) if series.flapping else series.moves
        again = replace(series, state="firing", changed=reading.time, moves=moves)
        return _at(_seen(again, reading), reading.level, turn)
    if reading.time - series.changed < (turn.lately if series.flapping else turn.policy.wait):
        return series, ()
    if series.flapping or not _too_often(series, turn):
        return _over(replace(series, moves=(*series.moves, turn.now)), "over")
    return _held(series, turn)


def _at(series: Series, level: Level, turn: _Turn) -> Step:
    """Return an alert that fires at a level."""
    change = LEVELS.index(level) - LEVELS.index(series.level)
    if not change or (change < 0 and series.flapping):
        return series, ()
    if change < 0 and _too_often(series, turn):
        return _held(series, turn)
    if change < 0:
        return _moved(replace(series, level=level), turn, "eased")
    return _moved(replace(series, level=level, acknowledged=False), turn, "escalated")


def _moved(series: Series, turn: _Turn, event: Event) -> Step:
    too_often = _too_often(series, turn) and not series.flapping
    moved = replace(series, moves=(*series.moves, turn.now), flapping=series.flapping or too_often)
    events: tuple[Event, ...] = (event, "flapping") if too_often else (event,)
    return moved, tuple(Transition(one, moved.alert) for one in events)


def _held(series: Series, turn: _Turn) -> Step:
    """Return an alert that is held as it is, because it changes too often."""
    held = replace(series, moves=(*series.moves, turn.now), flapping=True)
    return held, (Transition("flapping", held.alert),)


def _too_often(series: Series, turn: _Turn) -> bool:
    return len(series.moves) + 1 >= turn.policy.flaps


def _over(series: Series, why: Why) -> Step:
    ended = replace(series, state="ok")
    events = (Transition("resolved", ended.alert, why),) if series.open else ()
    return _forgotten(series), events


def _forgotten(series: Series) -> Series:
    """Return a figure without an alert; that it had one lately is not forgotten."""
    return Series(
        rule=series.rule,
        model=series.model,
        version=series.version,
        feature=series.feature,
        read=series.read,
        moves=series.moves,
    )


def _seen(series: Series, reading: Reading) -> Series:
    if reading.value is None or reading.level == "ok":
        return series
    return replace(series, value=reading.value, threshold=reading.threshold)


_STEPS: Final[dict[str, Callable[[Series, _Turn], Step]]] = {
    "ok": _ok,
    "pending": _pending,
    "firing": _firing,
    "recovering": _recovering,
}
