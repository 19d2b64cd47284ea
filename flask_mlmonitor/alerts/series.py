"""One figure's alert as it is kept from one reading to the next."""

import hashlib
from functools import lru_cache
from typing import Final, Literal, Self

import msgspec

from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.levels import Level
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.alerts.saying import sentence
from flask_mlmonitor.clock import as_datetime

OPEN: Final = ("firing", "recovering")
"""The states of an alert that has fired and is not over."""


class Series(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether there is an alert about a figure, and what a next reading must know to say so.

    :param state: what it would be if all was known.
    :param id: of the incident; empty while there is none.
    :param level: of the alert.
    :param since: when the incident began; times are seconds since the epoch.
    :param changed: from when on its state has held.
    :param read: the time of the last reading that said something.
    :param value: the last one that was past its threshold.
    :param unknowns: how many readings since the last one said nothing.
    :param moves: when it fired, changed its level and was over, as far as that was lately.
    :param flapping: whether it is held, because it did so too often.
    :param acknowledged: whether somebody said that they know.
    """

    rule: str
    model: str
    version: str
    feature: str | None = None
    state: Literal["ok", "pending", "firing", "recovering"] = "ok"
    id: str = ""
    level: Level = "ok"
    since: float = 0.0
    changed: float = 0.0
    read: float = 0.0
    value: float = 0.0
    threshold: float = 0.0
    unknowns: int = 0
    moves: tuple[float, ...] = ()
    flapping: bool = False
    acknowledged: bool = False

    @classmethod
    def of(cls, reading: Reading) -> Self:
        """Return that of a figure that is read for the first time."""
        return cls(
            rule=reading.rule,
            model=reading.model,
            version=reading.version,
            feature=reading.feature,
        )

    @property
    def fingerprint(self) -> str:
        """What names the figure: each of its incidents has it, at whatever level."""
        return fingerprint(self.rule, self.model, self.version, self.feature)

    @property
    def open(self) -> bool:
        """Whether its alert has fired and is not over."""
        return self.state in OPEN

    @property
    def idle(self) -> bool:
        """Whether nothing is lost if it is forgotten."""
        return self.state == "ok" and not self.moves

    @property
    def alert(self) -> Alert:
        """Return what others see of it."""
        shown = "resolved" if self.state == "ok" else self.state
        return Alert(
            id=self.id,
            model=self.model,
            version=self.version,
            metric=self.rule,
            severity="critical" if self.level == "critical" else "warning",
            value=self.value,
            threshold=self.threshold,
            message=sentence(self.rule, self.value, self.threshold, self.feature),
            state="unknown" if self.open and self.unknowns else shown,
            since=as_datetime(self.since),
            feature=self.feature,
        )


@lru_cache(maxsize=10_000)  # the same figures are read again and again
def fingerprint(rule: str, model: str, version: str, feature: str | None) -> str:
    """Return what names a figure.

    >>> fingerprint("latency", "fraud", "2", None)[:12]
    '302082d3843c'
    """
    labels = {"feature": feature or "", "metric": rule, "model": model, "version": version}
    parts = [rule, *(f"{name}={value}" for name, value in sorted(labels.items()))]
    return _hash(parts)


def incident(fingerprint: str, since: float) -> str:
    """Return the id of the incident of a figure that began then.

    >>> len(incident("a", 100.0)), incident("a", 100.0) == incident("a", 101.0)
    (24, False)
    """
    return _hash([fingerprint, repr(since)])[:24]


def _hash(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
