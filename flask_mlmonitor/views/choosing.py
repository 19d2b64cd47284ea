"""Which model and which window is meant."""

from collections.abc import Sequence
from typing import NamedTuple

from flask_mlmonitor._app import AppState
from flask_mlmonitor._evaluations import subjects_of
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, longest
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.results import first_end, read_latest, read_latest_measured


class Unknown(LookupError):
    """There is no such model, or no such window of it; the message names those that there are."""


class Chosen(NamedTuple):
    """One window of one model.

    :param evaluation: the last one of the window.
    :param measured: the last one of it whose performance was measured.
    :param windows: those that were ever evaluated, the shortest first.
    """

    subject: Subject
    evaluation: Evaluation
    measured: Evaluation | None
    windows: tuple[str, ...]

    @property
    def window(self) -> str:
        """The window's name."""
        return self.evaluation.window


def subject_of(state: AppState, model: str, version: str) -> Subject:
    """Return a model of the app.

    :raises Unknown: when there is no such one.
    """
    subjects = subjects_of(state)
    for one in subjects:
        if (one.model, one.version) == (model, version):
            return one
    known = ", ".join(f"{one.model} {one.version}" for one in subjects) or "none yet"
    raise Unknown(f"There is no version {version!r} of a model {model!r}. Known are: {known}.")


def choose(
    state: AppState, model: str, version: str, window: str | None, until: float | None = None
) -> Chosen:
    """Return a window of a model; by default the longest that was judged.

    :param until: the last one that had ended by then; by now, if not set.
    :raises Unknown: when there is no such model or window, or nothing was evaluated by then.
    :raises StoreError: when the store does not answer.
    """
    subject = subject_of(state, model, version)
    database, of = state.runtime.database, (model, version)
    latest = in_order(read_latest(database, of)) if database.exists() else []
    if not latest:
        raise Unknown(
            f"Nothing is known of {model} {version} yet: wait for the end of the first window, "
            "or run `flask mlmonitor evaluate`."
        )
    windows = tuple(one.window for one in latest)
    if window is not None and window not in windows:
        raise Unknown(f"There is no window {window!r}. Evaluated are: {', '.join(windows)}.")
    if until is not None:
        latest = _by_then(database, of, window, until)
    chosen = headline([one for one in latest if window in (None, one.window)])
    measured = read_latest_measured(database, of, until)
    return Chosen(
        subject,
        chosen,
        next((one for one in measured if one.window == chosen.window), None),
        windows,
    )


def followed(state: AppState, chosen: Chosen) -> float | None:
    """Return when the next window of its name ended; ``None`` if it is the last one by now.

    :raises StoreError: when the store does not answer.
    """
    one = chosen.evaluation
    of, after = (one.model, one.version), one.end.timestamp()
    return first_end(state.runtime.database, of, window=one.window, after=after)


def headline(latest: Sequence[Evaluation]) -> Evaluation:
    """Return the evaluation that speaks for a model: of the longest window that was judged."""
    return longest(latest) or in_order(latest)[-1]


def in_order(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return evaluations of several windows, the shortest first."""
    return sorted(evaluations, key=lambda one: (one.end - one.start, one.window))


def _by_then(
    database: Database, of: tuple[str, str], window: str | None, until: float
) -> list[Evaluation]:
    found = [one for one in read_latest(database, of, until) if window in (None, one.window)]
    if not found:
        oldest = first_end(database, of, window=window) or until
        whose = " over ".join(filter(None, (" ".join(of), window)))
        raise Unknown(
            f"No window of {whose} had ended by {_text(until)}: the oldest that is known ended at "
            f"{_text(oldest)}."
        )
    return found


def _text(moment: float) -> str:
    """Return a moment as the command line takes it.

    >>> _text(1780000000.0)
    '2026-05-28T20:26:40Z'
    """
    return f"{as_datetime(moment):%Y-%m-%dT%H:%M:%S}Z"
