"""What the requests of the last minutes say."""

from typing import Any

import pytest

from flask_mlmonitor.alerts.live import LEAST, live_readings, live_since, span_of
from flask_mlmonitor.alerts.reading import Reading, Subject
from flask_mlmonitor.alerts.requests import Requests
from flask_mlmonitor.records import STATUSES, Row, Served
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.rollup import Rollup
from tests.alerts.making import MODEL, NOON, VERSION, settings

BOUNDS = (0.1, 0.5, 1.0, 2.0, 5.0)
SUBJECT = Subject(MODEL, VERSION, NOON)
SECONDS = 300.0


def rollup(bounds: tuple[float, ...] = BOUNDS, slow: int = 0, **rows: int) -> Rollup:
    """Count requests of these statuses: *slow* of them took three seconds, the others 50 ms."""
    served: list[Served] = []
    for status, number in rows.items():
        for _ in range(number):
            latency = 3.0 if len(served) < slow else 0.05
            place = STATUSES.index(status)
            served.append(Served(0, "id", NOON, place, latency, False, [Row([])]))
    return Rollup.of(Binning(features=(), latency_bounds=bounds), served)


def readings(*rollups: Rollup, watched: float = SECONDS, **keys: Any) -> dict[str, Reading]:
    """Read these requests, by rule."""
    requests = Requests.of(rollups)
    found = live_readings(SUBJECT, requests, SECONDS, settings(**keys), watched=watched)
    return {one.rule: one for one in found}


@pytest.mark.parametrize(
    ("success", "error", "value", "level"),
    [
        (100, 0, 0.0, "ok"),
        (98, 2, 0.02, "ok"),  # so many may fail of a hundred by chance where one in a hundred does
        (95, 5, 0.05, "warning"),
        (980, 20, 0.02, "warning"),
        (88, 12, 0.12, "critical"),
        (15, 5, 0.25, "critical"),
    ],
)
def test_the_error_rate(success: int, error: int, value: float, level: str) -> None:
    """A level is reached when chance does not explain it."""
    found = readings(rollup(success=success, error=error))["error_rate"]

    assert found.value == pytest.approx(value)
    assert (found.level, found.n) == (level, success + error)
    assert found.threshold == (0.05 if level == "critical" else 0.01)


def test_what_is_invalid_is_no_error() -> None:
    """Of the others, a share fails; of all, a share is invalid."""
    found = readings(rollup(success=60, error=20, invalid=120, fallback=20))

    assert found["error_rate"].value == found["fallback_rate"].value == 0.2
    assert found["invalid_rate"].value == pytest.approx(120 / 220)
    assert found["invalid_rate"].level == "critical"


@pytest.mark.parametrize(
    ("slow", "level", "held"),
    [
        (0, "ok", "ok"),
        (10, "ok", "ok"),
        (16, "ok", "critical"),  # the quantile is beyond, but chance may explain that
        (20, "critical", "critical"),
    ],
)
def test_the_latency(slow: int, level: str, held: str) -> None:
    """Of two hundred, ten may be slow."""
    found = readings(rollup(success=200, slow=slow))["latency"]

    assert (found.level, found.held) == (level, held)
    assert found.value is not None
    assert (found.value > 2.0) == (slow > 10)


def test_of_few_requests_nothing_is_told_but_their_number() -> None:
    """However bad they were."""
    found = readings(rollup(error=LEAST - 1), MIN_THROUGHPUT=1, MAX_THROUGHPUT=10)

    unknown = {name for name, one in found.items() if one.value is None}
    assert unknown == {"latency", "error_rate", "fallback_rate", "invalid_rate"}
    assert found["throughput_low"].level == "warning"
    assert found["throughput_high"].level == "ok"


def test_no_requests_at_all() -> None:
    """Are too few, where some are expected."""
    assert readings(MIN_THROUGHPUT=1)["throughput_low"].value == 0.0
    assert readings()["latency"].value is None
    assert "throughput_low" not in readings()


@pytest.mark.parametrize(
    ("watched", "rate"), [(30, None), (60, 2.0), (100, 1.2), (SECONDS, 0.4), (9000, 0.4)]
)
def test_right_after_a_start(watched: float, rate: float | None) -> None:
    """Few requests are not too few; and too many are told by all of the minutes, as ever."""
    found = readings(rollup(success=120), watched=watched, MIN_THROUGHPUT=1, MAX_THROUGHPUT=1)

    assert (found["throughput_low"].value if "throughput_low" in found else None) == rate
    assert found["throughput_high"].level == "ok"


def test_hosts_and_baselines_add_up() -> None:
    """Latencies over the bounds that all of them have."""
    other = (0.05, 0.1, 0.5, 2.0)
    both = Requests.of([rollup(success=90, slow=5), rollup(other, success=10, slow=10)])

    assert both.number == 100
    assert list(both.bounds) == [0.1, 0.5, 2.0]
    assert list(both.latencies) == [85, 0, 0, 15]
    assert both.slower(0.5) == 15
    assert both.quantile(0.5) == pytest.approx(0.1 * 50 / 85)
    assert both.quantile(0.99) == 2.0


def test_thresholds_are_the_models_own() -> None:
    """As they stand in its settings."""
    found = readings(rollup(success=200, slow=20), LATENCY_WARNING=3, LATENCY_CRITICAL=6)

    assert found["latency"].level == "ok"


@pytest.mark.parametrize(
    ("interval", "at", "since"),
    [(60, 900, 600), (60, 959, 600), (90, 900, 420), (5, 924.9, 840), (5, 925, 900)],
)
def test_the_last_minutes(interval: float, at: float, since: int) -> None:
    """They follow from how often one looks, and begin with a whole one."""
    assert live_since(at, settings(EVALUATION_INTERVAL=interval)) == since


@pytest.mark.parametrize(("interval", "seconds"), [(60, 300), (5, 60), (90, 420)])
def test_the_last_minutes_of_who_scrapes(interval: float, seconds: int) -> None:
    """They are whole ones."""
    assert span_of(settings(EVALUATION_INTERVAL=interval)) == seconds
