"""What a request pays: the CPU that monitoring adds to a view that reads JSON and answers.

Everything is on: validation of 10 features, timing, counting, recording, ids in the headers. Each
variant has a process of its own; they take turns. The variant with the drain pays in the same
process for moving its predictions to the store, which an elected process or
``flask mlmonitor worker`` does otherwise.

``python -m tests.benchmarks.request_path``
"""

import argparse
import io
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from flask import Flask, jsonify, request
from werkzeug.test import create_environ

from tests.benchmarks.measuring import cpu_of, interleaved, machine, print_table
from tests.benchmarks.peers import PEERS, PFE, missing_peers
from tests.server import traffic

BARE: Final = "bare view"
OURS: Final = "flask-mlmonitor"
OURS_DRAINED: Final = "  the same, and the drain"
VARIANTS: Final = (BARE, *PEERS, OURS, OURS_DRAINED)
ANSWERS: Final = ("dict", "jsonify")

_work: Callable[[], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what each variant costs."""
    parser = argparse.ArgumentParser(prog="request_path", description=__doc__)
    parser.add_argument("--requests", type=int, default=1500, help="in a round of a variant")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    print(machine(), missing_peers(), sep="\n")
    with tempfile.TemporaryDirectory() as folder:
        baseline = Path(folder, "baseline.json")
        traffic.baseline().save(baseline)
        for answer in ANSWERS:
            _print(answer, _medians(baseline, answer, options.requests, options.rounds))
    return 0


def _medians(baseline: Path, answer: str, requests: int, rounds: int) -> dict[str, float]:
    with ExitStack() as stack:
        measures = {}
        for number, variant in enumerate(VARIANTS):
            folder = baseline.parent / f"{answer}-{number}"
            folder.mkdir()
            pool = ProcessPoolExecutor(
                1,
                mp_context=get_context("spawn"),
                initializer=_prepare,
                initargs=(variant, answer, folder, baseline, requests),
            )
            stack.enter_context(pool)
            measures[variant] = partial(_ask, pool)
        return {
            name: seconds / requests * 1e6
            for name, seconds in interleaved(measures, rounds).items()
        }


def _ask(pool: ProcessPoolExecutor) -> float:
    return pool.submit(_measure).result()


def _print(answer: str, medians: dict[str, float]) -> None:
    exporter = medians[PFE] - medians[BARE]
    rows: list[tuple[str, float, Any, Any]] = []
    for name, cost in medians.items():
        added = cost - medians[BARE]
        rows.append((name, cost, added, added / exporter) if added else (name, cost, "", ""))
    heads = (f"a view that returns {answer}", "us of CPU", "added", "added / PFE's")
    print_table("medians per request", heads, rows)


def _prepare(variant: str, answer: str, folder: Path, baseline: Path, requests: int) -> None:
    """Make this process's app and the work of one round."""
    global _work
    app = Flask(__name__, instance_path=str(folder))
    app.config["MLMONITOR_BACKGROUND"] = "external"
    view = _view(answer)
    after: Callable[[], object] = int
    if variant in (OURS, OURS_DRAINED):
        from flask_mlmonitor import MLMonitor

        monitor = MLMonitor(app)
        view = monitor.prediction("fraud", baseline=baseline)(view)
        if variant == OURS_DRAINED:
            after = partial(_flush, app, monitor)
    app.add_url_rule("/predict", view_func=view, methods=["POST"])
    if variant in PEERS:
        after = PEERS[variant](app, folder)
    _work = partial(_round, app, requests, after)


def _view(answer: str) -> Callable[[], Any]:
    def predict() -> Any:
        request.get_json()
        if answer == "jsonify":
            return jsonify(prediction=True, probability=0.75)
        return {"prediction": True, "probability": 0.75}

    return predict


def _round(app: Flask, requests: int, after: Callable[[], object]) -> None:
    environ = create_environ("/predict", method="POST", content_type="application/json")
    environ["REMOTE_ADDR"] = "127.0.0.1"
    for _, body in zip(range(requests), cycle(_BODIES), strict=False):
        _call(app, environ, body)
    after()


_BODIES: Final = traffic.bodies(100)


def _call(app: Flask, environ: dict[str, Any], body: bytes) -> None:
    own = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    answer = app(own, lambda status, headers, *_: _check(status))  # type: ignore[arg-type]
    b"".join(answer)
    answer.close()  # type: ignore[attr-defined]


def _check(status: str) -> None:
    if status != "200 OK":
        raise AssertionError(status)


def _flush(app: Flask, monitor: Any) -> None:
    with app.app_context():
        monitor.flush()


def _measure() -> float:
    """Return the CPU seconds of one round; runs in the variant's process."""
    return cpu_of(_work)


if __name__ == "__main__":
    raise SystemExit(main())
