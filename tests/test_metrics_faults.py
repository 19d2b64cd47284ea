"""Metrics from several processes, and while something is broken."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor import Baseline
from flask_mlmonitor.counters.cells import unpack
from tests.processes import Child, run_in_child

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service
from tests.scraping import CELLS, MODEL, predict, samples, scrape, slot_files, value


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_the_same_from_every_process(serve: "Serve", production: dict[str, Any]) -> None:
    """Two processes that share a folder count apart and show the sum; a death loses nothing."""
    service = serve(predict, config=production)

    def work() -> dict[str, float]:
        for _ in range(3):
            service.post()
        return shown(service)

    for _ in range(2):
        service.post()
    with Child(work) as other:
        assert other.told["predictions"] == 5
        service.post()
        mine = shown(service)
        assert mine == {"predictions": 6, "timed": 6, "workers": 2}
    assert shown(service) == {"predictions": 6, "timed": 6, "workers": 1}

    with Child(work) as other:  # it goes on in the dead one's slot
        assert other.told == {"predictions": 9, "timed": 9, "workers": 2}
        assert shown(service) == other.told
    assert len(list(slot_files(service).glob("*" + CELLS))) == 2


def shown(service: "Service") -> dict[str, float]:
    """Return what a scrape of this process shows."""
    families = scrape(service)
    return {
        "predictions": value(families, "ml_predictions_total", **MODEL, status="success"),
        "timed": value(families, "ml_prediction_latency_seconds_count", **MODEL),
        "workers": value(families, "mlmonitor_workers"),
    }


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_what_a_dead_process_was_doing(serve: "Serve", production: dict[str, Any]) -> None:
    """A request that died with its process is not in progress for ever."""
    service: Service

    def die() -> Any:
        service.runtime.slot.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    service = serve(die, config=production)

    assert run_in_child(service.post) == -signal.SIGKILL
    (dead,) = slot_files(service).glob("*" + CELLS)
    blocks, _ = unpack(dead.read_bytes())
    assert sum(dict(block.items()).get(("in_progress",), 0) for block in blocks) == 1
    families = scrape(service)
    assert value(families, "ml_predictions_in_progress", **MODEL) == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"nonsense",
        lambda data: bytes(len(data)),
        lambda data: data[:4],
    ],
    ids=["empty", "nonsense", "zeros", "four bytes"],
)
def test_an_unreadable_slot(serve: "Serve", production: dict[str, Any], damage: Any) -> None:
    """One bad file is counted, and hides no other."""
    service = serve(predict, config=production)
    service.post()
    whole = (slot_files(service) / f"{service.runtime.slot.number}{CELLS}").read_bytes()
    (slot_files(service) / f"9{CELLS}").write_bytes(damage(whole))
    families = scrape(service)

    assert value(families, "mlmonitor_unreadable_slots") == 1
    assert value(families, "mlmonitor_workers") == 1
    assert value(families, "ml_predictions_total", **MODEL, status="success") == 1


def test_a_slot_that_is_a_folder(serve: "Serve", production: dict[str, Any]) -> None:
    """Whatever lies there."""
    service = serve(predict, config=production)
    service.post()
    (slot_files(service) / f"9{CELLS}").mkdir()

    assert value(scrape(service), "mlmonitor_unreadable_slots") == 1


def test_every_truncation_and_many_flipped_bits(serve: "Serve", production: dict[str, Any]) -> None:
    """A damaged file may show wrong counts of its own, but never breaks a scrape."""
    service = serve(predict, config={**production, "MLMONITOR_LATENCY_BUCKETS": [0.5]})
    service.post()
    whole = (slot_files(service) / f"{service.runtime.slot.number}{CELLS}").read_bytes()
    bad = slot_files(service) / f"9{CELLS}"
    damaged = [
        *(whole[:length] for length in range(0, len(whole), 23)),
        *(flipped(whole, 8 * place + place % 8) for place in range(0, len(whole), 7)),
    ]
    for data in damaged:
        bad.write_bytes(data)
        found = samples(scrape(service))
        assert ("ml_requests_per_second", frozenset(MODEL.items())) in found


def flipped(data: bytes, bit: int) -> bytes:
    """Return *data* with one bit turned round."""
    turned = bytearray(data)
    turned[bit // 8] ^= 1 << bit % 8
    return bytes(turned)


def test_while_the_store_is_down(serve: "Serve", production: dict[str, Any]) -> None:
    """Counts are exact, the journal's size is there, results are absent; it is no fault of ours."""
    service = serve(predict, config=production)
    key = service.post().headers["X-Prediction-ID"]
    assert service.flush()
    with service.app.app_context():
        service.monitor.record_ground_truth(key, 1)
    assert value(scrape(service), "ml_ground_truth_coverage_ratio", **MODEL) == 1
    path = Path(service.runtime.database.name)
    service.runtime.database.close()
    away = path.with_suffix(".away")
    path.rename(away)
    path.mkdir()
    service.post()
    families = scrape(service)

    assert value(families, "ml_predictions_total", **MODEL, status="success") == 2
    assert value(families, "mlmonitor_journal_bytes") > 0
    assert families["mlmonitor_drain_lag_seconds"].samples == []
    assert families["ml_ground_truth_coverage_ratio"].samples == []
    assert service.tally() == {"predictions success": 2, "timed": 2}
    path.rmdir()
    away.rename(path)
    assert value(scrape(service), "ml_ground_truth_coverage_ratio", **MODEL) == 1


def test_what_waits_in_the_journal(serve: "Serve", production: dict[str, Any]) -> None:
    """Its bytes and its age, until it is in the store."""
    service = serve(predict, config=production)
    assert value(scrape(service), "mlmonitor_journal_bytes") == 0
    service.post()
    families = scrape(service)
    assert value(families, "mlmonitor_journal_bytes") > 0
    assert 0 < value(families, "mlmonitor_drain_lag_seconds") < 60
    assert service.flush()

    families = scrape(service)
    assert value(families, "mlmonitor_journal_bytes") == 0
    assert value(families, "mlmonitor_drain_lag_seconds") == 0


def test_a_baseline_that_is_gone(
    make_service: "MakeService", baseline: Baseline, tmp_path: Path
) -> None:
    """After the start its file is nobody's condition: its age is absent, and all else is there."""
    path = tmp_path / "baseline.json"
    baseline.save(path)
    service = make_service()
    options: dict[str, Any] = {"version": "2", "baseline": path}
    service.app.post("/predict")(service.monitor.prediction("fraud", **options)(predict))
    assert value(scrape(service), "ml_model_age_seconds", **MODEL) >= 0
    path.unlink()
    service.post({"age": 41})

    families = scrape(service)
    assert "ml_model_age_seconds" not in families
    assert value(families, "ml_predictions_total", **MODEL, status="success") == 1
