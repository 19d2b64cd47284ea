"""What a check finds."""

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["error", "warning", "info"]
LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "info")
"""Something does not work; something will not, or is not as it should be; good to know."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    :param problem: what is wrong, with the figures.
    :param remedy: what to do.
    """

    level: Level
    problem: str
    remedy: str
