"""What measured performance costs, how near the area is, and how often intervals hold the truth.

``python -m tests.benchmarks.measured``
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn import metrics

from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.cells.columns import Floats
from flask_mlmonitor.stats.performance.measuring import measure
from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums
from tests.benchmarks.measuring import cpu_of, machine, print_table

SEED: Final = 20261126
CLASSES: Final = "abcdefghij"
SCORES: Final[Mapping[str, Callable[[np.random.Generator, int], Floats]]] = {
    "beta(1, 2)": lambda rng, n: rng.beta(1, 2, n),
    "rare: beta(1/2, 60)": lambda rng, n: rng.beta(0.5, 60, n),
    "sure: logit normal(0, 12)": lambda rng, n: 1 / (1 + np.exp(-rng.normal(0, 12, n))),
}
SHARES: Final = {
    "two classes, even": [[0.43, 0.07], [0.08, 0.42]],
    "two classes, one of 5 %": [[0.93, 0.02], [0.02, 0.03]],
    "three classes": [[0.31, 0.03, 0.02], [0.05, 0.24, 0.05], [0.02, 0.03, 0.25]],
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the costs, the errors of the area, and the coverage."""
    parser = argparse.ArgumentParser(prog="measured", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="of an hour")
    parser.add_argument("--hours", type=int, default=720, help="of a window")
    parser.add_argument("--rounds", type=int, default=9, help="of which the fastest counts")
    parser.add_argument("--samples", type=int, default=1000, help="for each interval")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(SEED)
    print(machine())
    print_costs(rng, options)
    print_areas(rng, options.samples // 20)
    print_coverage(rng, options.samples)
    return 0


def print_costs(rng: np.random.Generator, options: argparse.Namespace) -> None:
    """Print CPU and bytes for each kind of model."""
    kinds = {"two classes": two, "ten classes": ten, "a regression": numbers}
    rows = []
    for name, draw in kinds.items():
        layout, predictions = draw(rng, options.rows)
        sums = TruthSums.of(layout, predictions)
        hours = [sums.pack()] * options.hours

        works = (
            partial(TruthSums.of, layout, predictions),
            partial(TruthSums.add_up, layout, hours),
            partial(measure, sums),
        )
        count, add, figures = (
            1000 * min(cpu_of(work) for _ in range(options.rounds)) for work in works
        )
        rows.append([name, count, len(hours[0]), add, figures])
    heads = ["", f"count {options.rows:,} rows, ms", "bytes", f"add {options.hours} hours, ms"]
    print_table("CPU, the fastest of each", [*heads, "measure, ms"], rows)


def two(rng: np.random.Generator, n: int) -> tuple[TruthLayout, list[TruthRow]]:
    """Return predictions of one of two classes."""
    p = rng.beta(1, 2, n)
    true = rng.random(n) < p
    columns = (p > 0.5).tolist(), p.tolist(), true.tolist(), [3600.0] * n
    return layout_of([False, True]), list(map(TruthRow, *columns))


def ten(rng: np.random.Generator, n: int) -> tuple[TruthLayout, list[TruthRow]]:
    """Return predictions of one of ten classes."""
    p = rng.dirichlet([0.3] * len(CLASSES), n)
    true = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    names = ([CLASSES[place] for place in places] for places in (p.argmax(axis=1), true))
    predictions, truths = names
    rows = map(TruthRow, predictions, p.tolist(), truths, [3600.0] * n)
    return layout_of(list(CLASSES)), list(rows)


def numbers(rng: np.random.Generator, n: int) -> tuple[TruthLayout, list[TruthRow]]:
    """Return predictions of a number."""
    true = rng.normal(100, 10, n)
    rows = map(TruthRow, (true + rng.normal(size=n)).tolist(), [None] * n, true.tolist(), [1.0] * n)
    return layout_of(rng.normal(100, 10, 1000)), list(rows)


def layout_of(target: Any) -> TruthLayout:
    """Return the layout of a model with such a target."""
    frame = pd.DataFrame({"x": range(len(target))})
    return TruthLayout.of(Baseline.from_dataframe(frame, target=target), None)


def print_areas(rng: np.random.Generator, samples: int) -> None:
    """Print how far ROC-AUC is at most from scikit-learn's."""
    sizes = [30, 300, 3000, 30_000]
    rows = []
    for name, draw in SCORES.items():
        worst = [max(_miss(rng, draw(rng, n)) for _ in range(max(samples, 1))) for n in sizes]
        rows.append([name, *(f"{miss:.1e}" for miss in worst)])
    heads = ["scores", *(f"{n:,} rows" for n in sizes)]
    print_table(f"ROC-AUC: the largest distance of {samples} samples", heads, rows)


def _miss(rng: np.random.Generator, p: Floats) -> float:
    true = rng.random(len(p)) < p
    true[:2] = True, False
    rows = map(TruthRow, true.tolist(), p.tolist(), true.tolist(), [0.0] * len(p))
    found = measure(TruthSums.of(layout_of([False, True]), rows)).figures["roc_auc"]
    return abs(found - float(metrics.roc_auc_score(true, p)))


def print_coverage(rng: np.random.Generator, samples: int) -> None:
    """Print the share of samples whose interval holds the true figure."""
    rows = []
    for name, shares in SHARES.items():
        for n in (12, 100, 1000):
            rows.append([name, n, *_held_labels(rng, np.array(shares), n, samples)])
    heads = ["", "rows", "accuracy", "precision", "F1"]
    print_table("95 % intervals that hold the true figure", heads, rows)
    rows = []
    for name, draw in list(SCORES.items())[:2]:
        for n in (100, 1000):
            rows.append([name, n, *_held_scores(rng, draw, n, samples)])
    print_table("of probabilities", ["scores", "rows", "ROC-AUC", "log loss", "Brier"], rows)


def _held_labels(rng: np.random.Generator, shares: Floats, n: int, samples: int) -> list[str]:
    size = len(shares)
    true, predicted = (side.ravel().tolist() for side in np.indices((size, size)))
    precision, _, f1, _ = metrics.precision_recall_fscore_support(
        true, predicted, average="weighted", sample_weight=shares.ravel()
    )
    figures = {"accuracy": float(np.trace(shares)), "precision": precision, "f1_score": f1}

    def draw() -> TruthSums:
        drawn = rng.choice(size * size, n, p=shares.ravel()).tolist()
        rows = [TruthRow(predicted[place], None, true[place], 0.0) for place in drawn]
        return TruthSums.of(TruthLayout(task="classification"), rows)

    return _held(figures, draw, samples)


def _held_scores(
    rng: np.random.Generator, scores: Callable[..., Floats], n: int, samples: int
) -> list[str]:
    many = scores(rng, 200_000)
    loss = -(many * np.log(many) + (1 - many) * np.log1p(-many)).mean()
    area = metrics.roc_auc_score(rng.random(len(many)) < many, many)
    brier = (many * (1 - many)).mean()
    layout = layout_of([False, True])

    def draw() -> TruthSums:
        p = scores(rng, n)
        true = (rng.random(n) < p).tolist()
        return TruthSums.of(layout, map(TruthRow, true, p.tolist(), true, [0.0] * n))

    return _held({"roc_auc": area, "log_loss": loss, "brier_score": brier}, draw, samples)


def _held(figures: Mapping[str, float], draw: Callable[[], TruthSums], samples: int) -> list[str]:
    held, given = dict.fromkeys(figures, 0), dict.fromkeys(figures, 0)
    for _ in range(samples):
        intervals = measure(draw()).intervals
        for name in figures.keys() & intervals.keys():
            low, high = intervals[name]
            given[name] += 1
            held[name] += low <= figures[name] <= high
    return [f"{held[name] / given[name]:.1%}" if given[name] else "not given" for name in figures]


if __name__ == "__main__":
    raise SystemExit(main())
