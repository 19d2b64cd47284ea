"""What ``/metrics`` shows, and nothing is computed for it: cells are added up, results are read."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder

from flask_mlmonitor._app import AppState, load_baseline
from flask_mlmonitor.counters.cells import Name, Owner
from flask_mlmonitor.counters.requests import MONITOR, recent
from flask_mlmonitor.counters.slots import LIVE, read_slots
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.reading import read_totals

Cells = dict[Name, float]
_MODEL: Final = ("model", "version")


class Metric(NamedTuple):
    """One metric as the docs list it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


class _Counted(NamedTuple):
    """A counter or gauge that is a sum of cells: the cells' name, and their labels' names."""

    metric: Metric
    cell: str


_COUNTED: Final = (
    _Counted(
        Metric(
            "ml_predictions_total",
            "counter",
            (*_MODEL, "status"),
            "Predictions by final outcome, one for each row.",
        ),
        "predictions",
    ),
    _Counted(
        Metric(
            "ml_prediction_errors_total",
            "counter",
            (*_MODEL, "error_type"),
            "Failed requests by type, one type for each.",
        ),
        "errors",
    ),
    _Counted(
        Metric(
            "ml_validation_failures_total",
            "counter",
            (*_MODEL, "feature", "rule"),
            "Fields that broke a rule of the baseline.",
        ),
        "failures",
    ),
    _Counted(
        Metric(
            "ml_fallback_total",
            "counter",
            (*_MODEL, "reason"),
            "Requests that the fallback answered.",
        ),
        "fallbacks",
    ),
    _Counted(
        Metric(
            "ml_predictions_in_progress",
            "gauge",
            _MODEL,
            "Requests that a view or fallback is answering.",
        ),
        "in_progress",
    ),
    _Counted(
        Metric(
            "ml_ground_truth_total",
            "counter",
            (*_MODEL, "result"),
            "Values of ground truth by what became of them.",
        ),
        "ground_truth",
    ),
)
_MONITOR_COUNTED: Final = (
    _Counted(
        Metric(
            "mlmonitor_internal_errors_total",
            "counter",
            ("where",),
            "Faults of the monitor; none reached a request.",
        ),
        "internal_errors",
    ),
    _Counted(
        Metric(
            "mlmonitor_records_dropped_total",
            "counter",
            ("reason",),
            "Predictions that could not be recorded.",
        ),
        "dropped",
    ),
)
_LATENCY: Final = Metric(
    "ml_prediction_latency_seconds",
    "histogram",
    _MODEL,
    "How long view or fallback took, once for each request.",
)
_DELAY: Final = Metric(
    "ml_ground_truth_delay_seconds",
    "histogram",
    _MODEL,
    "How long after its prediction the ground truth became known.",
)
_RATE: Final = Metric(
    "ml_requests_per_second",
    "gauge",
    _MODEL,
    "Requests per second of this host, over MLMONITOR_THROUGHPUT_WINDOW.",
)
_COVERAGE: Final = Metric(
    "ml_ground_truth_coverage_ratio",
    "gauge",
    _MODEL,
    "The share of predictions whose ground truth came.",
)
_AGE: Final = Metric(
    "ml_model_age_seconds", "gauge", _MODEL, "The age of the baseline, and so of the model."
)
_BYTES: Final = Metric(
    "mlmonitor_journal_bytes", "gauge", (), "Bytes in the journal that are not in the store yet."
)
_LAG: Final = Metric(
    "mlmonitor_drain_lag_seconds", "gauge", (), "The age of the oldest record not in the store yet."
)
_WORKERS: Final = Metric(
    "mlmonitor_workers", "gauge", (), "Processes of this host that are monitored now."
)
_UNREADABLE: Final = Metric(
    "mlmonitor_unreadable_slots", "gauge", (), "Files of counters that cannot be read."
)
_BUILD: Final = Metric(
    "mlmonitor_build_info", "gauge", ("version",), "Always 1; the version of flask-mlmonitor."
)

METRICS: Final[tuple[Metric, ...]] = (
    *(counted.metric for counted in (*_COUNTED, *_MONITOR_COUNTED)),
    *(_LATENCY, _DELAY, _RATE, _COVERAGE, _AGE, _BYTES, _LAG, _WORKERS, _UNREADABLE, _BUILD),
)
"""Every metric, with the default prefix."""


@dataclass
class Snapshot:
    """All slots of a host, added up.

    :param cells: by owner; gauges of dead processes are left out.
    :param rates: requests per second, by owner.
    """

    cells: dict[Owner, Cells] = field(default_factory=dict)
    rates: dict[Owner, float] = field(default_factory=dict)
    workers: int = 0
    unreadable: int = 0


class MonitorCollector:
    """Collects an app's metrics from the counters of all processes of the host, and the store."""

    def __init__(self, state: AppState) -> None:
        self._state = state

    def describe(self) -> Iterable[Family]:
        """Return nothing: registering must not collect."""
        return []

    def collect(self) -> Iterator[Family]:
        """Yield a family for each metric that has a value."""
        state = self._state
        snapshot = take_snapshot(state)
        models = {owner: cells for owner, cells in snapshot.cells.items() if owner != MONITOR}
        for counted in _COUNTED:
            yield self._sum(counted, models)
        for counted in _MONITOR_COUNTED:
            yield self._sum(counted, {MONITOR: snapshot.cells.get(MONITOR, {})})
        yield self._histogram(_LATENCY, models, "latency")
        yield self._histogram(_DELAY, models, "delay")
        yield self._gauge(_RATE, snapshot.rates.items())
        yield self._gauge(_WORKERS, [((), snapshot.workers)])
        yield self._gauge(_UNREADABLE, [((), snapshot.unreadable)])
        yield self._gauge(_BUILD, [((version("flask-mlmonitor"),), 1)])
        with state.runtime.faults.guard("metrics"):
            yield self._gauge(_AGE, list(_ages(state)))
        with state.runtime.faults.guard("metrics"):
            backlog = state.runtime.drain.backlog()
            yield self._gauge(_BYTES, [((), backlog.size)])
            yield self._gauge(_LAG, [((), backlog.lag)])
        yield self._gauge(_COVERAGE, list(_coverage(state)))

    def _named(self, metric: Metric) -> str:
        return self._state.settings.metrics_prefix + metric.name.removeprefix("ml")

    def _sum(self, counted: _Counted, owners: Mapping[Owner, Cells]) -> Family:
        metric = counted.metric
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        own = metric.name.startswith("mlmonitor")
        name = metric.name if own else self._named(metric)
        family = kind(name, metric.help, labels=metric.labels)
        for owner, cells in owners.items():
            for cell, value in cells.items():
                if cell[0] == counted.cell:
                    family.add_metric((*(() if own else owner), *cell[1:]), value)
        return family

    def _histogram(
        self, metric: Metric, owners: Mapping[Owner, Cells], cell: str
    ) -> HistogramMetricFamily:
        family = HistogramMetricFamily(self._named(metric), metric.help, labels=metric.labels)
        for owner, cells in owners.items():
            bounds = sorted(
                (float(name[1]), value)
                for name, value in cells.items()
                if name[0] == f"{cell}_bucket"
            )
            if bounds:
                family.add_metric(owner, _cumulative(bounds), cells[f"{cell}_sum",])
        return family

    def _gauge(
        self, metric: Metric, samples: Iterable[tuple[Sequence[str], float]]
    ) -> GaugeMetricFamily:
        own = metric.name.startswith("mlmonitor")
        name = metric.name if own else self._named(metric)
        family = GaugeMetricFamily(name, metric.help, labels=metric.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        return family


def render(state: AppState, accept: str | None) -> tuple[bytes, str]:
    """Return the metrics in the format that *accept* prefers, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MonitorCollector(state))
    encode, content_type = choose_encoder(accept or "")
    return encode(registry), content_type


def take_snapshot(state: AppState, clock: Callable[[], float] = time.time) -> Snapshot:
    """Add up all slots of the host."""
    snapshot = Snapshot()
    window, now = state.settings.throughput_window, clock()
    for alive, blocks in read_slots(state.runtime.slot):
        snapshot.workers += alive
        snapshot.unreadable += blocks is None
        for block in blocks or ():
            cells = dict(block.items())
            total = snapshot.cells.setdefault(block.owner, {})
            for name, value in cells.items():
                if alive or name[0] not in LIVE:
                    total[name] = total.get(name, 0.0) + value
                else:
                    total.setdefault(name, 0.0)
            if ("latency_sum",) in cells:
                rate = recent(cells, window, now)
                snapshot.rates[block.owner] = snapshot.rates.get(block.owner, 0.0) + rate
    return snapshot


def _cumulative(bounds: Sequence[tuple[float, float]]) -> list[tuple[str, float]]:
    total = 0.0
    buckets = []
    for bound, count in bounds:
        total += count
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), total))
    return buckets


def _ages(state: AppState) -> Iterator[tuple[Owner, float]]:
    for declaration in state.declarations():
        baseline = load_baseline(declaration.baseline, state.root)
        if baseline is not None:
            age = time.time() - baseline.created.timestamp()
            yield Owner(declaration.model, declaration.version), age


def _coverage(state: AppState) -> Iterator[tuple[Owner, float]]:
    try:
        totals = read_totals(state.runtime.database)
    except StoreError:
        return  # absent, not wrong, while the store is down
    for total in totals:
        if total.coverage is not None:
            yield Owner(total.model, total.version), total.coverage
