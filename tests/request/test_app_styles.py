"""Class views, blueprints, several models and versions in one app."""

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request
from flask.views import MethodView, View

from flask_mlmonitor import MLMonitor

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

SUCCESS = {"predictions success": 1, "timed": 1}


class Broken(Exception):
    """What a model raises."""


def predict() -> Any:
    return {"prediction": 1}


def test_a_class_view_with_decorators(service: "Service") -> None:
    """`decorators =` wraps the whole view."""

    class Predict(View):
        methods = ("POST",)
        decorators = [service.monitor.prediction("fraud", version="2")]  # noqa: RUF012 as in Flask

        def dispatch_request(self, **url: Any) -> Any:
            return {"prediction": url["shop"]}

    service.app.add_url_rule("/predict/<int:shop>", view_func=Predict.as_view("predict"))
    response = service.client.post("/predict/7", json={"age": 41})

    assert response.get_json() == {"prediction": 7}
    assert response.headers["X-Prediction-ID"] == service.row().id
    assert (service.row().prediction, service.row().model) == (7, "fraud")
    assert service.tally() == SUCCESS


def test_decorated_methods_of_a_class_view(service: "Service") -> None:
    """Each method may be a model of its own, with its own fallback; the others are left alone."""

    class Predict(MethodView):
        bias = 7

        def get(self) -> Any:
            return {"about": "fraud"}

        @service.monitor.prediction("fraud", version="2")
        def post(self) -> Any:
            return {"prediction": self.bias}

        @service.monitor.prediction("fraud", version="3")
        def put(self) -> Any:
            raise Broken

        @put.fallback
        def rules(self) -> Any:
            return {"prediction": -self.bias}

    service.app.add_url_rule("/predict", view_func=Predict.as_view("predict"))
    client = service.client

    assert client.get("/predict").get_json() == {"about": "fraud"}
    assert client.post("/predict", json={"age": 41}).get_json() == {"prediction": 7}
    assert client.put("/predict", json={"age": 41}).get_json() == {"prediction": -7}
    assert [(row.version, row.source, row.prediction) for row in service.rows()] == [
        ("2", "primary", 7),
        ("3", "fallback", -7),
    ]


def test_children_of_every_route_exist_at_zero_after_any_request(service: "Service") -> None:
    """Functions, class views and methods: a rate over the first minute must not miss anything."""
    monitor, app = service.monitor, service.app
    app.post("/function")(monitor.prediction("function", version="2")(predict))

    class Whole(View):
        decorators = [monitor.prediction("whole")]  # noqa: RUF012 as in Flask

        def dispatch_request(self) -> Any:
            return {"prediction": 1}

    class Method(MethodView):
        @monitor.prediction("method", version=lambda: "a", versions=("a", "b"))
        def post(self) -> Any:
            return {"prediction": 1}

    app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
    app.add_url_rule("/method", view_func=Method.as_view("method"))
    monitor.register("by-hand", version="7")
    assert app.test_client().get("/nowhere").status_code == 404
    samples = service.samples("ml_predictions_total")

    assert {key[:2] for key in samples} == {
        ("function", "2"),
        ("whole", "1"),
        ("method", "a"),
        ("method", "b"),
        ("method", "__other__"),
        ("by-hand", "7"),
    }
    assert {key[2] for key in samples} == {"success", "fallback", "error", "invalid"}
    assert set(samples.values()) == {0}


def test_blueprints(make_service: "MakeService") -> None:
    """A view of a nested blueprint, decorated before any app exists; its error handler works."""
    monitor = MLMonitor()
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)

    @inner.post("/predict")
    @monitor.prediction("fraud", version="2")
    def broken() -> Any:
        raise Broken

    @inner.errorhandler(Broken)
    def on_broken(error: Broken) -> Any:
        return {"handled": True}, 500

    outer.register_blueprint(inner, url_prefix="/inner")
    service = make_service(monitor=monitor)
    service.app.register_blueprint(outer, url_prefix="/outer")
    response = service.client.post("/outer/inner/predict", json={"age": 41})

    assert (response.status_code, response.get_json()) == (500, {"handled": True})
    assert service.tally() == {"predictions error": 1, "errors model_error": 1, "timed": 1}


def test_several_models_and_versions_in_one_app(service: "Service") -> None:
    """Each route counts for its own model and version."""
    for model, version in [("fraud", "1"), ("fraud", "2"), ("churn", "1")]:
        view = service.monitor.prediction(model, version=version)(predict)
        service.app.add_url_rule(f"/{model}/{version}", f"{model}-{version}", view)
    for path in ("/fraud/1", "/fraud/2", "/fraud/2", "/churn/1"):
        service.client.get(path, json={"age": 41})
    samples = service.samples("ml_predictions_total")

    assert {key[:2]: value for key, value in samples.items() if value} == {
        ("fraud", "1"): 1,
        ("fraud", "2"): 2,
        ("churn", "1"): 1,
    }
    assert sorted((row.model, row.version) for row in service.rows()) == [
        ("churn", "1"),
        ("fraud", "1"),
        ("fraud", "2"),
        ("fraud", "2"),
    ]


def test_a_version_that_is_chosen_per_request(service: "Service") -> None:
    """What is not among the declared ones counts as `__other__`: callers make no labels."""

    def version() -> Any:
        return request.args.get("v")

    decorator = service.monitor.prediction("fraud", version=version, versions=("1", "2"))
    service.app.post("/predict")(decorator(predict))
    for chosen in ("1", "2", "2", "evil", None):
        service.post(query_string={"v": chosen} if chosen else {})
    versions = sorted(row.version for row in service.rows())

    assert versions == ["1", "2", "2", "__other__", "__other__"]
    assert service.tally() == {"predictions success": 5, "timed": 5}
