"""What the requests of the last minutes say: latency, failures, fallbacks, bad input, traffic."""

from collections.abc import Iterator
from typing import Final

from flask_mlmonitor.alerts.levels import LEVELS, Level
from flask_mlmonitor.alerts.reading import Reading, Subject
from flask_mlmonitor.alerts.requests import Requests
from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.alerts.shares import interval
from flask_mlmonitor.config import Settings

QUANTILE: Final = 0.95
LEAST: Final = 20
"""Of fewer requests nothing but their number is told."""
LOOKS: Final = 5
"""How many evaluation intervals the last minutes are at least: at the default, five minutes."""
MINUTE: Final = 60
"""They begin with a whole one: the store's counts are those of minutes."""


def span_of(settings: Settings) -> int:
    """Return how many seconds the last minutes are for others, who scrape now and then."""
    return max(MINUTE, int(LOOKS * settings.evaluation_interval) // MINUTE * MINUTE)


def live_since(now: float, settings: Settings) -> int:
    """Return from when on requests are among those of the last minutes."""
    return int(now - LOOKS * settings.evaluation_interval) // MINUTE * MINUTE


def live_readings(
    subject: Subject, requests: Requests, seconds: float, settings: Settings, *, watched: float
) -> Iterator[Reading]:
    """Yield what is known of a model's requests.

    A share has reached a level when all of its 95 % interval has, so that the one failure of
    twenty requests alerts nobody; of a quantile, so has the share of the requests beyond.

    :param subject: without a span: these minutes overlap those of the next look.
    :param seconds: in which the requests came.
    :param settings: of the model.
    :param watched: for how many seconds they have been looked at: right after a start there are
        few, which says nothing.
    """
    rows, every = requests.rows, sum(requests.rows.values())
    valid = every - rows["invalid"]
    yield _latency(subject, requests, settings)
    yield _share(subject, "error_rate", rows["error"], valid, settings)
    yield _share(subject, "fallback_rate", rows["fallback"], valid, settings)
    yield _share(subject, "invalid_rate", rows["invalid"], every, settings)
    yield from _rate(subject, "throughput_high", requests.number, seconds, settings)
    if watched >= MINUTE:
        span = min(seconds, watched)
        yield from _rate(subject, "throughput_low", requests.number, span, settings)


def _latency(subject: Subject, requests: Requests, settings: Settings) -> Reading:
    rule, n = RULE["latency"], sum(requests.latencies)
    if n < LEAST:
        return subject.unknown(rule, n=n)
    limits = rule.thresholds(settings)
    proven: Level = "ok"
    for level in LEVELS[1:]:
        slower = requests.slower(limits.of(level))
        if interval(slower, n)[0] > 1 - QUANTILE:
            proven = level
    return subject.read(rule, requests.quantile(QUANTILE), limits, n=n, proven=proven)


def _rate(
    subject: Subject, name: str, n: int, seconds: float, settings: Settings
) -> Iterator[Reading]:
    limits = RULE[name].thresholds(settings)
    if limits.warning is not None:
        yield subject.read(RULE[name], n / seconds, limits, n=n)


def _share(subject: Subject, name: str, hits: int, n: int, settings: Settings) -> Reading:
    rule = RULE[name]
    if n < LEAST:
        return subject.unknown(rule, n=n)
    limits = rule.thresholds(settings)
    proven = limits.level_of(interval(hits, n)[0])
    return subject.read(rule, hits / n, limits, n=n, proven=proven)
