"""Never run, only read by mypy: a decorated view keeps its type."""

from collections.abc import Coroutine
from typing import Any, assert_type

from flask import Blueprint
from flask.views import MethodView

from flask_mlmonitor import MLMonitor

monitor = MLMonitor()
blueprint = Blueprint("shop", __name__)


@blueprint.post("/<int:shop>")
@monitor.prediction("fraud", timeout=2)
def predict(shop: int) -> dict[str, int]:
    """Answer in the request's place."""
    return {"prediction": shop}


@predict.fallback
def by_rules(shop: int) -> tuple[dict[str, int], int]:
    """Answer in the view's place."""
    return {"prediction": 0}, 203


@blueprint.post("/async/<int:shop>")
@monitor.prediction("fraud", version="2", timeout=0.5)
async def predict_soon(shop: int) -> dict[str, int]:
    """Answer in an event loop."""
    return {"prediction": shop}


@predict_soon.fallback
async def soon_by_rules(shop: int) -> dict[str, int]:
    """Answer in the view's place, in an event loop."""
    return {"prediction": 0}


class Predict(MethodView):
    """A class view."""

    @monitor.with_fallback("fraud", by_rules, timeout=1)
    async def post(self, shop: int) -> dict[str, int]:
        """Answer in an event loop."""
        return {"prediction": shop}


def check() -> None:
    """Compare the types of what the views return."""
    assert_type(predict(1), dict[str, int])
    assert_type(predict_soon(1), Coroutine[Any, Any, dict[str, int]]).close()
    assert_type(by_rules(1), tuple[dict[str, int], int])
    predict("1")  # type: ignore[arg-type]
    predict_soon().close()  # type: ignore[call-arg]
