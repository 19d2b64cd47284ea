"""Bodies that nobody means well with: a clear 4xx or a recorded prediction, never a 500 of ours."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from flask import request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_mlmonitor import Baseline

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service
    from tests.request.conftest import AssertUnaltered

JSON = "application/json"
DEEP = 100_000

POISON: dict[str, Mapping[str, Any]] = {
    "malformed": {"data": b'{"age": 41', "content_type": JSON},
    "wrong-content-type": {"data": b'{"age": 41}', "content_type": "text/plain"},
    "no-content-type": {"data": b'{"age": 41}'},
    "empty": {"data": b"", "content_type": JSON},
    "whitespace": {"data": b" \n\t", "content_type": JSON},
    "no-body": {},
    "deep-list": {"data": b"[" * DEEP + b"]" * DEEP, "content_type": JSON},
    "deep-object": {"data": b'{"a":' * DEEP + b"1" + b"}" * DEEP, "content_type": JSON},
    "deep-in-a-row": {
        "data": b'{"age":' + b"[" * 900 + b"]" * 900 + b"}",
        "content_type": JSON,
    },
    "unclosed": {"data": b"[" * DEEP, "content_type": JSON},
    "too-large-a-float": {"data": b'{"age": 1e400, "income": -1e400}', "content_type": JSON},
    "401-digits": {"data": b'{"age": 1' + b"0" * 400 + b"}", "content_type": JSON},
    "5000-digits": {"data": b'{"age": ' + b"9" * 5000 + b"}", "content_type": JSON},
    "long-fraction": {"data": b'{"age": 0.' + b"3" * 10_000 + b"}", "content_type": JSON},
    "nan": {"data": b'{"age": NaN, "income": -Infinity}', "content_type": JSON},
    "surrogate-value": {"data": rb'{"age": "\ud800"}', "content_type": JSON},
    "surrogate-key": {"data": rb'{"\udfff": 1, "age": 41}', "content_type": JSON},
    "nul": {"data": rb'{"age\u0000": "\u0000", "\u0000": 0}', "content_type": JSON},
    "raw-nul": {"data": b'{"age": "\x00"}', "content_type": JSON},
    "duplicate-keys": {"data": b'{"age": 41, "age": 42}', "content_type": JSON},
    "empty-key": {"data": b'{"": 1}', "content_type": JSON},
    "byte-order-mark": {"data": b'\xef\xbb\xbf{"age": 41}', "content_type": JSON},
    "utf-16": {"data": '{"age": 41}'.encode("utf-16"), "content_type": JSON},
    "latin-1": {"data": b'{"age": "\xe4"}', "content_type": JSON},
    "binary": {"data": bytes(range(256)), "content_type": JSON},
    "mixed-rows": {"json": [{"age": 41}, [41], {}]},
    "rows-and-values": {"json": [{"age": 41}, 41]},
    "empty-rows": {"json": [[], {}]},
    "empty-instances": {"json": {"instances": []}},
    "scalar-instances": {"json": {"instances": [1, 2]}},
    "null-instances": {"json": {"instances": None}},
    "object-instances": {"json": {"instances": {"age": 41}}},
    "wide": {"json": {f"field-{number}": number for number in range(5000)}},
    "many-rows": {"json": [[]] * 2000},
    "long-name": {"json": {"x" * 100_000: 1}},
    "sql": {"json": {"'; DROP TABLE predictions; --": "' OR 1=1 --"}},
    "proto": {"json": {"__proto__": {}, "__class__": 1, "self": 2, "values": 3}},
}


def lenient() -> Any:
    """Answer whatever was sent."""
    return {"prediction": 1}


def reading() -> Any:
    """Read the body as most views do."""
    return {"prediction": 1, "kind": type(request.get_json()).__name__}


@pytest.mark.parametrize("asked", POISON.values(), ids=POISON)
@pytest.mark.parametrize(("view", "with_baseline"), [(lenient, False), (reading, True)])
def test_a_poisonous_body_is_the_views_affair(
    serve: "Serve",
    baseline: Baseline,
    assert_unaltered: "AssertUnaltered",
    asked: Mapping[str, Any],
    view: Callable[[], Any],
    with_baseline: bool,
) -> None:
    """The answer is the one that it would be without a monitor; it is stored under its id."""
    service = serve(
        view,
        baseline=baseline if with_baseline else None,
        config={"PROPAGATE_EXCEPTIONS": False},
    )
    response = service.client.post("/predict", **asked)

    assert_unaltered(response, view, **{"json": None, **asked})
    assert_stored(service, response.headers["X-Prediction-ID"])
    if response.status_code >= 500:  # the view's own: it does so without a monitor as well
        assert service.tally()["errors model_error"] == 1


@pytest.mark.parametrize("asked", POISON.values(), ids=POISON)
def test_a_strict_route_refuses_a_poisonous_body(
    serve: "Serve", baseline: Baseline, asked: Mapping[str, Any]
) -> None:
    """By a problem document that can be read by a machine; the view is never asked."""
    service = serve(lambda: 1 / 0, baseline=baseline, on_invalid="reject", strict=True)
    response = service.client.post("/predict", **asked)

    assert (response.status_code, response.mimetype) == (422, "application/problem+json")
    assert json.loads(response.data.decode())["status"] == 422
    assert_stored(service, response.headers["X-Prediction-ID"])


def assert_stored(service: "Service", key: str) -> None:
    """See that every row of the last request is stored, and that nothing of ours failed."""
    rows = [row for row in service.rows() if row.id.partition(":")[0] == key]
    counted = {name: count for name, count in service.tally().items() if "predictions" in name}

    assert len(rows) == sum(counted.values()) >= 1
    assert own_faults(service) == []


def own_faults(service: "Service") -> list[str]:
    """Return what failed or was dropped, but for answers of no known form: those are the view's."""
    found = [name for name in service.tally() if name.startswith(("faults", "dropped"))]
    return [name for name in found if name != "faults outcome"]


@pytest.mark.slow
def test_a_body_of_50_megabytes(serve: "Serve", baseline: Baseline) -> None:
    """It is answered; its row is stored without the features that no record can hold."""
    service = serve(reading, baseline=baseline, config={"MLMONITOR_RECORD_EXTRA": True})
    response = service.post({"age": 41, "note": "x" * (50 << 20)})

    assert response.get_json() == {"prediction": 1, "kind": "dict"}
    assert (service.row().prediction, service.row().features) == (1, {})
    assert "faults journal" not in service.tally()


def test_a_body_above_the_limit_of_the_app(serve: "Serve") -> None:
    """Flask's 413 is a 4xx like any other; a view that never reads it is not stopped."""
    limits = {"MAX_CONTENT_LENGTH": 10}
    refused = serve(reading, config=limits)
    lax = serve(lenient, config=limits)
    body = {"note": "x" * 100}

    assert refused.post(body).status_code == 413
    assert refused.tally() == {"predictions invalid": 1, "errors invalid_input": 1, "timed": 1}
    assert lax.post(body).get_json() == {"prediction": 1}
    assert lax.tally() == {"predictions success": 1, "timed": 1}


def test_headers_that_nobody_means_well_with(serve: "Serve") -> None:
    """They are not stored, and nothing of theirs is a label."""
    service = serve(lenient)
    response = service.post(
        headers={"X-Request-ID": "a" * 60_000, "Ce-Id": "';--", "X-Prediction-ID": "mine"}
    )

    assert response.headers["X-Prediction-ID"] == service.row().id != "mine"
    assert service.row().external_id is None


texts = st.text(st.characters(codec="utf-8") | st.sampled_from("\ud800\udfff\0"), max_size=8)
names = st.sampled_from(["age", "income", "plan", "member", "instances", "0"]) | texts
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, 2**64, -(2**63) - 1, 10**400, -(10**400)]),
    st.floats(),
    texts,
    st.sampled_from(["free", "paid", "gold", "\udbff"]),
)
payloads = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
rows = st.dictionaries(names, scalars, max_size=5)
bodies = payloads | rows | st.lists(rows, max_size=4) | st.lists(st.lists(scalars), max_size=4)
several = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("with_baseline", [False, True])
@pytest.mark.parametrize("policy", ["flag", "fallback", "reject"])
def test_any_payload_is_refused_or_recorded(
    make_service: "MakeService", baseline: Baseline, policy: str, with_baseline: bool
) -> None:
    """Whatever JSON can say: no fault of ours, a row for each prediction, and never a 500."""
    service = make_service()
    decorator = service.monitor.prediction(
        "fraud",
        baseline=baseline if with_baseline else None,
        fallback=lambda: {"prediction": 0},
        on_invalid=policy,
        strict=True,
    )
    service.app.post("/predict")(decorator(lambda: "1"))
    stored = 0

    @several
    @given(bodies)
    def ask(body: Any) -> None:
        nonlocal stored
        response = service.client.post("/predict", data=json.dumps(body), content_type=JSON)
        sent = len(service.rows()) - stored
        stored += sent

        assert response.status_code in ((200, 422) if policy == "reject" else (200,))
        assert sent >= 1
        assert service.rows()[-1].id.partition(":")[0] == response.headers["X-Prediction-ID"]
        assert own_faults(service) == []

    ask()


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_what_was_sent_is_what_is_stored(make_service: "MakeService") -> None:
    """Without a baseline, every field of a row comes back from the store as it was sent."""
    service = make_service()
    service.app.post("/predict")(service.monitor.prediction("fraud")(lenient))
    sent: dict[str, Any] = {}

    @several
    @given(
        st.dictionaries(
            st.text(max_size=5).filter(lambda name: name != "instances"), plain, min_size=1
        )
    )
    def ask(row: dict[str, Any]) -> None:
        sent[service.post(row).headers["X-Prediction-ID"]] = row

    ask()

    assert {row.id: row.features for row in service.rows()} == sent
    assert service.tally() == {"predictions success": len(sent), "timed": len(sent)}
