"""Others that watch the requests of a Flask app, each added as its own documentation says."""

import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from flask import Flask

PFE: Final = "prometheus_flask_exporter"
PFE_MULTIPROCESS: Final = "  the same, for several processes"
OTEL_METRICS: Final = "OpenTelemetry, metrics"
OTEL_TRACES: Final = "  the same, and traces"
DASHBOARD: Final = "Flask-MonitoringDashboard"

Settle = Callable[[], object]
"""Waits for the work that a peer left to its threads."""


def _exporter(app: Flask, _folder: Path) -> Settle:
    from prometheus_client import CollectorRegistry
    from prometheus_flask_exporter import PrometheusMetrics

    PrometheusMetrics(app, registry=CollectorRegistry())
    return int


def _exporter_multiprocess(app: Flask, folder: Path) -> Settle:
    import os

    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # read when the client is imported
    from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

    GunicornInternalPrometheusMetrics(app)
    return int


def _metrics(app: Flask, _folder: Path) -> Settle:
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    meters = MeterProvider([InMemoryMetricReader()])
    instrument: Any = FlaskInstrumentor().instrument_app
    instrument(app, meter_provider=meters)
    return int


def _traces(app: Flask, _folder: Path) -> Settle:
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    tracers: Any = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    meters = MeterProvider([InMemoryMetricReader()])
    instrument: Any = FlaskInstrumentor().instrument_app
    instrument(app, tracer_provider=tracers, meter_provider=meters)
    settle: Settle = tracers.force_flush
    return settle


def _dashboard(app: Flask, folder: Path) -> Settle:
    import flask_monitoringdashboard as dashboard

    dashboard.config.database_name = f"sqlite:///{folder / 'dashboard.sqlite3'}"
    dashboard.bind(app)
    return _join_threads


def _join_threads() -> None:
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


_ALL: Final[dict[str, tuple[str, Callable[[Flask, Path], Settle]]]] = {
    PFE: ("prometheus-flask-exporter", _exporter),
    PFE_MULTIPROCESS: ("prometheus-flask-exporter", _exporter_multiprocess),
    OTEL_METRICS: ("opentelemetry-instrumentation-flask", _metrics),
    OTEL_TRACES: ("opentelemetry-instrumentation-flask", _traces),
    DASHBOARD: ("Flask-MonitoringDashboard", _dashboard),
}
PEERS: Final = {name: add for name, (package, add) in _ALL.items() if _is_installed(package)}
"""Adds a peer to an app whose views are registered, with a folder of its own for its files."""


def missing_peers() -> str:
    """Say which peers are not installed, and how they would be; nothing if all are."""
    names = ", ".join(name.strip() for name in _ALL if name not in PEERS)
    return names and f"not installed: {names} (pip install -e '.[peers]')"
