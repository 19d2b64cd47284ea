"""How large the page is, and how long it takes: `python -m tests.benchmarks.page`."""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.measuring import machine, print_table
from tests.conftest import Service
from tests.web.shop import BEARER, open_shop

HEADS: Final = ("route", "bytes", "with files", "ms, median", "ms, most")
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
        rows = [row(service, path, times) for path in PATHS]
        service.close()
    print_table("the page and the JSON behind it", HEADS, rows)
    return 0


def row(service: Service, path: str, times: int) -> tuple[str | float, ...]:
    """Ask for a route some times."""
    url, taken = f"/mlmonitor/{path}", []
    for _ in range(times):
        began = time.perf_counter()
        answer = service.client.get(url, headers=BEARER)
        taken.append(1000 * (time.perf_counter() - began))
    files = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', answer.text)
    own = len(answer.data)
    others = (service.client.get(file, headers=BEARER, buffered=True).data for file in files)
    return url, own, own + sum(map(len, others)), statistics.median(taken), max(taken)


if __name__ == "__main__":
    raise SystemExit(main())
