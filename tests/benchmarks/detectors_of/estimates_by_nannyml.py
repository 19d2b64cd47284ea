"""NannyML: the accuracy that its CBPE estimates of each window.

``python estimates_by_nannyml.py DATA...``: of each file, *p* and *true* hold the reference and then
the windows, *ends* where each of them ends. The last line that it prints is JSON: the version, and
the estimates, file by file.
"""

import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from nannyml import CBPE


def main(paths: Sequence[str]) -> None:
    """Print what it estimates."""
    found = [_estimates(path) for path in paths]
    print(json.dumps({"version": version("nannyml"), "found": found}))


def _estimates(path: str) -> list[float]:
    with np.load(path) as data:
        frame, ends = _frame(data["p"], data["true"]), data["ends"].tolist()
    classes = len(frame.columns) - 2
    estimator = CBPE(
        metrics=["accuracy"],
        y_true="true",
        y_pred="predicted",
        y_pred_proba="1" if classes == 2 else {str(place): str(place) for place in range(classes)},
        problem_type="classification_binary" if classes == 2 else "classification_multiclass",
        chunk_size=ends[1] - ends[0],
    ).fit(frame[: ends[0]])
    return [_accuracy(estimator, frame[begin:end]) for begin, end in pairwise(ends)]


def _frame(p: Any, true: Any) -> pd.DataFrame:
    frame = pd.DataFrame({str(place): column for place, column in enumerate(p.T)})
    labels = (true, p.argmax(1))
    if p.shape[1] > 2:  # it looks the probabilities up by the class
        labels = tuple(one.astype(str) for one in labels)
    return frame.assign(true=labels[0], predicted=labels[1])


def _accuracy(estimator: Any, window: pd.DataFrame) -> float:
    found = estimator.estimate(window.reset_index(drop=True)).filter(period="analysis").to_df()
    return float(found["accuracy", "value"].iloc[0])


if __name__ == "__main__":
    main(sys.argv[1:])
