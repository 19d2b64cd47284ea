"""One figure at one time, and what it means: what the states of alerts follow."""

import msgspec

from flask_mlmonitor.alerts.levels import Level, Thresholds, milder, worse
from flask_mlmonitor.alerts.rule import Rule


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's figure of a model and version, and of a feature where each has one.

    :param time: until when it holds, in seconds since the epoch.
    :param span: for how many seconds it has held: a decision on all of the last hour for that
        hour, a look at the last minutes for none.
    :param value: ``None`` where nothing can be said: too little data, or not all of it.
    :param level: that the figure reaches, by more than chance.
    :param held: the level that it would not leave; never milder.
    :param threshold: that of the level.
    :param n: of how many predictions it is.
    """

    rule: str
    model: str
    version: str
    time: float
    span: float
    feature: str | None = None
    value: float | None = None
    level: Level = "ok"
    held: Level = "ok"
    threshold: float = 0.0
    n: int = 0

    @property
    def since(self) -> float:
        """From when on it has held."""
        return self.time - self.span


class Subject(msgspec.Struct, frozen=True):
    """Whom some readings are about, and when: what :class:`Reading` says of the same names."""

    model: str
    version: str
    time: float
    span: float = 0.0

    def unknown(self, rule: Rule, *, feature: str | None = None, n: int = 0) -> Reading:
        """Return that nothing can be said of a figure."""
        return Reading(rule=rule.name, **msgspec.structs.asdict(self), feature=feature, n=n)

    def read(
        self, rule: Rule, value: float, limits: Thresholds, *, n: int, proven: Level = "critical"
    ) -> Reading:
        """Return what a figure means.

        :param proven: the worst level that is more than chance.
        """
        level = milder(limits.level_of(value), proven)
        return self.judged(rule, value, limits, level, limits.held_of(value), n=n)

    def judged(
        self,
        rule: Rule,
        value: float,
        limits: Thresholds,
        level: Level,
        held: Level,
        *,
        n: int,
        feature: str | None = None,
    ) -> Reading:
        """Return what a figure means, of which more than its thresholds decides."""
        return Reading(
            rule=rule.name,
            **msgspec.structs.asdict(self),
            feature=feature,
            value=value,
            level=level,
            held=worse(level, held),
            threshold=limits.of(level),
            n=n,
        )
