"""What nobody wants to be told of for a while."""

from typing import Final

import msgspec

from flask_mlmonitor.alerts.alert import Alert

GRACE_SECONDS: Final = 300.0
"""How long a new version of a model is silent: it starts with cold caches and few predictions."""
_MATCHED: Final = ("model", "version", "metric", "feature")


class Silence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Alerts that nobody is told of until some time; they are there all the same.

    :param model: of which; with each that is left out it holds for more.
    :param until: seconds since the epoch.
    :param why: a few words for people.
    """

    id: str
    until: float
    model: str | None = None
    version: str | None = None
    metric: str | None = None
    feature: str | None = None
    why: str = ""

    def covers(self, alert: Alert, now: float) -> bool:
        """Return whether it holds for an alert now."""
        return now < self.until and all(
            getattr(self, name) in (None, getattr(alert, name)) for name in _MATCHED
        )


def grace(model: str, version: str, now: float) -> Silence:
    """Return the silence of a version that is new."""
    return Silence(
        id=f"grace {model} {version}",
        until=now + GRACE_SECONDS,
        model=model,
        version=version,
        why="The version is new.",
    )
