"""How large the page is, and how long it takes: `python -m tests.benchmarks.page`."""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.measuring import machine
from tests.conftest import Service
from tests.web.shop import BEARER, open_shop

PATHS: Final = (
    *("", "models/fraud/2", "api/models", "api/alerts", "api/openapi.json"),
    *(f"api/models/fraud/2/{what}" for what in ("drift", "performance", "quality", "history")),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each route."""
    parser = argparse.ArgumentParser(prog="page", description=__doc__)
    parser.add_argument("--times", type=int, default=30)
    times = parser.parse_args(arguments).times
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        service = open_shop(Path(folder))
        print(f"{'route':<44}{'bytes':>9}{'with files':>12}{'ms, median':>12}{'ms, most':>10}")
        for path in PATHS:
            print(line(service, path, times))
        service.close()
    return 0


def line(service: Service, path: str, times: int) -> str:
    """Ask for a route some times."""
    url, taken = f"/mlmonitor/{path}", []
    for _ in range(times):
        began = time.perf_counter()
        answer = service.client.get(url, headers=BEARER)
        taken.append(1000 * (time.perf_counter() - began))
    files = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', answer.text)
    whole = len(answer.data) + sum(
        len(service.client.get(file, headers=BEARER, buffered=True).data) for file in files
    )
    sizes = f"{len(answer.data):9,}{whole:12,}"
    return f"{url:<44}{sizes}{statistics.median(taken):12.1f}{max(taken):10.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
