"""What a time limit and a circuit breaker cost a request, and why pybreaker only keeps the state.

``python -m tests.benchmarks.calls``
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from flask import Flask
from pybreaker import CircuitBreaker

from flask_mlmonitor import MLMonitor
from flask_mlmonitor._app import current_state
from tests.benchmarks.measuring import cpu_of, interleaved, machine, print_table

PLAIN: Final = "neither"
OPEN: Final = "a fallback, and its circuit is open"
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    PLAIN: {},
    "a fallback, and so a breaker": {"fallback": lambda: {"prediction": 0}},
    "timeout=5": {"timeout": 5},
    "both": {"timeout": 5, "fallback": lambda: {"prediction": 0}},
    OPEN: {"fallback": lambda: {"prediction": 0}},
}
THREADS: Final = 8
SECONDS: Final = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what each variant costs, and how long calls wait for one another."""
    parser = argparse.ArgumentParser(prog="calls", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="in a round of a variant")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args(arguments)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        app = Flask(__name__, instance_path=folder)
        app.config["MLMONITOR_BACKGROUND"] = "external"
        monitor = MLMonitor(app)
        work = _work(app, monitor)
        _costs(work, options.requests, options.rounds)
        _waits(work["slow"])
        with app.app_context():
            current_state().runtime.close()
    return 0


def _work(app: Flask, monitor: MLMonitor) -> dict[str, Callable[[], object]]:
    work: dict[str, Callable[[], object]] = {}
    for number, (name, options) in enumerate(VARIANTS.items()):
        view = _fail if name == OPEN else _answer
        decorated = monitor.prediction(f"model-{number}", **options)(view)
        app.add_url_rule(f"/{number}", name, decorated, methods=["POST"])
        work[name] = partial(_ask, app, f"/{number}")
    slow = monitor.prediction("slow", fallback=_answer)(_answer_slowly)
    app.add_url_rule("/slow", "slow", slow, methods=["POST"])
    return {**work, "slow": partial(_ask, app, "/slow")}


def _ask(app: Flask, path: str) -> None:
    with app.test_request_context(path, method="POST", json={"age": 41}):
        app.full_dispatch_request()


def _answer() -> Any:
    return {"prediction": 1}


def _answer_slowly() -> Any:
    time.sleep(SECONDS)
    return {"prediction": 1}


def _fail() -> Any:
    raise ValueError("a model that is dead")


def _costs(work: dict[str, Callable[[], object]], requests: int, rounds: int) -> None:
    cpu = interleaved({name: partial(cpu_of, work[name], requests) for name in VARIANTS}, rounds)
    wall = interleaved({name: partial(_wall, work[name], requests) for name in VARIANTS}, rounds)
    rows = [
        (name, (cpu[name] - cpu[PLAIN]) * 1e6, (wall[name] - wall[PLAIN]) * 1e6)
        for name in VARIANTS
        if name != PLAIN
    ]
    print_table("added to a request", ("a view with", "us of CPU", "us"), rows)


def _wall(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def _waits(slow: Callable[[], object]) -> None:
    rows = [
        ("CircuitBreaker.call of pybreaker", _at_once(partial(CircuitBreaker().call, slow))),
        ("flask-mlmonitor", _at_once(slow)),
    ]
    title = f"{THREADS} threads that call a view of {SECONDS * 1000:.0f} ms at once"
    print_table(title, ("through", "ms until all have answered"), rows)


def _at_once(work: Callable[[], object]) -> float:
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
