"""Views that are given up under a real server, with requests of others on the same connection."""

import json

from tests.server.books import sum_of
from tests.server.conftest import Serve
from tests.server.serving import Gunicorn, wait_until

BODY = json.dumps({"text": "x" * 100_000}).encode()
THREADS = ("--worker-class", "gthread", "--threads", "4")
HANGING = 1000.0


def ask(server: Gunicorn, *seconds: float) -> list[object]:
    """Ask a view that takes so long, and another one after each, over one connection."""
    predictions = []
    with server.caller() as caller:
        for one in seconds:
            late = caller.call("POST", f"/late/{one}", BODY)
            between = caller.call("POST", "/predict", b"{}")
            assert late is not None
            assert between is not None
            assert (late.status, between.status) == (200, 200)
            predictions.append(json.loads(late.body)["prediction"])
    return predictions


def test_a_view_that_is_given_up_disturbs_nobody(serve: Serve) -> None:
    """Its request is answered by the fallback, the next ones as ever; all are counted once."""
    server = serve(*THREADS, workers=1)

    def count(name: str) -> float:
        return sum_of(server.get("/metrics"), name)

    assert ask(server, 0.0, 0.8, 0.0, 0.8) == [len(BODY), 0.8, len(BODY), 0.8]
    wait_until(lambda: not count("ml_abandoned_calls_in_progress"), "the end of what was given up")
    assert count("ml_abandoned_calls_total") == 2
    assert count("ml_fallback_total") == 2
    assert count("ml_predictions_total") == 8


def test_hanging_views_do_not_keep_a_server_from_stopping(serve: Serve) -> None:
    """With an open circuit in each worker, made after the fork of a preloaded app."""
    server = serve("--preload", *THREADS, workers=2)

    assert ask(server, *[HANGING] * 7) == [HANGING] * 7
    assert sum_of(server.get("/metrics"), "ml_circuit_open") == 1
    server.stop()
