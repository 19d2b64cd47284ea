"""What a metric is."""

from typing import NamedTuple


class Metric(NamedTuple):
    """One metric as the docs list it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str
