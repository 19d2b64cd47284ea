"""What ``/metrics`` shows, and nothing is computed for it: cells are added up, results are read."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder

from flask_mlmonitor._app import AppState, load_baseline
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.requests import MONITOR
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.metrics.metric import Metric
from flask_mlmonitor.metrics.results import samples_of
from flask_mlmonitor.metrics.snapshot import Cells, take_snapshot
from flask_mlmonitor.metrics.table import (
    AGE,
    ALERT_ACTIVE,
    BUILD,
    BYTES,
    COUNTED,
    COVERAGE,
    DELAY,
    EVALUATION_SECONDS,
    LAG,
    LAST_EVALUATION,
    LATENCY,
    MONITOR_COUNTED,
    OUTBOX,
    RATE,
    UNREADABLE,
    UP,
    WORKERS,
    Counted,
)
from flask_mlmonitor.store.alerting import read_alerts
from flask_mlmonitor.store.outbox import count_waiting
from flask_mlmonitor.store.patience import in_a_request
from flask_mlmonitor.store.reading import read_totals
from flask_mlmonitor.store.results import read_last_run, read_latest, read_latest_measured


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
        for counted in COUNTED:
            yield self._sum(counted, models)
        for counted in MONITOR_COUNTED:
            yield self._sum(counted, {MONITOR: snapshot.cells.get(MONITOR, {})})
        yield self._histogram(LATENCY, models, "latency")
        yield self._histogram(DELAY, models, "delay")
        yield self._gauge(RATE, snapshot.rates.items())
        yield self._gauge(WORKERS, [((), snapshot.workers)])
        yield self._gauge(UNREADABLE, [((), snapshot.unreadable)])
        yield self._gauge(BUILD, [((version("flask-mlmonitor"),), 1)])
        for collect in (
            *(self._ages, self._backlog, self._coverage),
            *(self._results, self._alerts, self._outbox),
        ):
            with state.runtime.faults.guard("metrics"):
                yield from _collected(collect)

    def _ages(self) -> Iterator[Family]:
        ages = []
        for declaration in self._state.declarations():
            baseline = load_baseline(declaration.baseline, self._state.root)
            if baseline is not None:
                age = time.time() - baseline.created.timestamp()
                ages.append((Owner(declaration.model, declaration.version), age))
        yield self._gauge(AGE, ages)

    def _backlog(self) -> Iterator[Family]:
        runtime = self._state.runtime
        officer = runtime.election.officer()
        up = officer is None or officer.trouble is None
        try:
            backlog = runtime.drain.backlog()
        except StoreError:  # then nobody knows how much of the segments is stored already
            yield self._gauge(BYTES, [((), runtime.spool.size())])
            yield self._gauge(LAG, [])
            up = False
        else:
            yield self._gauge(BYTES, [((), backlog.size)])
            yield self._gauge(LAG, [((), backlog.lag)])
        yield self._gauge(UP, [((), up)])

    def _coverage(self) -> Iterator[Family]:
        try:
            totals = read_totals(self._state.runtime.database)
        except StoreError:  # absent, not wrong, while the store is down
            totals = []
        shares = [(total, total.coverage) for total in totals]
        yield self._gauge(
            COVERAGE,
            [((total.model, total.version), share) for total, share in shares if share is not None],
        )

    def _results(self) -> Iterator[Family]:
        database = self._state.runtime.database
        evaluations, measured, run = [], [], None
        with contextlib.suppress(StoreError):  # absent, not wrong, while the store is down
            if database.exists():
                evaluations, measured = read_latest(database), read_latest_measured(database)
                run = read_last_run(database)
        for metric, samples in samples_of(evaluations, measured).items():
            yield self._gauge(metric, samples)
        yield self._gauge(LAST_EVALUATION, [] if run is None else [((), run.end)])
        yield self._gauge(EVALUATION_SECONDS, [] if run is None else [((), run.seconds)])

    def _outbox(self) -> Iterator[Family]:
        database = self._state.runtime.database
        waiting = []
        with contextlib.suppress(StoreError):  # absent, not wrong, while the store is down
            waiting.append(((), count_waiting(database) if database.exists() else 0))
        yield self._gauge(OUTBOX, waiting)

    def _alerts(self) -> Iterator[Family]:
        database = self._state.runtime.database
        active = Counter[tuple[str, ...]]()
        with contextlib.suppress(StoreError):
            if database.exists():
                for alert in read_alerts(database, self._state.name):
                    active[alert.model, alert.version, alert.metric, alert.severity] += 1
        yield self._gauge(ALERT_ACTIVE, active.items())

    def _named(self, metric: Metric) -> str:
        return self._state.settings.metrics_prefix + metric.name.removeprefix("ml")

    def _sum(self, counted: Counted, owners: Mapping[Owner, Cells]) -> Family:
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
            bounds = sorted(_bounds(cells, f"{cell}_bucket"))
            if bounds:
                total = cells.get((f"{cell}_sum",), 0.0)
                family.add_metric(owner, _cumulative(bounds), total)
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


def _collected(collect: Callable[[], Iterable[Family]]) -> list[Family]:
    with in_a_request():
        return list(collect())


def _bounds(cells: Cells, name: str) -> Iterator[tuple[float, float]]:
    for cell, value in cells.items():
        if cell[0] == name:
            with contextlib.suppress(ValueError):  # a damaged slot must not hide the others
                yield float(cell[1]), value


def _cumulative(bounds: Sequence[tuple[float, float]]) -> list[tuple[str, float]]:
    total = 0.0
    buckets = []
    for bound, count in bounds:
        total += count
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), total))
    return buckets
