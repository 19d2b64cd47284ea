"""The runbook: what each alert means and what to do about it, with the thresholds in force."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from flask_mlmonitor._app import AppState
from flask_mlmonitor._keys import PREFIX
from flask_mlmonitor.alerts.families import FAMILIES, Family
from flask_mlmonitor.alerts.levels import Bad
from flask_mlmonitor.alerts.rule import Rule
from flask_mlmonitor.alerts.rules import RULE, RULES
from flask_mlmonitor.alerts.saying import UNITS
from flask_mlmonitor.provision.burning import BUDGETS, Budget, pairs_of
from flask_mlmonitor.provision.limits import scopes
from flask_mlmonitor.provision.promql import duration
from flask_mlmonitor.provision.scopes import Scope
from flask_mlmonitor.provision.signs import FAMILY_OF_SIGNS, SIGNS, Sign

UNKNOWN: Final = "…"
"""Stands for the figure that an alert will tell."""


class Line(NamedTuple):
    """When an alert fires.

    :param whose: figures.
    :param lasts: how long it must be so.
    """

    whose: str
    level: Bad
    says: str
    lasts: str


class Entry(NamedTuple):
    """One alert.

    :param keys: that set its thresholds.
    :param lines: none where no threshold is set.
    """

    alert: str
    title: str
    keys: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def anchor(self) -> str:
        """What a link to it ends with."""
        return self.alert.lower()


class Section(NamedTuple):
    """What is done about the alerts of a family."""

    family: Family
    entries: tuple[Entry, ...]


def sections(state: AppState) -> list[Section]:
    """Return the runbook of an app.

    :raises BaselineError: when a baseline cannot be read.
    """
    return [Section(family, tuple(_entries(family, state))) for family in FAMILIES]


def _entries(family: Family, state: AppState) -> Iterator[Entry]:
    for rule in RULES:
        if rule.family == family.name:
            yield Entry(rule.alert, rule.title, _keys(rule), tuple(_lines(rule, state)))
    for budget in BUDGETS:
        if budget.family == family.name:
            rule = RULE[budget.rule]
            lines = tuple(_burning(budget, scopes(rule, state)))
            yield Entry(budget.alert, budget.title, _keys(rule)[:1], lines)
    if family.name == FAMILY_OF_SIGNS:
        for sign in SIGNS:
            lines = tuple(_signs(sign, state.settings.alert_for))
            yield Entry(sign.alert, sign.title, (), lines)


def _keys(rule: Rule) -> tuple[str, ...]:
    """Return the names of the keys that a rule's thresholds come from."""
    thresholds = (rule.warning, rule.critical, *(rule.relative or ()))
    return tuple(f"{PREFIX}{key}" for key in thresholds if isinstance(key, str))


def _lines(rule: Rule, state: AppState) -> Iterator[Line]:
    for scope in scopes(rule, state):
        for level, limit in scope.judged.limits.worst_first():
            said = rule.says.format(
                feature="A feature" if rule.says.startswith("{feature}") else "a feature",
                value=UNKNOWN,
                threshold=UNITS[rule.unit](limit),
            )
            yield Line(whose(scope), level, said, duration(scope.judged.wait))


def _burning(budget: Budget, found: list[Scope]) -> Iterator[Line]:
    for scope in found:
        for pair, limit in pairs_of(budget, scope):
            spans = f"of the last {pair.long}, and of the last {pair.short}"
            said = f"More than {UNITS['share'](limit)} of the requests {spans}, {budget.bad}."
            yield Line(whose(scope), pair.level, said, duration(pair.wait))


def _signs(sign: Sign, wait: float) -> Iterator[Line]:
    for level, limit in sign.limits.items():
        said = sign.says.format(host="a host", value=UNKNOWN, limit=f"{limit:.0%}")
        yield Line("the monitor", level, said[0].upper() + said[1:], duration(wait))


def whose(scope: Scope) -> str:
    """Say whose figures decide.

    >>> from flask_mlmonitor.provision.scopes import Judged
    >>> judged = Judged(RULE["missing"].thresholds, 0)
    >>> whose(Scope((), (("model", "fraud"),), judged))
    'all other models'
    >>> whose(Scope((("model", "fraud"), ("version", "2")), (("feature", "age"),), judged))
    'fraud 2, other features'
    """
    model, version, feature = (dict(scope.labels).get(name) for name in _LABELS)
    but = scope.but[0][0] if scope.but else None
    if model is None:
        return "all other models" if but else "all models"
    who = f"{model} {version or ''}".strip()
    if feature is not None:
        return f"{who}, {feature}"
    return f"{who}, other {but}s" if but else who


_LABELS: Final = ("model", "version", "feature")
