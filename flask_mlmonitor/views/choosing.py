"""Which model and which window is meant."""

from collections.abc import Sequence
from typing import NamedTuple

from flask_mlmonitor._app import AppState
from flask_mlmonitor._evaluations import subjects_of
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.stats.evaluation import Evaluation, longest
from flask_mlmonitor.store.results import read_latest, read_latest_measured


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


def choose(state: AppState, model: str, version: str, window: str | None) -> Chosen:
    """Return a window of a model; by default the longest that was judged.

    :raises Unknown: when there is no such model or window, or nothing was evaluated yet.
    :raises StoreError: when the store does not answer.
    """
    found = subject_of(state, model, version)
    database, of = state.runtime.database, (model, version)
    latest = in_order(read_latest(database, of)) if database.exists() else []
    if not latest:
        raise Unknown(
            f"Nothing is known of {model} {version} yet: wait for the end of the first window, "
            "or run `flask mlmonitor evaluate`."
        )
    chosen = headline(latest) if window is None else _named(latest, window)
    measured = read_latest_measured(database, of)
    return Chosen(
        found,
        chosen,
        next((one for one in measured if one.window == chosen.window), None),
        tuple(one.window for one in latest),
    )


def headline(latest: Sequence[Evaluation]) -> Evaluation:
    """Return the evaluation that speaks for a model: of the longest window that was judged."""
    return longest(latest) or in_order(latest)[-1]


def in_order(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return evaluations of several windows, the shortest first."""
    return sorted(evaluations, key=lambda one: (one.end - one.start, one.window))


def _named(latest: Sequence[Evaluation], window: str) -> Evaluation:
    for one in latest:
        if one.window == window:
            return one
    known = ", ".join(one.window for one in latest)
    raise Unknown(f"There is no window {window!r}. Evaluated are: {known}.")
