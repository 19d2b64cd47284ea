"""PromQL, put together from parts."""

import json
from typing import Final, NamedTuple

from flask_mlmonitor.provision.scopes import Labels, Scope

HOST: Final = "job, instance"
JOB: Final = "job"
MODEL: Final = "job, model, version"
FEATURE: Final = "job, model, version, feature"
RESULT_SECONDS: Final = 900
"""So long a result holds that is not there any more, because the store does not answer."""
_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


class View(NamedTuple):
    """The series that a rule looks at.

    :param prefix: of the models' metrics.
    :param job: of whose series only, if of one.
    """

    prefix: str
    job: str | None = None
    labels: Labels = ()
    but: Labels = ()

    def of(self, scope: Scope) -> "View":
        """Return that of a scope's models."""
        return self._replace(labels=scope.labels, but=scope.but)

    def without(self, label: str) -> "View":
        """Return that of series that do not have a label."""
        labels, but = (
            tuple(pair for pair in pairs if pair[0] != label) for pairs in (self.labels, self.but)
        )
        return self._replace(labels=labels, but=but)

    def named(self, metric: str) -> str:
        """Return a metric's name: those of the models have the prefix."""
        return self.prefix + metric[len("ml") :] if metric.startswith("ml_") else metric

    def recorded(self, name: str) -> str:
        """Return a recorded series' name.

        >>> View("ml").recorded("predictions_error:ratio_rate5m")
        'model:ml_predictions_error:ratio_rate5m'
        """
        return f"model:{self.prefix}_{name}"

    def series(self, metric: str, *matchers: str) -> str:
        """Return the selector of a metric or of a recorded series.

        >>> View("ml", "shop", but=(("model", "a"),)).series("ml_circuit_open")
        'ml_circuit_open{job="shop",model!="a"}'
        """
        name = metric if metric.startswith("model:") else self.named(metric)
        job = () if self.job is None else (("job", self.job),)
        found = [
            *(f"{label}={quoted(value)}" for label, value in (*job, *self.labels)),
            *(f"{label}!={quoted(value)}" for label, value in self.but),
            *matchers,
        ]
        return f"{name}{{{','.join(found)}}}" if found else name

    def summed(self, by: str, function: str, metric: str, span: str, *matchers: str) -> str:
        """Return how much counters grew within a span, added up over the hosts."""
        return f"sum by ({by}) ({function}({self.series(metric, *matchers)}[{span}]))"

    def result(self, metric: str, by: str = MODEL) -> str:
        """Return a figure that every host reads in the same store."""
        span = duration(RESULT_SECONDS)
        return f"max by ({by}) (last_over_time({self.series(metric)}[{span}]))"


def quoted(text: str) -> str:
    """Return a string of PromQL."""
    return json.dumps(text, ensure_ascii=False)


def number(value: float) -> str:
    """Return a number as people write it.

    >>> number(14.4 * 0.01), number(3.0)
    ('0.144', '3')
    """
    return f"{value:.10g}"


def duration(seconds: float) -> str:
    """Return a duration of Prometheus, exact to the millisecond.

    >>> duration(120), duration(5400.5), duration(0)
    ('2m', '1h30m500ms', '0s')
    """
    left = round(1000 * seconds)
    text = ""
    for unit, length in (*((unit, 1000 * length) for unit, length in _UNITS), ("ms", 1)):
        count, left = divmod(left, length)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def all_of(*conditions: str, by: str = MODEL) -> str:
    """Return the first one's values where all of them hold, a line for each condition.

    :param by: the labels that say that they are about the same; those of the first may be more.
    """
    return f"\nand on ({by}) ".join(conditions)
