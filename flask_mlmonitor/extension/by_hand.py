"""What a program asks of the monitor, within an app context."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Flask

from flask_mlmonitor._app import current_state
from flask_mlmonitor._evaluations import evaluate_now
from flask_mlmonitor._measurements import evaluate_arrays
from flask_mlmonitor.metrics import MonitorCollector
from flask_mlmonitor.request.by_hand import record_by_hand
from flask_mlmonitor.request.ids import new_id
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.truth.recording import record_value

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


class ByHand:
    """Records and judges without a request."""

    def record_prediction(
        self,
        model: str,
        features: Mapping[str, Any],
        prediction: Any,
        *,
        version: str | None = None,
        prediction_id: str | None = None,
        probability: Any = None,
        latency: float | None = None,
        time: datetime | None = None,
    ) -> str:
        """Record a prediction that was made outside a request; return its id.

        :param version: may be left out where the model has one.
        :param probability: P(positive), a list in the order of the classes, or class -> P.
        :param latency: seconds.
        :param time: when it was made, an aware datetime; now by default. It counts in the window
            of that time.
        :raises ConfigError: for a name or a time that cannot be used.
        """
        state = current_state()
        declaration = state.declaration(model, version)
        if not state.settings.enabled:
            return new_id() if prediction_id is None else prediction_id
        return record_by_hand(
            state,
            declaration,
            features,
            prediction,
            prediction_id=prediction_id,
            probability=probability,
            latency=latency,
            time=time,
        )

    def record_ground_truth(
        self, prediction_id: str, value: Any, *, time: datetime | None = None
    ) -> str:
        """Record what turned out to be true for a prediction.

        :param value: a class, a number or a boolean.
        :param time: when it became known, an aware datetime; now by default.
        :return: "accepted", "updated" (there was a value before) or "pending" (the prediction is
            not stored yet; it will find its truth when it is).
        :raises ConfigError: for a value or time that cannot be used.
        :raises StoreUnavailable: when the store does not answer; nothing was recorded.
        """
        return record_value(current_state(), prediction_id, value, time)

    def evaluate(
        self, model: str | None = None, *, at: datetime | None = None
    ) -> tuple[Evaluation, ...]:
        """Judge every window of the app's models now, in this process, and store the results.

        The elected process does so by itself, each time the shortest window ends.

        :param model: one of the app's models; all of them by default.
        :param at: as of when, an aware datetime; the minute that it lies in counts too. Nobody is
            alerted of another time than now.
        :return: one for each model, version and window.
        :raises ConfigError: for an unknown model, or a time without a time zone.
        :raises StoreUnavailable: when the store does not answer.
        """
        state = current_state()
        return evaluate_now(state, model, at) if state.settings.enabled else ()

    def evaluate_batch(
        self,
        predictions: Any,
        ground_truth: Any,
        *,
        model: str | None = None,
        version: str | None = None,
        probabilities: Any = None,
    ) -> dict[str, Any]:
        """Measure how well predictions were, and compare that with the thresholds.

        Of a declared model, or where the app declares none, a figure past its threshold is an
        alert, as :attr:`MLMonitor.alerts` would raise it; nothing else is stored. The figures are
        scikit-learn's; they are past a threshold as soon as they are beyond it, whatever their
        number: who hands over a batch knows its size.

        >>> from flask_mlmonitor import MLMonitor
        >>> app = Flask(__name__)
        >>> app.config["TESTING"] = True
        >>> monitor = MLMonitor(app)
        >>> with app.app_context():
        ...     found = monitor.evaluate_batch([1, 0, 0, 0], [1, 0, 0, 1])
        >>> found["accuracy"], found["severity"]
        (0.75, 'warning')

        :param predictions: classes or numbers, one for each row.
        :param ground_truth: likewise, in the same order.
        :param model: whose baseline and thresholds hold; of an app with one model, that one.
        :param version: may be left out where the model has one.
        :param probabilities: P(positive), or one column for each class.
        :return: ``accuracy``, ``precision``, ``recall``, ``f1_score`` and what the probabilities
            tell; or ``mse``, ``rmse``, ``mae``, ``r2``; with ``n``, ``intervals``, ``per_class``,
            the ``severity`` of the worst figure, the ``alerts`` that it raised or kept, and
            ``timestamp``, aware.
        :raises ConfigError: when it is not clear which model is meant, or for arrays that do not
            fit together.
        """
        return evaluate_arrays(
            current_state(),
            predictions,
            ground_truth,
            model=model,
            version=version,
            probabilities=probabilities,
        )

    def flush(self, timeout: float = 10.0) -> bool:
        """Move what is journaled into the store.

        :param timeout: seconds to wait for another process that is doing so.
        :return: whether nothing is left.
        :raises StoreUnavailable: when the store does not answer.
        """
        state = current_state()
        return state.runtime.flush(timeout) if state.settings.enabled else True

    def collector(self, app: Flask) -> "Collector":
        """Return a collector of the app's metrics, for a registry of your own."""
        with app.app_context():
            return MonitorCollector(current_state())
