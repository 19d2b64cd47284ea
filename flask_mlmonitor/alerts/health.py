"""What the monitor says of itself, and of the ground truth that it waits for."""

from collections.abc import Iterator
from typing import NamedTuple

from flask_mlmonitor.alerts.reading import Reading, Subject
from flask_mlmonitor.alerts.rule import MONITOR, NO_VERSION
from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.config import Settings


class Health(NamedTuple):
    """What is known of an app's monitor, over all hosts; counts are of the last minutes.

    :param recorded: predictions that were.
    :param lost: predictions that could not be.
    :param evaluated: the end of the last window that was judged, or since when there are such.
    :param step: how many seconds lie between two ends.
    :param given_up: messages that will not be delivered any more.
    :param faults: of the monitor.
    """

    recorded: int
    lost: int
    evaluated: float
    step: float
    given_up: int
    faults: int


def health_readings(health: Health, now: float, settings: Settings) -> Iterator[Reading]:
    """Yield what the monitor says of itself."""
    figures = {
        "lost_records": health.lost / max(1, health.lost + health.recorded),
        "notifications_failing": float(health.given_up),
        "internal_errors": float(health.faults),
        "evaluation_stalled": max(0.0, (now - health.evaluated) // health.step - 1),
    }
    subject = Subject(MONITOR, NO_VERSION, now)
    for name, value in figures.items():
        rule = RULE[name]
        yield subject.read(rule, value, rule.thresholds(settings), n=health.recorded)


def truth_reading(subject: Subject, newest: float, settings: Settings) -> Reading:
    """Return for how long no ground truth came.

    :param newest: when some came last, or should have, in seconds since the epoch; of a model to
        which none ever came there is nothing to say.
    :param settings: of the model.
    """
    rule = RULE["stale_ground_truth"]
    waited = max(0.0, subject.time - newest)
    return subject.read(rule, waited, rule.thresholds(settings), n=0)
