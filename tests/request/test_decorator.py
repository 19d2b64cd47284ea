"""What the caller of a monitored view gets, and what is stored and counted of its success."""

import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    g,
    jsonify,
    make_response,
    request,
    stream_with_context,
    url_for,
)

from flask_mlmonitor import ConfigError, MLMonitor, Prediction, signals

if TYPE_CHECKING:
    from tests.conftest import Serve, Service
    from tests.request.conftest import AssertUnaltered

SUCCESS = {"predictions success": 1, "timed": 1}
JSON = "application/json"


def predict() -> Any:
    return {"prediction": 1}


def with_cookie() -> Any:
    response = make_response({"prediction": 1})
    response.set_cookie("seen", "yes")
    return response


def generated() -> Any:
    def parts() -> Iterator[str]:
        yield '{"prediction":'
        yield " 1}"

    return parts()


def streamed() -> Any:
    def parts() -> Iterator[str]:
        yield request.path
        yield "!"

    return Response(stream_with_context(parts()), mimetype="text/plain")


RETURNED: dict[str, Callable[..., Any]] = {
    "mapping": predict,
    "list": lambda: [1],
    "status": lambda: ({"prediction": 1}, 201),
    "status-line": lambda: ({"prediction": 1}, "201 CREATED"),
    "headers": lambda: ({"prediction": 1}, {"X-Own": "yes"}),
    "status-and-headers": lambda: ({"prediction": 1}, 202, {"X-Own": "yes"}),
    "jsonify": lambda: jsonify(prediction=1),
    "jsonify-and-status": lambda: (jsonify(prediction=1), 201),
    "response": lambda: Response('{ "prediction" :\t1 }', mimetype=JSON, headers={"X-Own": "yes"}),
    "cookie": with_cookie,
    "json-text": lambda: '{ "prediction": 1 }',
    "json-bytes": lambda: b'{"prediction": 1}',
    "number-text": lambda: "1",
}


def test_a_success(serve: "Serve") -> None:
    """It is answered, counted, timed and stored, and its id is returned."""
    service = serve(lambda: {"prediction": 1, "probability": 0.75})
    response = service.post({"age": 41, "plan": "paid"})
    row = service.row()

    assert response.status_code == 200
    assert response.get_json() == {"prediction": 1, "probability": 0.75}
    assert response.headers["X-Prediction-ID"] == row.id
    assert response.headers["X-Prediction-Source"] == "primary"
    assert service.tally() == SUCCESS
    assert row.latency is not None
    assert row == Prediction(
        id=row.id,
        external_id=None,
        app="shop",
        model="fraud",
        version="2",
        time=row.time,
        features={"age": 41, "plan": "paid"},
        prediction=1,
        probability=0.75,
        latency=row.latency,
        source="primary",
        status="success",
    )


def test_an_id_is_a_uuid_of_version_7(serve: "Serve") -> None:
    """In its canonical text, rising with time, and that of the stored row."""
    service = serve(predict)
    ids = [service.post().headers["X-Prediction-ID"] for _ in range(20)]
    read = [uuid.UUID(text) for text in ids]

    assert [str(one) for one in read] == ids
    assert {one.version for one in read} == {7}
    milliseconds = [one.int >> 80 for one in read]
    assert milliseconds == sorted(milliseconds)
    assert milliseconds[0] == pytest.approx(service.rows()[0].time * 1000, abs=50)
    assert {row.id for row in service.rows()} == set(ids)
    assert len(set(ids)) == 20


def test_five_predictions_under_one_request_id_are_five_rows(serve: "Serve") -> None:
    """The caller's id is stored beside ours, never in its place."""
    service = serve(predict)
    answers = [service.post(headers={"X-Request-ID": "order-7"}) for _ in range(5)]
    ids = {answer.headers["X-Prediction-ID"] for answer in answers}
    rows = service.rows()

    assert {row.id for row in rows} == ids
    assert len(rows) == len(ids) == 5
    assert {row.external_id for row in rows} == {"order-7"}


def test_the_id_is_always_ours(serve: "Serve") -> None:
    """Also where the view sets a header of that name: the caller must find what is stored."""
    service = serve(lambda: ({"prediction": 1}, {"X-Prediction-ID": "mine"}))

    assert service.post().headers.getlist("X-Prediction-ID") == [service.row().id]


@pytest.mark.parametrize("view", RETURNED.values(), ids=RETURNED)
def test_every_kind_of_return_value(
    serve: "Serve", assert_unaltered: "AssertUnaltered", view: Callable[..., Any]
) -> None:
    """The prediction is found in it, and what leaves is the view's own, byte for byte."""
    service = serve(view)
    response = service.post()

    assert_unaltered(response, view)
    assert response.headers["X-Prediction-ID"] == service.row().id
    assert service.row().prediction == 1
    assert service.tally() == SUCCESS


def test_a_returned_object_is_the_one_that_flask_gets(service: "Service") -> None:
    """Bodies are only read: not even a copy is made."""
    returned = {"prediction": [1, 2], "note": date(2013, 1, 1)}
    kept = dict(returned)
    view = service.monitor.prediction("fraud")(lambda: returned)
    with service.app.test_request_context("/", method="POST", json={"age": 41}):
        assert view() is returned

    assert returned == kept


def test_a_response_that_the_view_keeps_is_not_signed(serve: "Serve") -> None:
    """One object for every caller: each answer has its own id, the object has none."""
    kept = Response('{"prediction": 1}', mimetype=JSON)
    service = serve(lambda: kept)
    answers = [service.post() for _ in range(3)]
    ids = [answer.headers.getlist("X-Prediction-ID") for answer in answers]

    assert ids == [[row.id] for row in service.rows()]
    assert list(kept.headers) == [("Content-Type", JSON), ("Content-Length", "17")]


@pytest.mark.parametrize("view", [generated, streamed])
def test_a_streamed_answer_is_counted_not_parsed(
    serve: "Serve", assert_unaltered: "AssertUnaltered", view: Callable[..., Any]
) -> None:
    """Nobody may read the stream but the client; its row has no value."""
    service = serve(view)

    assert_unaltered(service.post(), view)
    row = service.row()
    assert (row.prediction, row.status, row.features) == (None, "success", {"age": 41})
    assert service.tally() == SUCCESS


def test_an_empty_answer_is_a_prediction_without_a_value(serve: "Serve") -> None:
    """A view that only takes note of something succeeds too."""
    service = serve(lambda: ("", 204))
    response = service.post()

    assert (response.status_code, response.data) == (204, b"")
    assert (service.row().prediction, service.row().status) == (None, "success")
    assert service.tally() in (SUCCESS, {**SUCCESS, "faults outcome": 1})


def test_the_hooks_of_the_app_still_work(serve: "Serve") -> None:
    """Before, after and teardown run as ever."""
    service = serve(lambda: {"prediction": g.bias})
    ended: list[object] = []

    @service.app.before_request
    def prepare() -> None:
        g.bias = 7

    @service.app.after_request
    def sign(response: Response) -> Response:
        response.headers["X-Bias"] = str(g.bias)
        return response

    service.app.teardown_request(ended.append)
    response = service.post()

    assert response.get_json() == {"prediction": 7}
    assert response.headers["X-Bias"] == "7"
    assert ended == [None]


def test_a_view_gets_its_arguments_and_keeps_its_name(service: "Service") -> None:
    """The decorator is transparent: URL variables, name, docstring, `url_for`."""

    @service.app.post("/predict/<int:shop>/<name>")
    @service.monitor.prediction("fraud", version="2")
    def priced(shop: int, name: str) -> Any:
        """Price it."""
        return {"prediction": shop, "name": name, "at": url_for("priced", shop=1, name="a")}

    response = service.client.post("/predict/7/anna", json={"age": 41})

    assert response.get_json() == {"prediction": 7, "name": "anna", "at": "/predict/1/a"}
    assert (vars(priced)["__wrapped__"].__name__, priced.__doc__) == ("priced", "Price it.")


def test_a_prediction_is_in_progress_while_its_view_runs(serve: "Serve") -> None:
    """The gauge rises, and falls however the view ends."""
    seen: list[float | None] = []

    def view() -> Any:
        seen.append(service.tally().get("in progress"))
        return {"prediction": 1}, request.get_json()["status"]

    service = serve(view)
    for status in (200, 400, 404, 500):
        service.post({"status": status})

    assert seen == [1, 1, 1, 1]
    assert "in progress" not in service.tally()


def test_the_latency_is_that_of_the_view(serve: "Serve") -> None:
    """Row and histogram say how long the view ran, once for each request."""
    service = serve(lambda: {"prediction": sum(range(200_000))})
    service.post()
    latency = service.row().latency

    assert latency is not None
    assert 0.0005 < latency < 5
    (total,) = service.samples("ml_prediction_latency_seconds_sum").values()
    assert total == pytest.approx(latency)


def test_a_listener_hears_of_each_prediction(serve: "Serve") -> None:
    """With what will be stored, after it was journaled; the sender is the app."""
    heard: list[tuple[Any, Prediction]] = []

    def listen(sender: Flask, prediction: Prediction, **_: Any) -> None:
        heard.append((sender, prediction))

    service = serve(lambda: {"predictions": [1, 0], "probabilities": [0.75, 0.25]})
    with signals.prediction_recorded.connected_to(listen, sender=service.app):
        service.post([{"age": 41}, {"age": 42}])

    assert [sender for sender, _ in heard] == [service.app] * 2
    assert [prediction for _, prediction in heard] == service.rows()


def test_nothing_is_stored_with_record_off(serve: "Serve") -> None:
    """It is still counted; no id is named that nobody could find."""
    service = serve(predict, record=False)
    response = service.post()

    assert "X-Prediction-ID" not in response.headers
    assert response.headers["X-Prediction-Source"] == "primary"
    assert service.rows() == []
    assert service.tally() == SUCCESS


def test_a_disabled_monitor_leaves_the_view_alone(serve: "Serve") -> None:
    """No header, no row, no route of its own, no rejection."""
    service = serve(predict, on_invalid="reject", config={"MLMONITOR_ENABLED": False})
    response = service.post(json=None, data=b"{", content_type=JSON)

    assert (response.status_code, response.get_json()) == (200, {"prediction": 1})
    assert not {"X-Prediction-ID", "X-Prediction-Source"} & set(response.headers.keys())
    assert service.client.get("/metrics").status_code == 404


def test_a_view_whose_app_was_never_given_to_the_monitor(caplog: pytest.LogCaptureFixture) -> None:
    """It works, unmonitored, and one error says what to do."""
    app = Flask("forgotten")
    app.post("/predict")(MLMonitor().prediction("forgotten-model")(predict))
    client = app.test_client()

    assert [client.post("/predict", json={}).get_json() for _ in range(3)] == [predict()] * 3
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "forgotten-model" in record.getMessage()
    assert "init_app" in record.getMessage()


def test_a_decorator_above_its_route_is_told(
    service: "Service", caplog: pytest.LogCaptureFixture
) -> None:
    """Once: Flask was given the function below it; where the order is right, nothing is said."""
    shop = Blueprint("shop", __name__)

    @service.monitor.prediction("fraud")
    @shop.post("/wrong")
    def wrong() -> Any:
        return {"prediction": 1}

    @shop.post("/right")
    @service.monitor.prediction("fraud", version="2")
    def right() -> Any:
        return {"prediction": 1}

    service.app.register_blueprint(shop)
    for path in ("/wrong", "/right", "/wrong"):
        assert service.client.post(path, json={"age": 41}).status_code == 200

    (message,) = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert "'shop.wrong' is decorated and yet not monitored" in message
    assert service.tally() == SUCCESS


def test_a_view_called_outside_a_request_runs() -> None:
    """In a test or a script, the function behind the route is still a function."""
    view = MLMonitor().prediction("outside")(predict)

    assert view() == {"prediction": 1}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"model": "a b"}, "model"),
        ({"model": ""}, "model"),
        ({"model": "x" * 65}, "model"),
        ({"model": 'a"} 1'}, "model"),
        ({"model": "fraud\n"}, "model"),
        ({"version": ""}, "version"),
        ({"version": 2}, "version"),
        ({"version": lambda: "1"}, "versions"),
        ({"version": lambda: "1", "versions": ("a/b",)}, "version"),
        ({"task": "clustering"}, "task"),
        ({"baseline": 7}, "baseline"),
        ({"on_invalid": "drop"}, "on_invalid"),
        ({"on_nan": "ignore"}, "on_nan"),
        ({"version": lambda: "1", "versions": "12"}, "versions"),
        ({"fallback": "rules"}, "fallback"),
        ({"features": ["age", "plan"]}, "features"),
        ({"output": "price"}, "output"),
    ],
)
def test_a_wrong_argument_is_refused_at_decoration(options: dict[str, Any], named: str) -> None:
    """Wrong configuration must stop the app, and name what is wrong."""
    options = {"model": "fraud", **options}
    with pytest.raises(ConfigError, match=f"^{named} = "):
        MLMonitor().prediction(options.pop("model"), **options)
