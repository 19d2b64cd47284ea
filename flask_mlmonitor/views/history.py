"""What the windows of a model said one after the other, and its requests minute by minute."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Final, Self

import msgspec

from flask_mlmonitor._app import AppState
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, Severity
from flask_mlmonitor.store.results import WindowKey, read_history
from flask_mlmonitor.views.choosing import Chosen
from flask_mlmonitor.views.live import Traffic, read_minutes

POINTS: Final = 200
MOST_POINTS: Final = 1000


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation.

    :param psi: of each feature.
    :param critical: what each PSI would have to exceed at these sizes to be more than chance.
    """

    start: datetime
    end: datetime
    n: int
    status: str
    severity: Severity
    drifted: tuple[str, ...]
    psi: Mapping[str, float]
    critical: Mapping[str, float]
    prediction_psi: float | None
    prediction_critical: float | None
    labelled: int
    coverage: float | None
    measured: bool
    performance: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    estimated: Mapping[str, float]
    estimated_intervals: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, one: Evaluation) -> Self:
        """Return what an evaluation adds to the history."""
        known = {name: drift.psi for name, drift in one.drift.items() if drift.psi is not None}
        prediction = None if one.prediction_drift is None else one.prediction_drift.psi
        return cls(
            start=one.start,
            end=one.end,
            n=one.n,
            status=one.status,
            severity=one.verdict.severity,
            drifted=tuple(one.drifted),
            psi={name: psi.score for name, psi in known.items()},
            critical={name: psi.critical for name, psi in known.items()},
            prediction_psi=None if prediction is None else prediction.score,
            prediction_critical=None if prediction is None else prediction.critical,
            labelled=one.labelled,
            coverage=one.coverage,
            measured=one.measured,
            performance=one.performance,
            intervals=one.intervals,
            estimated=one.estimated,
            estimated_intervals=one.estimated_intervals,
        )


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The last evaluations of one window, and the last hour.

    :param windows: those that can be asked for.
    :param points: the oldest first.
    :param minutes: the requests of each minute of the last hour.
    """

    model: str
    version: str
    window: str
    windows: tuple[str, ...]
    points: Sequence[Point]
    minutes: Sequence[Traffic]


def read_points(
    state: AppState, chosen: Chosen, *, limit: int = POINTS, before: datetime | None = None
) -> History:
    """Return the evaluations of a window up to the chosen one.

    :param limit: how many at most.
    :param before: only those that ended before a moment, to read on in the past.
    :raises StoreError: when the store does not answer.
    """
    database = state.runtime.database
    one = chosen.evaluation
    key = WindowKey(one.model, one.version, one.window)
    # The end of a window is a whole second.
    end = one.end.timestamp() if before is None else before.timestamp() - 0.5
    found = read_history(database, key, start=-inf, end=end, limit=limit)
    return History(
        model=one.model,
        version=one.version,
        window=one.window,
        windows=chosen.windows,
        points=[Point.of(one) for one in found],
        minutes=read_minutes(database, one.model, one.version),
    )
