"""How the benchmarks measure and print."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median


def machine() -> str:
    """Say what the numbers were measured on, and how busy it was.

    A benchmark loads one core itself: a load above 1 means that others were working too.
    """
    load = os.getloadavg()[0]
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}"


def interleaved(
    measures: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: bool = True
) -> dict[str, float]:
    """Return the median of each measure; they take turns, so that a busy moment meets all."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    if warm_up:
        for measure in measures.values():
            measure()
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: median(values) for name, values in found.items()}


def cpu_of(work: Callable[[], object], times: int = 1) -> float:
    """Return the seconds of CPU that this process takes for one of *times* calls."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print aligned columns; floats with three significant digits at least."""
    texts = [[str(head) for head in heads], *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(heads))]
    print(f"\n{title}")
    for number, row in enumerate(texts):
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        print("  " + "  ".join(cells).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def _text(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
