"""What redaction, hashing and sampling add to a prediction of 10 features, and to each of them.

Predictions are recorded by hand, which takes the same way as those of a request, without Flask.

``python -m tests.benchmarks.privacy``
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from flask import Flask

from flask_mlmonitor import MLMonitor
from tests.benchmarks.measuring import cpu_of, interleaved, machine, print_table
from tests.server import traffic

NAMES: Final = (*traffic.NUMBERS, *traffic.CATEGORIES)
KEY: Final = {"MLMONITOR_HASH_KEY": "key"}
PLAIN: Final = "as it is"
VARIANTS: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    PLAIN: (0, {}),
    "redact 1": (1, {"MLMONITOR_REDACT": NAMES[:1]}),
    "redact 10": (10, {"MLMONITOR_REDACT": NAMES}),
    "hash 1": (1, {"MLMONITOR_HASH": NAMES[:1], **KEY}),
    "hash 10": (10, {"MLMONITOR_HASH": NAMES, **KEY}),
    "store a half": (0, {"MLMONITOR_SAMPLE_RATE": 0.5}),
}
"""How many features are private, and by which configuration."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what each variant costs."""
    parser = argparse.ArgumentParser(prog="privacy", description=__doc__)
    parser.add_argument("--predictions", type=int, default=5000, help="in a round of a variant")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    print(machine())
    payloads = traffic.payloads(100)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        measures = {}
        for number, (name, (_, config)) in enumerate(VARIANTS.items()):
            monitor = _monitor(stack, Path(folder, str(number)), config)
            measures[name] = partial(_measure, monitor, payloads, options.predictions)
        costs = interleaved(measures, options.rounds)
    _print({name: seconds / options.predictions * 1e6 for name, seconds in costs.items()})
    return 0


def _monitor(stack: ExitStack, folder: Path, config: dict[str, Any]) -> tuple[Flask, MLMonitor]:
    app = Flask(__name__, instance_path=str(folder))
    app.config.from_mapping({"MLMONITOR_BACKGROUND": "external", **config})
    monitor = MLMonitor(app)
    monitor.register("fraud", baseline=traffic.baseline())
    with app.app_context():
        monitor.record_prediction("fraud", {}, True)
    stack.callback(app.extensions["mlmonitor"].runtime.close)
    return app, monitor


def _measure(service: tuple[Flask, MLMonitor], payloads: Sequence[Any], number: int) -> float:
    app, monitor = service

    def work() -> None:
        for place in range(number):
            features = payloads[place % len(payloads)]
            monitor.record_prediction("fraud", features, True, probability=0.75, latency=0.001)

    with app.app_context():
        return cpu_of(work)


def _print(costs: dict[str, float]) -> None:
    rows = []
    for name, cost in costs.items():
        added, private = cost - costs[PLAIN], VARIANTS[name][0]
        rows.append((name, cost, added, added / private if private else ""))
    print_table("medians per prediction", ("", "us of CPU", "added", "for each feature"), rows)


if __name__ == "__main__":
    raise SystemExit(main())
