"""Two hosts and one PostgreSQL database: the same totals as one host, whoever dies when."""

import json
import threading
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.server.books import read_store, scrape_all, settle, sum_of
from tests.server.killing import Campaign
from tests.server.serving import Gunicorn

WORKERS, THREADS = 2, 2
PREDICTIONS = 800
EVERY = 200
KIND = ("--worker-class", "gthread", "--threads", str(THREADS), "--max-requests", "150")
TRUTH = 25
"""How much ground truth is sent to each host: for predictions that the other one made."""


def send_truth(server: Gunicorn, ids: list[str]) -> dict[str, int]:
    """Report ground truth; return what became of it."""
    body = json.dumps([{"prediction_id": key, "value": True} for key in ids]).encode()
    with server.caller() as caller:
        answer = caller.call("POST", "/mlmonitor/ground-truth", body)
    assert answer is not None
    assert answer.status == 200
    summary = json.loads(answer.body)
    return {name: summary[name] for name in ("accepted", "updated", "pending")}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_hosts_are_as_exact_as_one(
    tmp_path: Path, baseline: bytes, postgres: Postgres, postgres_url: str
) -> None:
    """Workers of both are killed and the server crashes; ground truth goes to the wrong host."""
    settings = {"MLMONITOR_STORE_URL": postgres_url, "DEBUG": True}
    hosts = []
    for name in ("east", "west"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "baseline.json").write_bytes(baseline)
        hosts.append(Gunicorn(folder, *KIND, workers=WORKERS, settings=settings))
    with hosts[0], hosts[1]:
        campaigns = [Campaign(host, PREDICTIONS, EVERY, seed=n) for n, host in enumerate(hosts)]
        running = [threading.Thread(target=campaign.run) for campaign in campaigns]
        for one in running:
            one.start()
        while min(len(campaign.ids) for campaign in campaigns) < PREDICTIONS // 2:
            running[0].join(0.02)
        postgres.stop(immediately=True)
        postgres.start()
        for one in running:
            one.join()
        for host in hosts:
            settle(host)

        ids = [campaign.ids for campaign in campaigns]
        assert [len(of_host) >= PREDICTIONS for of_host in ids] == [True, True]
        stored = read_store(postgres_url)
        assert {*ids[0], *ids[1]} <= set(stored.ids)
        assert len(stored.ids) == len(set(stored.ids)) == stored.in_rollups == stored.in_totals
        lost = THREADS * sum(campaign.kills for campaign in campaigns)
        assert len(stored.ids) <= len(ids[0]) + len(ids[1]) + lost

        for host, of_host in zip(hosts, ids, strict=True):
            (counted,) = set().union(*scrape_all(host, "ml_predictions_total").values())
            assert len(of_host) <= counted < len(stored.ids), "each host counts its own"

        for host, of_other in zip(hosts, reversed(ids), strict=True):
            found = send_truth(host, of_other[:TRUTH])
            assert found == {"accepted": TRUTH, "updated": 0, "pending": 0}
        coverage = {
            sum_of(host.get("/metrics"), "ml_ground_truth_coverage_ratio") for host in hosts
        }
        assert coverage == {2 * TRUTH / len(stored.ids)}
