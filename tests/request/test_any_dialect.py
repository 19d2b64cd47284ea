"""Bodies and answers that are nearly in a dialect, or in none: nothing of ours fails by them."""

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_mlmonitor import Baseline

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

JSON = "application/json"
COLUMN = {"name": "age", "shape": [2, 1], "datatype": "FP64", "data": [41.5, None]}
LABEL = {"name": "plan", "shape": [2], "datatype": "BYTES", "data": ["free", "paid"]}
RAW = {
    **{"name": "income", "shape": [2], "datatype": "FP32"},
    "parameters": {"binary_data_size": 8, "content_type": "base64"},
}
FRAME = {"columns": ["age", "plan"], "index": [0, 1], "data": [[41, "free"], [42, None]]}
REQUESTS: list[Any] = [
    {"id": "r-1", "inputs": [COLUMN, LABEL], "outputs": [{"name": "label"}]},
    {"inputs": [{**COLUMN, "shape": [1, 2]}], "parameters": {"columns": ["age", "plan"]}},
    {"inputs": [{**LABEL, "parameters": {"content_type": "pd_json"}}, RAW]},
    {"dataframe_split": FRAME, "params": {}},
    {"dataframe_records": [{"age": 41}, {"age": 42, "plan": "free"}]},
    {"inputs": {"age": [41, 42], "plan": ["free", None]}},
    {"instances": [[41, 900.5, "free", True], {"age": 42}]},
    [{"age": 41}, {"age": 42}],
]
ANSWERS: list[Any] = [
    {"model_name": "m", "outputs": [COLUMN, {**LABEL, "name": "label"}]},
    {"outputs": [LABEL, {**COLUMN, "name": "probability"}]},
    {"predictions": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.5}]},
    {"predictions": {"label": [1, 0], "proba": [[0.5, 0.5], [0.25, 0.75]]}},
    {"label": ["a", "b"], "score": [0.5, 0.5]},
    [1, 0],
]
TABLE = 'age,income,plan,member\r\n41,900.5,"free",True\r\n,,,\r\n'
CONTENT_TYPES = [
    *(None, JSON, "application/vnd.api+json", "application/octet-stream", "text/plain"),
    *("text/csv", "text/csv; charset=utf-16", "text/csv; header=absent", "text/csv; charset="),
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "image/png", ";"),
]

numbers = st.sampled_from([0, -1, 1, 2, 3, 10**20, 1e400, float("nan"), 0.5])
leaves = st.none() | st.booleans() | numbers | st.sampled_from(["", "age", "age,age", "\ud800"])
anything = leaves | st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "data", "shape", "age", "outputs"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
HEADER = st.characters(codec="latin-1", exclude_characters="\r\n")
several = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def mutated(draw: st.DrawFn, valid: list[Any]) -> Any:
    """Return one of the valid bodies, in which one to three places are something else."""
    body = json.loads(json.dumps(draw(st.sampled_from(valid))))
    for _ in range(draw(st.integers(1, 3))):
        place = body
        while isinstance(place, dict | list) and place:
            key = draw(
                st.sampled_from(sorted(place) if isinstance(place, dict) else [*range(len(place))])
            )
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
                _mutate(draw, place, key)
                break
            place = inner
    return body


def _mutate(draw: st.DrawFn, place: Any, key: Any) -> None:
    """Remove, repeat or replace what stands in a place."""
    what = draw(st.sampled_from(["remove", "repeat", "replace", "replace"]))
    if what == "remove":
        del place[key]
    elif what == "repeat" and isinstance(place, list):
        place.append(place[key])
    else:
        place[key] = draw(anything)


class Rules:
    """A fallback that answers anything."""

    def predict(self, rows: Any) -> list[int]:
        """Return an answer for each row."""
        return [1] * len(rows)


def own_faults(service: "Service") -> list[str]:
    """Return what failed or was dropped, but for answers of no known form: those are the view's."""
    found = [name for name in service.tally() if name.startswith(("faults", "dropped"))]
    return [name for name in found if name != "faults outcome"]


@pytest.fixture
def routes(make_service: "MakeService", baseline: Baseline) -> "Service":
    """A route for each policy, all with one view."""
    service = make_service()
    policies: dict[str, dict[str, Any]] = {
        "free": {},
        "flag": {"baseline": baseline},
        "reject": {"baseline": baseline, "on_invalid": "reject", "strict": True},
        "fallback": {"baseline": baseline, "on_invalid": "fallback", "fallback": Rules()},
    }
    for policy, options in policies.items():
        view = service.monitor.prediction(policy, **options)(lambda: "[1, 0]")
        service.app.post(f"/{policy}/infer", endpoint=policy)(view)
    return service


def ask(routes: "Service", data: bytes, kind: str | None, headers: dict[str, str]) -> None:
    """See that each route answers: the view as ever, the others that or a refusal."""
    for policy in ("free", "flag", "reject", "fallback"):
        response = routes.client.post(
            f"/{policy}/infer", data=data, content_type=kind, headers=headers
        )

        if policy in ("free", "flag") or response.data == b"[1, 0]":
            assert (response.status_code, response.data) == (200, b"[1, 0]")
        elif response.status_code != 422:
            assert policy == "fallback"
            assert response.status_code == 200
            assert response.headers["X-Prediction-Source"] == "fallback"
        assert response.headers["X-Prediction-ID"]
    assert own_faults(routes) == []


def test_almost_a_request(routes: "Service") -> None:
    """A valid one in which something is missing, twice, or of another kind."""

    @several
    @given(mutated(REQUESTS), st.sampled_from([JSON, None]))
    def send(body: Any, kind: str | None) -> None:
        ask(routes, json.dumps(body).encode(), kind, {})

    send()


def test_almost_csv(routes: "Service") -> None:
    """A table with a part cut out, put twice, or something between."""
    parts = st.lists(
        st.sampled_from(
            [*re.split(r"\b", TABLE), "\r", "\n", '"', ",", "\0", "\ufeff", "é", "\ud800"]
        ),
        max_size=30,
    )

    @several
    @given(parts, st.sampled_from(["utf-8", "utf-16", "latin-1"]), st.sampled_from(CONTENT_TYPES))
    def send(cells: list[str], encoding: str, kind: str | None) -> None:
        ask(routes, "".join(cells).encode(encoding, "replace"), kind, {})

    send()


def test_almost_raw_tensors(routes: "Service") -> None:
    """JSON of a length that may be wrong, before bytes that are too many or too few."""

    @several
    @given(mutated(REQUESTS[:3]), st.binary(max_size=16), st.integers(-3, 3))
    def send(body: Any, raw: bytes, wrong: int) -> None:
        head = json.dumps(body).encode()
        length = {"Inference-Header-Content-Length": str(len(head) + wrong * (len(raw) % 2))}
        ask(routes, head + raw, None, length)

    send()


def test_any_bytes_of_any_type(routes: "Service") -> None:
    """Whatever the headers say of them."""

    @several
    @given(
        st.binary(max_size=40),
        st.sampled_from(CONTENT_TYPES) | st.text(HEADER, max_size=20),
        st.sampled_from([None, "0", "2", "-1", "x"]),
    )
    def send(data: bytes, kind: str | None, length: str | None) -> None:
        headers = {} if length is None else {"Inference-Header-Content-Length": length}
        ask(routes, data, kind, headers)

    send()


def test_almost_an_answer(make_service: "MakeService") -> None:
    """It leaves as the view gave it, as an object, as text, or as CSV or raw tensors."""
    service = make_service()
    given_back: Any = None
    view = service.monitor.prediction("fraud", on_nan="flag")(lambda: given_back)
    service.app.post("/predict")(view)
    plain = Flask("plain")
    plain.post("/predict")(lambda: given_back)

    @several
    @given(
        mutated(ANSWERS) | anything,
        st.sampled_from(["object", JSON, "text/csv", "application/octet-stream"]),
        st.binary(max_size=16),
        st.sampled_from(REQUESTS),
    )
    def answer(body: Any, form: str, raw: bytes, request: Any) -> None:
        nonlocal given_back
        head = json.dumps(body).encode()
        length = {"Inference-Header-Content-Length": str(len(head))}
        if form == "object":
            given_back = body if isinstance(body, dict | list) else {"prediction": body}
        elif form == "text/csv":
            given_back = Response(json.dumps(body).replace(" ", "\n"), mimetype=form)
        else:
            given_back = Response(head + raw, mimetype=form, headers=length)
        response = service.client.post("/predict", json=request)

        assert response.status_code == 200
        assert response.data == plain.test_client().post("/predict").data
        assert response.headers["X-Prediction-ID"]
        assert own_faults(service) == []

    answer()
