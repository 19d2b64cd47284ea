"""A model as one process of one app serves it."""

from collections.abc import Sequence

from flask_mlmonitor._app import AppState, Declaration, load_baseline
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.requests import RequestCounters
from flask_mlmonitor.records import Row, Schema
from flask_mlmonitor.request.outputs import Output
from flask_mlmonitor.request.payloads import Fields, Order
from flask_mlmonitor.request.validation import Validator
from flask_mlmonitor.stats.binning import Binning


class Route:
    """What a request needs to know of its model: rules, order, counters, and its schema's number.

    :raises BaselineError: when the baseline cannot be read.
    """

    def __init__(self, state: AppState, declaration: Declaration) -> None:
        self.owner = Owner(declaration.model, declaration.version)
        settings = state.settings.for_model(declaration.model)
        bounds = settings.latency_buckets
        baseline = load_baseline(declaration.baseline, state.root)
        if baseline is None:
            binning = Binning(task=declaration.task, latency_bounds=bounds)
        else:
            binning = baseline.binning(latency_bounds=bounds)
        self.slow = settings.latency_warning
        self.names = tuple(feature.name for feature in binning.features)
        self.order = Order(self.names)
        self.validator = Validator(binning.features)
        # Without a baseline every field is a feature; with one, the others may be private.
        self.keeps_extra = not self.names or settings.record_extra
        schema = Schema(state.name, *self.owner, binning.encode())
        self.schema = state.runtime.journal.schema(schema)
        self.counters = RequestCounters(
            state.runtime.slot, self.owner, bounds, self.names, settings.throughput_window
        )

    def row(self, fields: Fields, output: Output) -> Row:
        """Return a row for the journal."""
        extra = fields.extra if self.keeps_extra else None
        return Row(fields.values, output.prediction, output.probability, extra, fields.absent)

    def rows(self, fields: Sequence[Fields], outputs: Sequence[Output]) -> list[Row]:
        """Return a request's rows; where there is no payload, those of the outputs alone."""
        if not fields:
            fields = [Fields((None,) * len(self.names), range(len(self.names)))] * len(outputs)
        if not outputs:
            outputs = [Output()] * len(fields)
        return [self.row(one, output) for one, output in zip(fields, outputs, strict=True)]


def route_of(state: AppState, declaration: Declaration) -> Route:
    """Return the declaration's route in this process."""
    key = (declaration.model, declaration.version)
    return state.built(key, lambda: Route(state, declaration))
