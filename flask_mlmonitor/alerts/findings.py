"""What windows say of one figure, and which of them decides."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from flask_mlmonitor.alerts.levels import Level
from flask_mlmonitor.alerts.reading import Reading

LEVELS_OF: Final[Mapping[str, Level]] = {"moderate": "warning", "significant": "critical"}
"""What the status of a drift means."""


class Finding(NamedTuple):
    """What one window says of a figure.

    :param clear: whether it is so large a sample that it would show what is past a limit.
    """

    reading: Reading
    clear: bool = False

    @property
    def decides(self) -> bool:
        """Whether longer windows, which reach back further, need not be asked."""
        reading = self.reading
        return reading.level != "ok" or (self.clear and reading.held == "ok")


def decisive(findings: Sequence[Finding]) -> Reading:
    """Return what windows say together: the shortest that can decide, else the shortest known.

    :param findings: at least one, those of the shorter windows first.
    """
    known = [finding for finding in findings if finding.reading.value is not None]
    deciding = [finding for finding in known if finding.decides]
    return next(iter([*deciding, *known, *findings])).reading
