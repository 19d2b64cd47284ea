"""Where the runbook speaks of an alert."""

from typing import Final
from urllib.parse import quote

from flask_mlmonitor.alerts.rules import RULE

LONGEST: Final = 1000
"""How long a link may be; receivers refuse messages for longer ones, and cut, it leads nowhere."""
_OF_URLS: Final = "%:/?#[]@!$&'()*+,;="
"""What has a meaning in a URL; anything else that is special might mean something to a receiver."""


def section(runbook: str, alert: str) -> str:
    """Return the address of an alert's section: its heading's anchor.

    >>> section("https://wiki.example/the runbook", "MLModelLatency")
    'https://wiki.example/the%20runbook#mlmodellatency'

    :param runbook: the address of the runbook.
    :param alert: its name in Prometheus.
    """
    return f"{quote(runbook, safe=_OF_URLS, errors='replace')}#{alert.lower()}"


def section_of(runbook: str | None, metric: str) -> str | None:
    """Return the link of a message about a metric, if there is a section to link to.

    >>> section_of("https://wiki.example/runbook", "data_drift")
    'https://wiki.example/runbook#mlmodeldatadrift'
    >>> section_of("https://wiki.example/runbook", "currencies_age")
    >>> section_of(None, "data_drift")
    """
    if runbook is None or metric not in RULE:
        return None
    found = section(runbook, RULE[metric].alert)
    return found if len(found) <= LONGEST else None
