"""A scraper, and what it sees."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families as parse_text

from flask_mlmonitor.metrics import METRICS

if TYPE_CHECKING:
    from tests.conftest import Service
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
MODEL = {"model": "fraud", "version": "2"}
LABELS = {metric.name: set(metric.labels) for metric in METRICS}
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum")}
CELLS = ".cells"


def predict() -> Any:
    return {"prediction": 1}


def scrape(service: "Service", path: str = "/metrics") -> dict[str, Metric]:
    """Return the metrics by the name of their family."""
    answer = service.client.get(path)
    assert answer.status_code == 200, answer.text
    return {family.name: family for family in parse_text(answer.text)}


def samples(families: dict[str, Metric]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every sample by its name and labels; none of them twice."""
    found = [
        ((sample.name, frozenset(sample.labels.items())), sample.value)
        for family in families.values()
        for sample in family.samples
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """Return one sample."""
    return samples(families)[name, frozenset(labels.items())]


def slot_files(service: "Service") -> Path:
    """Return the folder of the counters."""
    return service.runtime.slot.folder
