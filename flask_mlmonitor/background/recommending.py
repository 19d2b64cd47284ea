"""Whether models should be trained anew, considered whenever windows were judged."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from flask_mlmonitor.alerts.retraining import ACCURACIES, Outcome, Recommendation, recommend
from flask_mlmonitor.config import Settings, Window
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.results import WindowKey, read_history
from flask_mlmonitor.store.retraining import say_once

Post = Callable[[Any, Recommendation], None]
"""Adds the message of a recommendation to the outbox, in the transaction that stores it."""


class Recommending:
    """Recommends to train one app's models anew.

    :param on_recommended: called with what is stored.
    """

    def __init__(
        self,
        app: str,
        database: Database,
        settings: Settings,
        *,
        post: Post,
        on_recommended: Callable[[Recommendation], None],
    ) -> None:
        self._app = app
        self._database = database
        self._settings = settings
        self._post = post
        self._on_recommended = on_recommended

    def consider(self, evaluations: Collection[Evaluation], current: float) -> None:
        """Look at the last windows of the models that have new ones.

        :param current: now, in seconds since the epoch.
        :raises StoreError: when the store does not answer.
        """
        window = _shortest(self._settings.windows)
        if window is None or window.seconds is None:
            return
        # Windows whose ground truth came late are among them.
        since = current - 10 * ACCURACIES * window.seconds
        for model, version in sorted({(one.model, one.version) for one in evaluations}):
            key = WindowKey(model, version, window.text)
            history = read_history(self._database, key, start=since, end=current)
            considered = partial(
                recommend,
                model,
                version,
                [Outcome.of(one) for one in history],
                now=current,
                settings=self._settings.for_model(model),
            )
            found = say_once(self._database, self._app, model, version, considered, post=self._post)
            if found is not None:
                self._on_recommended(found)


def _shortest(windows: Collection[Window]) -> Window | None:
    timed = [window for window in windows if window.seconds is not None]
    return min(timed, key=lambda window: window.seconds or 0.0, default=None)
