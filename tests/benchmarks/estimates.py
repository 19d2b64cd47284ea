"""How near estimates come to what is measured later.

Windows of 5,000 rows are estimated from their scores and then measured with their truth: beside
them stand the scores as they are, and the baseline's figure, as if nothing ever changed. Flights
are real: the models were trained on January, and the baseline is made of flights that they have
not seen. In the other data each window prefers another part of the inputs, and some scores are far
too sure of themselves. Baselines differ by chance, and the windows of one share its luck, so
there are many baselines with few windows each. Where the data are made up, the floor is known: the
error of somebody who knows the true chance of every row.

``python -m tests.benchmarks.estimates``; with ``--nannyml`` its estimates stand beside ours, which
needs a network for two minutes.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.naive_bayes import GaussianNB

from example_service.data import between, read_flights, rows
from example_service.model import LATE, NUMBERS
from example_service.training import fit
from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.scores import Scores, score_places
from flask_mlmonitor.stats.performance.estimates import Calibration, estimate
from tests.benchmarks.detectors import ALONE, PROGRAMS, made
from tests.benchmarks.measuring import machine, print_table

Array = npt.NDArray[Any]

SEED: Final = 2013
WINDOW: Final = 5000
REFERENCE: Final = 20_000
INPUTS: Final = 12
FIGURES: Final = ("accuracy", "f1_score")

Data = Callable[[np.random.Generator, int], tuple["Scored", list["Scored"]]]


class Scored(NamedTuple):
    """Rows with scores, one column for each class, and the place of the true class.

    :param chances: how probable each class truly is; ``None`` where nobody knows.
    """

    p: Array
    true: Array
    chances: Array | None = None

    @property
    def predicted(self) -> Array:
        """The place of the likeliest class."""
        places: Array = self.p.argmax(1)
        return places

    def part(self, places: Array | slice) -> "Scored":
        """Return some of the rows."""
        chances = None if self.chances is None else self.chances[places]
        return Scored(self.p[places], self.true[places], chances)

    def baseline(self) -> Baseline:
        """Return the baseline of these rows."""
        return Baseline.from_dataframe(
            pd.DataFrame({"x": np.arange(len(self.true))}),
            target=self.true,
            predictions=self.predicted,
            probabilities=self.p,
        )

    def scores(self) -> dict[str, Scores]:
        """Count them as a rollup does."""
        found = {}
        for place in range(self.p.shape[1]) if self.p.shape[1] > 2 else (1,):
            cells, own = score_places(self.p[:, place]), self.predicted == place
            sides = (
                np.bincount(cells[side], minlength=Binning.SCORE_CELLS) for side in (~own, own)
            )
            found[str(place)] = Scores(*(tuple(side.tolist()) for side in sides))
        return found

    def measured(self) -> dict[str, float]:
        """Return what scikit-learn says."""
        f1 = f1_score(self.true, self.predicted, average="weighted")
        return {"accuracy": accuracy_score(self.true, self.predicted), "f1_score": f1}

    def floor(self) -> float:
        """Return by how much accuracy differs from what the true chances lead to expect."""
        if self.chances is None:
            return np.nan
        right = self.chances[np.arange(len(self.true)), self.predicted]
        return abs(float(right.mean() - (self.true == self.predicted).mean()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="estimates", description=__doc__)
    parser.add_argument("--windows", type=int, default=4, help="of each baseline")
    parser.add_argument("--seeds", type=int, default=50, help="baselines of each kind of data")
    parser.add_argument("--nannyml", action="store_true", help="in an environment made for it")
    options = parser.parse_args(arguments)
    print(machine(), flush=True)
    with TemporaryDirectory() as folder:
        peer = made(Path(folder) / "nannyml", "nannyml") if options.nannyml else None
        _print_errors(options.windows, options.seeds, Path(folder), peer)
    return 0


def _print_errors(windows: int, seeds: int, folder: Path, peer: Path | None) -> None:
    """Print the mean absolute error of each way to estimate."""
    table: list[tuple[Any, ...]] = []
    for name, make in {**_of_flights(), **SYNTHETIC}.items():
        data = [make(np.random.default_rng((SEED, seed)), windows) for seed in range(seeds)]
        found = [_errors(reference, some) for reference, some in data]
        errors, covered = (np.concatenate(part) for part in zip(*found, strict=True))
        theirs = _errors_of_peer(peer, data, folder) if peer else "-"
        floor = float(np.mean([one.floor() for _, some in data for one in some]))
        figures = (*errors.mean(0).tolist(), *covered.mean(0).tolist())
        table.append((name, len(errors), "-" if np.isnan(floor) else floor, theirs, *figures))
    ways = ("estimated", "uncalibrated", "constant")
    heads = (f"{way}, {what}" for what in ("accuracy", "F1") for way in ways)
    covers = ("covered, accuracy", "covered, F1")
    title = f"mean absolute error in windows of {WINDOW:,}, and the share that the interval covers"
    print_table(
        title, ("", "windows", "floor, accuracy", "NannyML, accuracy", *heads, *covers), table
    )


def _errors(reference: Scored, windows: Sequence[Scored]) -> tuple[Array, Array]:
    """Return the errors, a row per window, and whether the interval holds the measured figure."""
    baseline = reference.baseline()
    calibration = Calibration.of(baseline)
    assert calibration is not None
    middles = (np.arange(Binning.SCORE_CELLS) + 0.5) / Binning.SCORE_CELLS
    plain = replace(calibration, chances=np.tile(middles, (len(calibration.classes), 1)))
    errors, covered = [], []
    for window in windows:
        counted, truth = window.scores(), window.measured()
        found, uncalibrated = estimate(counted, calibration), estimate(counted, plain)
        ways = (found.figures, uncalibrated.figures, baseline.performance)
        errors.append([abs(way[name] - truth[name]) for name in FIGURES for way in ways])
        ends = {name: found.intervals[name] for name in FIGURES}
        covered.append([low <= truth[name] <= high for name, (low, high) in ends.items()])
    return np.array(errors), np.array(covered)


def _errors_of_peer(
    environment: Path, data: Sequence[tuple[Scored, list[Scored]]], folder: Path
) -> float:
    """Return the mean absolute error of NannyML's accuracy."""
    for number, (reference, windows) in enumerate(data):
        parts = [reference, *windows]
        ends = np.cumsum([len(one.true) for one in parts])
        p, true = (np.concatenate([one[place] for one in parts]) for place in (0, 1))
        np.savez(folder / f"{number}.npz", p=p, true=true, ends=ends)
    done = subprocess.run(
        [
            environment / "bin" / "python",
            PROGRAMS / "estimates_by_nannyml.py",
            *(folder / f"{number}.npz" for number in range(len(data))),
        ],
        env={**os.environ, **ALONE},
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])["found"]
    truth = [[one.measured()["accuracy"] for one in windows] for _, windows in data]
    return float(np.abs(np.array(found) - np.array(truth)).mean())


def _of_flights() -> dict[str, Data]:
    """Return flights that the model has not seen, in their order and in none, and by another."""
    year = read_flights()
    year = year[year["outcome"].notna()]
    january = between(year, pd.Timestamp("2013-01-01"), pd.Timestamp("2013-02-01"))
    later = between(year, pd.Timestamp("2013-02-01"), pd.Timestamp("2014-01-01"))
    true = (later["outcome"] == LATE).to_numpy(int)
    ours = Scored(_pairs(np.array(fit(january).probabilities(rows(later)))), true)
    numbers = [
        one[list(NUMBERS)].fillna(january[list(NUMBERS)].median()) for one in (january, later)
    ]
    bayes = GaussianNB().fit(numbers[0], january["outcome"] == LATE)
    theirs = Scored(bayes.predict_proba(numbers[1]), true)
    return {
        "flights, in order of time": partial(_in_order, ours),
        "flights, shuffled": partial(_shuffled, ours),
        "flights by naive Bayes, shuffled": partial(_shuffled, theirs),
    }


def _pairs(p: Array) -> Array:
    return np.stack([1 - p, p], axis=1)


def _in_order(data: Scored, rng: np.random.Generator, windows: int) -> tuple[Scored, list[Scored]]:
    """Return a baseline of the first flights, and windows from all over the rest."""
    reference = data.part(np.sort(rng.choice(2 * REFERENCE, REFERENCE, replace=False)))
    starts = rng.integers(2 * REFERENCE, len(data.true) - WINDOW, windows)
    return reference, [data.part(slice(start, start + WINDOW)) for start in starts.tolist()]


def _shuffled(data: Scored, rng: np.random.Generator, windows: int) -> tuple[Scored, list[Scored]]:
    order = rng.permutation(len(data.true))
    kept = order[REFERENCE:]
    parts = [rng.choice(kept, WINDOW, replace=False) for _ in range(windows)]
    return data.part(order[:REFERENCE]), [data.part(one) for one in parts]


def _drifting(
    classes: int, sharpness: float, rng: np.random.Generator, windows: int
) -> tuple[Scored, list[Scored]]:
    """Return made-up data whose chances are known, and are what the scores distort."""
    x = rng.normal(size=(3 * REFERENCE, INPUTS))
    logits = x @ rng.normal(0, 0.8, (INPUTS, classes))
    p = _softmax(logits)
    true = (p.cumsum(1) > rng.random((len(p), 1))).argmax(1)
    return _preferring(x, Scored(_softmax(logits * sharpness), true, p), rng, windows)


def _misfitted(rng: np.random.Generator, windows: int) -> tuple[Scored, list[Scored]]:
    """Return made-up data of curved classes, scored by a model that only knows straight lines."""
    size = 3 * REFERENCE
    x, true = make_classification(
        n_samples=2 * size,
        n_features=INPUTS,
        n_informative=6,
        class_sep=0.8,
        random_state=int(rng.integers(2**31)),
    )
    model = LogisticRegression(max_iter=500).fit(x[:size], true[:size])
    return _preferring(x[size:], Scored(model.predict_proba(x[size:]), true[size:]), rng, windows)


def _preferring(
    x: Array, data: Scored, rng: np.random.Generator, windows: int
) -> tuple[Scored, list[Scored]]:
    """Let each window prefer another part of the inputs than the baseline does."""
    rest, found = data.part(slice(REFERENCE, None)), []
    for _ in range(windows):
        far, wide = rng.normal(0, 0.2, INPUTS), rng.normal(0, 0.1, INPUTS)
        weights = np.exp(np.clip(x[REFERENCE:] @ far + x[REFERENCE:] ** 2 @ wide, -5, 5))
        share = weights / weights.sum()
        found.append(rest.part(rng.choice(len(share), WINDOW, replace=False, p=share)))
    return data.part(slice(REFERENCE)), found


def _softmax(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(1, keepdims=True))
    chances: Array = odds / odds.sum(1, keepdims=True)
    return chances


SYNTHETIC: Final[Mapping[str, Data]] = {
    "2 classes, drifting": partial(_drifting, 2, 1.0),
    "2 classes, drifting, too sure": partial(_drifting, 2, 3.0),
    "4 classes, drifting": partial(_drifting, 4, 1.0),
    "4 classes, drifting, too sure": partial(_drifting, 4, 3.0),
    "2 classes, drifting, misfitted": _misfitted,
}


if __name__ == "__main__":
    raise SystemExit(main())
