"""A store that is away while a real server answers: requests notice nothing, all else tells."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.postgres import Postgres
from tests.server.books import read_store, settle, sum_of
from tests.server.conftest import Serve
from tests.server.outages import Store, postgresql, sqlite
from tests.server.serving import LOG, Gunicorn, wait_until
from tests.server.steady import SteadyLoad

TOKEN = "s=cret"
BEGAN, ENDED = "The store cannot be used", "The drain works again"


@pytest.fixture(params=["sqlite locked", "sqlite moved", "postgresql stopped", "postgresql silent"])
def store(request: pytest.FixtureRequest, folder: Any) -> Store:
    """A store, and what will befall it."""
    database, trouble = request.param.split()
    if database == "sqlite":
        return sqlite(folder, trouble)
    server: Postgres = request.getfixturevalue("postgres")
    return postgresql(server, trouble)


def ask(server: Gunicorn, path: str, body: bytes | None = None) -> tuple[int, str, dict[str, str]]:
    """Ask as somebody who may know everything."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{server.port}{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


@pytest.mark.slow
def test_a_store_that_is_away(serve: Serve, store: Store) -> None:
    """No request fails, ground truth is refused, each says why; then every prediction is there."""
    settings = {"MLMONITOR_STORE_URL": store.url, "MLMONITOR_API_TOKEN": TOKEN}
    threads = ("--worker-class", "gthread", "--threads", "3")
    server = serve(*threads, workers=2, settings=settings)

    def said(text: str) -> int:
        return (server.folder / LOG).read_text(errors="replace").count(text)

    def sick() -> bool:
        status, detail, _ = ask(server, "/mlmonitor/health")
        return status == 503 and "store" in detail

    def is_up(wanted: float) -> Callable[[], bool]:
        return lambda: sum_of(server.get("/metrics"), "mlmonitor_store_up") == wanted

    with SteadyLoad(server, 40) as load:
        wait_until(lambda: len(read_store(store.url).ids) > 20, "predictions in the store")
        truth = json.dumps({"prediction_id": load.ids[0], "value": True}).encode()
        asked = set[int]()

        def both_know_it() -> bool:
            asked.add(server.get("/metrics").worker)
            return len(asked) == 2

        wait_until(both_know_it, "a store that each worker has asked for")
        with store.away():
            wait_until(sick, "the health to name the store")
            wait_until(is_up(0), "the metric to be 0")
            wait_until(lambda: said(BEGAN) > 0, "a line in the log", 60)
            status, _, headers = ask(server, "/mlmonitor/ground-truth", truth)
            assert (status, headers["Retry-After"]) == (503, "5")
            assert b"ml_ground_truth_coverage_ratio{" not in server.get("/metrics").body or (
                "locked" in ask(server, "/mlmonitor/health")[1]  # which can still be read
            )
        wait_until(is_up(1), "the metric to be 1", 90)
    settle(server)

    assert load.failures == []
    stored = read_store(store.url)
    assert sorted(stored.ids) == sorted(load.ids)
    assert stored.in_rollups == stored.in_totals == len(load.ids)
    assert ask(server, "/mlmonitor/ground-truth", truth)[0] == 200
    wait_until(lambda: ask(server, "/mlmonitor/health")[0] == 200, "every worker to be well")
    assert said(BEGAN) == said(ENDED) == 1
