"""A model as one process of one app serves it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

from flask_mlmonitor._app import AppState, Declaration, load_baseline
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.counters.requests import AbandonedCounters, RequestCounters
from flask_mlmonitor.records import Row, Schema
from flask_mlmonitor.request.ids import is_sampled
from flask_mlmonitor.request.limit import Pool
from flask_mlmonitor.request.outputs import Output
from flask_mlmonitor.request.payloads import Fields, Order, Reader
from flask_mlmonitor.request.privacy import Privacy
from flask_mlmonitor.request.validation import Validator
from flask_mlmonitor.stats.cells.binning import Binning

if TYPE_CHECKING:
    from flask_mlmonitor.request.breaker import Breaker

_NOT_RECORDED: Final[Mapping[str, Any]] = {}


class Route:
    """What a request needs to know of its model: rules, order, counters, and its schema's number.

    :raises BaselineError: when the baseline cannot be read.
    """

    def __init__(self, state: AppState, declaration: Declaration) -> None:
        self.owner = Owner(declaration.model, declaration.version)
        self._app = state.app
        self.runtime = runtime = state.runtime
        self.journal = runtime.journal
        self._interval = state.settings.evaluation_interval
        settings = state.settings.for_model(declaration.model)
        self.faults = runtime.discreet_faults if settings.private else runtime.faults
        bounds = settings.latency_buckets
        baseline = load_baseline(declaration.baseline, state.root)
        if baseline is None:
            binning = Binning(task=declaration.task, latency_bounds=bounds)
        else:
            binning = baseline.binning(latency_bounds=bounds)
        self.slow = settings.latency_warning
        self.names = tuple(feature.name for feature in binning.features)
        self.reader = Reader(binning.features)
        self.order = Order(self.names)
        self.validator = Validator(binning.features)
        # Without a baseline every field is a feature; with one, the others may be private.
        self._keeps_extra = not self.names or settings.record_extra
        self._privacy = Privacy.of(binning.features, settings)
        self._sample_rate = settings.sample_rate
        self._state = state
        schema = Schema(state.name, *self.owner, binning.encode())
        self.schema = runtime.journal.schema(schema)
        self.counters = RequestCounters(
            runtime.slot, self.owner, bounds, self.names, settings.throughput_window
        )

    @cached_property
    def breaker(self) -> "Breaker":
        """The circuit breaker that the app's routes of this model and version share."""
        # Here, for pybreaker imports the clients of redis and tornado where they are installed.
        from flask_mlmonitor.request.breaker import Breaker

        return self._state.built(self.owner, Breaker)

    @cached_property
    def pool(self) -> Pool:
        """The threads in which views with a time limit run."""
        abandoned = AbandonedCounters(self.runtime.slot, self.owner)

        def abandon() -> None:
            with self.faults.guard("counters"):
                abandoned.add("abandoned")
                abandoned.add("abandoned_in_progress")

        def end(error: BaseException | None) -> None:
            with self.faults.guard("counters"):
                abandoned.add("abandoned_in_progress", amount=-1)
            if error is not None:
                self.warn_of_failure(error, "nobody waited for it any more")

        return Pool(on_abandon=abandon, on_late_end=end)

    @property
    def app(self) -> Flask:
        """The app; only a weak reference is kept, so that a test's apps can go away."""
        app = self._app()
        assert app is not None, "a request of an app that is gone"
        return app

    def warn(self, latency: float) -> None:
        """Log a slow prediction, unless this host did in the current interval."""
        if self.runtime.folders.first_in_interval("slow", self._interval):
            LOGGER.warning(
                "A prediction of %s %s took %.3f s, more than %.3f s. Others in this interval are "
                "counted in the latency histogram, not logged.",
                *self.owner, latency, self.slow,
            )  # fmt: skip

    def warn_of_failure(self, error: BaseException, what: str = "its fallback answered") -> None:
        """Log what a view or its fallback raised, unless this host did in this interval."""
        with self.faults.guard("request"):
            kind = type(error).__name__
            if self.runtime.folders.first_in_interval(f"{self.owner.model}-{kind}", self._interval):
                shown = self.faults.shown(error)
                LOGGER.warning("%s %s failed; %s.", *self.owner, what, exc_info=shown)

    def stores(self, prediction_id: str) -> bool:
        """Return whether a request's rows are stored, or only counted."""
        return self._sample_rate == 1 or is_sampled(prediction_id, self._sample_rate)

    def rows(self, fields: Sequence[Fields], outputs: Sequence[Output]) -> list[Row]:
        """Return a request's rows for the journal; without a payload, those of the outputs."""
        if not fields:
            fields = [Fields((None,) * len(self.names), range(len(self.names)))] * len(outputs)
        if not outputs:
            outputs = [Output()] * len(fields)
        rows = []
        for one, output in zip(fields, outputs, strict=True):
            extra = one.extra if one.extra is None or self._keeps_extra else _NOT_RECORDED
            rows.append(Row(one.values, output.prediction, output.probability, extra, one.absent))
        return rows if self._privacy is None else list(map(self._privacy.applied, rows))


def route_of(state: AppState, declaration: Declaration) -> Route:
    """Return the declaration's route in this process."""
    return state.built(declaration, Route)
