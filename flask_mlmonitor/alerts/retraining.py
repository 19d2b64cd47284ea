"""Whether a model should be trained anew: a pure function of its last windows."""

from collections.abc import Sequence
from datetime import datetime
from statistics import fmean
from typing import Final, Self

import msgspec

from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.config import Settings
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation

ACCURACIES: Final = 10
"""The mean of so many accuracies decides; of fewer, none does."""
SCORES: Final = 5
"""The largest PSI of so many windows decides, or of those that there are."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one completed window says.

    :param start: seconds since the epoch.
    :param accuracy: measured, with enough ground truth; ``None`` where there is not.
    :param psi: the largest of a feature that has drifted; 0.0 where none has, ``None`` where that
        is not known.
    """

    start: float
    end: float
    accuracy: float | None = None
    psi: float | None = None

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        """Return what an evaluation says; one of a window that is not whole says nothing."""
        start, end = evaluation.start.timestamp(), evaluation.end.timestamp()
        if evaluation.status != "complete":
            return cls(start=start, end=end)
        scores = [float(evaluation.drift[name].psi or 0) for name in evaluation.drifted]
        return cls(
            start=start,
            end=end,
            accuracy=evaluation.performance.get("accuracy") if evaluation.measured else None,
            psi=max(scores, default=0.0) if evaluation.drift else None,
        )


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """That a model should be trained anew.

    :param reasons: a sentence each.
    :param accuracy: the mean of the last windows, where that is a reason.
    :param psi: the largest of the last windows, where that is a reason.
    :param until: the end of the last window that was looked at.
    """

    model: str
    version: str
    time: datetime
    reasons: tuple[str, ...]
    accuracy: float | None = None
    psi: float | None = None
    until: datetime


def recommend(
    model: str,
    version: str,
    outcomes: Sequence[Outcome],
    last: Recommendation | None,
    *,
    now: float,
    settings: Settings,
) -> Recommendation | None:
    """Return that a model should be trained anew, or that there is nothing new to say.

    It is said once: again only when the cool-down is over and a window has ended since that says
    so too.

    :param outcomes: of windows of one length, in any order; where two overlap, the later one
        counts.
    :param last: what was said last of this model and version.
    :param settings: of the model.
    """
    apart = _apart(outcomes)
    if not apart or not _may_say(last, apart[0], now, settings):
        return None
    accuracies = [one.accuracy for one in apart if one.accuracy is not None][:ACCURACIES]
    scores = [one.psi for one in apart if one.psi is not None][:SCORES]
    reasons = []
    accuracy = psi = None
    if len(accuracies) == ACCURACIES and fmean(accuracies) < settings.retrain_accuracy:
        accuracy = fmean(accuracies)
        reasons.append(
            f"The mean accuracy of the last {ACCURACIES} windows is {accuracy:.1%}, "
            f"below {settings.retrain_accuracy:.1%}."
        )
    if scores and max(scores) > settings.retrain_psi:
        psi = max(scores)
        counted = "window" if len(scores) == 1 else f"{len(scores)} windows"
        reasons.append(
            f"The largest PSI of the last {counted} is {psi:.2f}, above {settings.retrain_psi:g}."
        )
    if not reasons:
        return None
    return Recommendation(
        model=model,
        version=version,
        time=as_datetime(now),
        reasons=tuple(reasons),
        accuracy=accuracy,
        psi=psi,
        until=as_datetime(apart[0].end),
    )


def _apart(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return windows that do not overlap, the newest first."""
    found: list[Outcome] = []
    for one in sorted(outcomes, key=lambda one: -one.end):
        if not found or one.end <= found[-1].start:
            found.append(one)
    return found


def _may_say(last: Recommendation | None, newest: Outcome, now: float, settings: Settings) -> bool:
    if last is None:
        return True
    cooled = now - last.time.timestamp() >= settings.retrain_cooldown
    return cooled and newest.end > last.until.timestamp()
