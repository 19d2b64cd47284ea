"""Run the detectors of one file of this folder, in the environment of what they are made of.

``python run.py by_NAME DATA...``: of each file of data the first piece is the reference, the others
are windows. The last line that it prints is JSON: the version, and for each detector which columns
of which windows it calls drifted, file by file, and the milliseconds of CPU of one window.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

Judge = Callable[[pd.DataFrame], Sequence[bool]]


def main(module: str, paths: Sequence[str]) -> None:
    """Print what all of them find."""
    detectors: Any = import_module(module)
    pieces = [list(_pieces(path)) for path in paths]
    found = {name: _found(learn, pieces) for name, learn in detectors.DETECTORS.items()}
    print(json.dumps({"version": version(detectors.DISTRIBUTION), "found": found}))


def _pieces(path: str) -> Iterator[pd.DataFrame]:
    with np.load(path) as data:
        columns = {f"number{place}": column for place, column in enumerate(data["numbers"].T)}
        names = {f"name{place}": column for place, column in enumerate(data["names"].T)}
        ends = [0, *data["ends"]]
    frame = pd.DataFrame(columns).join(pd.DataFrame(names, dtype=object))
    for begin, end in pairwise(ends):
        yield frame[begin:end].reset_index(drop=True)


def _found(
    learn: Callable[[pd.DataFrame], Judge], files: Sequence[Sequence[pd.DataFrame]]
) -> dict[str, Any]:
    drifted, seconds, windows = [], 0.0, 0
    for reference, *others in files:
        judge = learn(reference)
        judge(others[0])  # what it does only once is no cost of a window
        began = time.process_time()
        verdicts = [judge(window) for window in others]
        seconds += time.process_time() - began
        windows += len(others)
        drifted.append([[bool(one) for one in verdict] for verdict in verdicts])
    return {"drifted": drifted, "milliseconds": 1e3 * seconds / windows}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
