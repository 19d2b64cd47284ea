"""What the monitor says of itself."""

from typing import Any

import pytest

from flask_mlmonitor.alerts.health import Health, health_readings, truth_reading
from flask_mlmonitor.alerts.reading import Subject
from flask_mlmonitor.alerts.rule import MONITOR
from tests.alerts.making import MODEL, NOON, VERSION, settings

HOUR = 3600.0
WELL = Health(recorded=1000, lost=0, evaluated=NOON - 5, step=HOUR, given_up=0, faults=0)


@pytest.mark.parametrize(
    ("change", "rule", "level"),
    [
        ({"lost": 1}, "lost_records", "warning"),
        ({"lost": 11}, "lost_records", "critical"),
        ({"lost": 5, "recorded": 0}, "lost_records", "critical"),
        ({"given_up": 1}, "notifications_failing", "warning"),
        ({"faults": 6}, "internal_errors", "warning"),
        ({"evaluated": NOON - 5 * HOUR}, "evaluation_stalled", "warning"),
    ],
)
def test_what_is_not_well(change: dict[str, Any], rule: str, level: str) -> None:
    """It alone is told, of the monitor, not of a model."""
    found = {one.rule: one for one in health_readings(WELL._replace(**change), NOON, settings())}

    assert {name: one.level for name, one in found.items() if one.level != "ok"} == {rule: level}
    assert found[rule].model == MONITOR


@pytest.mark.parametrize(
    "change",
    [{}, {"recorded": 0}, {"faults": 5}, {"evaluated": NOON - 4.9 * HOUR}, {"evaluated": NOON + 5}],
)
def test_what_is_well(change: dict[str, Any]) -> None:
    """A fault or two, an evaluation that is late, and no traffic are."""
    found = list(health_readings(WELL._replace(**change), NOON, settings()))

    assert {one.level for one in found} == {"ok"}
    assert len(found) == 4


def test_ground_truth_that_does_not_come() -> None:
    """For longer than is usual for the model."""
    subject = Subject(MODEL, VERSION, NOON)

    assert truth_reading(subject, NOON - 6 * 24 * HOUR, settings()).level == "ok"
    late = truth_reading(subject, NOON - 8 * 24 * HOUR, settings())
    assert late.level == "warning"
    assert truth_reading(subject, NOON - HOUR, settings(GROUND_TRUTH_STALE="30m")).level == (
        "warning"
    )
    assert truth_reading(subject, NOON + HOUR, settings()).value == 0.0
