"""The table of rules is complete, and agrees with the configuration and the runbook."""

import re

import pytest

from flask_mlmonitor._keys import BY_NAME
from flask_mlmonitor.alerts.families import FAMILIES, FAMILY, Family
from flask_mlmonitor.alerts.rule import Rule
from flask_mlmonitor.alerts.rules import RULE, RULES
from flask_mlmonitor.alerts.saying import sentence
from flask_mlmonitor.channels.alertmanager import alert_name
from tests.alerts.making import settings


def test_names_are_unique() -> None:
    """They name alerts."""
    assert len(RULE) == len(RULES)
    assert len({rule.alert for rule in RULES}) == len(RULES)
    assert len(FAMILY) == len(FAMILIES)
    assert {rule.family for rule in RULES} == set(FAMILY)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule(rule: Rule) -> None:
    """Its thresholds exist and rise to where it is worse; it can be said; Prometheus takes it."""
    thresholds = (rule.warning, rule.critical, *(rule.relative or ()))
    assert all(BY_NAME[key].per_model for key in thresholds if isinstance(key, str))
    limits = rule.thresholds(settings(MIN_THROUGHPUT=10, MAX_THROUGHPUT=1000))
    assert limits.warning is not None or rule.relative
    if limits.warning is not None and limits.critical is not None:
        assert limits.critical != limits.warning
        assert (limits.critical < limits.warning) == limits.low
    said = sentence(rule.name, 0.5, 0.25, "a_field")
    assert re.fullmatch(r"[A-Z\d].*\.|a_field .*\.", said)
    assert ("a_field" in said) == rule.per_feature
    assert re.fullmatch(r"MLModel([A-Z][a-z0-9]+)+", rule.alert)
    assert rule.alert == alert_name(rule.name)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_section_of_the_runbook(family: Family) -> None:
    """Five steps that are sentences, and how soon to look."""
    assert len(set(family.steps)) == 5
    assert all(re.fullmatch(r"[A-Z].*[.?]|`.*\.", step) for step in family.steps)
    assert set(family.respond) == {"warning", "critical"}


def test_how_soon_one_should_look() -> None:
    """A wrong model at once, drift on the next day, a slow model within the hour."""
    assert FAMILY["performance"].respond["critical"] == "immediately"
    assert FAMILY["data_drift"].respond["warning"] == "within 24 hours"
    assert FAMILY["latency"].respond["critical"] == "within 1 hour"
