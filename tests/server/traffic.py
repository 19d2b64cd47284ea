"""What callers of the test service send: 10 features, 8 of them numbers, 2 categories."""

import json
import random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from flask_mlmonitor import Baseline

NUMBERS: Final = ("amount", "age", "balance", "tenure", "income", "logins", "distance", "hour")
CATEGORIES: Final = {
    "country": ("AT", "BE", "CH", "DE", "FR", "IT", "NL", "PL"),
    "channel": ("app", "branch", "phone", "web"),
}


def payloads(number: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """Return requests of one row each, the same ones for the same *seed*."""
    dice = random.Random(seed)
    return [
        {name: dice.gauss(10, 3) for name in NUMBERS}
        | {name: dice.choice(known) for name, known in CATEGORIES.items()}
        for _ in range(number)
    ]


def bodies(number: int, *, seed: int = 1) -> list[bytes]:
    """Return :func:`payloads` as JSON."""
    return [json.dumps(payload).encode() for payload in payloads(number, seed=seed)]


def baseline(rows: int = 2000) -> "Baseline":
    """Return the baseline of a training set of such rows, for two classes."""
    import pandas as pd

    from flask_mlmonitor import Baseline

    data = pd.DataFrame(payloads(rows, seed=0))
    dice = random.Random(2)
    data["fraud"] = [dice.random() < 0.1 for _ in range(rows)]
    return Baseline.from_dataframe(data, target="fraud", positive=True)
