"""When it was recommended to train a model anew."""

from datetime import timedelta

from flask_mlmonitor.alerts.retraining import Outcome, Recommendation, recommend
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.retraining import say_once
from tests.alerts.making import NOON, settings

DAY = 86400.0


def say(database: Database, time: float, model: str = "fraud") -> Recommendation | None:
    """Look at a model whose last day drifted, *time* seconds after noon."""
    drifted = Outcome(start=NOON + time - DAY, end=NOON + time, psi=0.3)

    def decide(last: Recommendation | None) -> Recommendation | None:
        return recommend(model, "2", [drifted], last, now=NOON + time, settings=settings())

    return say_once(database, "shop", model, "2", decide, post=lambda *_: None)


def test_it_is_said_once(database: Database) -> None:
    """Whoever asks; and again when the cool-down is over."""
    first = say(database, 0)
    assert first is not None
    assert say(database, 60) is None
    assert say(database, 120, model="churn") is not None
    again = say(database, DAY)

    assert again is not None
    assert again.time - first.time == timedelta(days=1)
