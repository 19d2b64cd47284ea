"""What the values of states are called, and their colors; the same in every dashboard."""

from typing import Final

from dashboards.panels import States

SEVERITIES: Final[States] = {
    0: ("information", "blue"),
    1: ("warning", "orange"),
    2: ("critical", "red"),
}
DRIFT: Final[States] = {
    -1: ("not enough data", "text"),
    0: ("stable", "green"),
    1: ("moderate", "orange"),
    2: ("significant", "red"),
}
YES: Final[States] = {1: ("yes", "green"), 0: ("no", "red")}
OPEN: Final[States] = {0: ("closed", "green"), 1: ("open", "red")}
EACH: Final = "{{model}} {{version}}"
FEATURE: Final = "{{model}} {{version}} {{feature}}"
