"""How bad a figure is: past which threshold it lies, and which one it has not left yet."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

Bad = Literal["warning", "critical"]
Level = Literal["ok", "warning", "critical"]
LEVELS: Final[tuple[Level, ...]] = ("ok", "warning", "critical")

CLEAR: Final = 0.9
"""A level is left when the figure is at this share of the way from the origin to the threshold."""


class Thresholds(NamedTuple):
    """From where on a figure is bad.

    >>> Thresholds(0.5, 2.0).level_of(2.5), Thresholds(0.5, 2.0).level_of(0.5)
    ('critical', 'ok')

    :param low: whether it is bad below them.
    :param origin: where a figure lies that is as it should be. A figure that is bad when low, and
        that has no best value, has none: it must exceed its threshold by a ninth.
    """

    warning: float | None
    critical: float | None
    low: bool = False
    origin: float = 0.0

    def level_of(self, value: float) -> Level:
        """Return past which threshold a figure lies; to lie on one is not past it."""
        for level, threshold in self.worst_first():
            if value < threshold if self.low else value > threshold:
                return level
        return "ok"

    def held_of(self, value: float) -> Level:
        """Return the level that a figure would not leave.

        >>> Thresholds(0.5, None).held_of(0.46), Thresholds(0.5, None).held_of(0.45)
        ('warning', 'ok')
        >>> accuracy = Thresholds(0.85, None, low=True, origin=1.0)
        >>> accuracy.held_of(0.86), accuracy.held_of(0.87)
        ('warning', 'ok')
        """
        relaxed = self._replace(
            warning=self._relax(self.warning), critical=self._relax(self.critical)
        )
        return relaxed.level_of(value)

    def of(self, level: Level) -> float:
        """Return the threshold of a level; of "ok" the nearest one."""
        found: dict[Level, float] = {bad: limit for bad, limit in self.worst_first()}
        return found.get(level, found.get("warning", found.get("critical", 0.0)))

    def worst_first(self) -> Iterator[tuple[Bad, float]]:
        """Yield the levels that have a threshold, each with it."""
        if self.critical is not None:
            yield "critical", self.critical
        if self.warning is not None:
            yield "warning", self.warning

    def _relax(self, threshold: float | None) -> float | None:
        if threshold is None:
            return None
        if self.low and not self.origin:
            return threshold / CLEAR
        return self.origin + CLEAR * (threshold - self.origin)


def worse(*levels: Level) -> Level:
    """Return the worst of some levels."""
    return max(levels, key=LEVELS.index, default="ok")


def milder(one: Level, other: Level) -> Level:
    """Return the milder of two levels."""
    return min(one, other, key=LEVELS.index)
