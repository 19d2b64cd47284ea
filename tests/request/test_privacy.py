"""Values that must not be written down: redacted, hashed, unknown; and what still can be known."""

import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hmac import HMAC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from flask import request
from hypothesis import given
from hypothesis import strategies as st

from flask_mlmonitor import Baseline, Prediction, signals
from flask_mlmonitor.journal.frames import carried, decode_frames, encode
from flask_mlmonitor.records import Row, Served
from flask_mlmonitor.request.payloads import Order
from flask_mlmonitor.request.privacy import Privacy, hash_of
from flask_mlmonitor.stats.cells.rollup import Rollup
from tests.ledgers import add_rollups

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service

SECRET = "Mx-19830412"
KEY = "the-key-of-this-company"
REDACT = {"MLMONITOR_REDACT": "plan,age,ssn"}
HASH = {"MLMONITOR_HASH": "plan,age,ssn", "MLMONITOR_HASH_KEY": KEY}


def predict() -> Any:
    return {"prediction": True, "probability": 0.75}


def predict_rows() -> Any:
    return {"predictions": [True] * len(request.get_json())}


def files(folder: Path) -> bytes:
    """Return all bytes of all files in a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def assert_nowhere(service: "Service", folder: Path, log: str = "") -> None:
    """The secret is in no file, before and after the drain, and in no line of the log."""
    for _ in range(2):
        held = files(folder)
        assert held
        assert SECRET.encode() not in held
        assert service.flush()
    assert SECRET not in log


def rollup_of(serve: "Serve", baseline: Baseline, rows: Any, config: Mapping[str, Any]) -> Rollup:
    """Return what is counted when *rows* are sent as a batch."""
    service = serve(predict_rows, baseline=baseline, config=config)
    assert service.post(rows).status_code == 200
    service.flush()
    bounds = service.state.settings.latency_buckets
    return add_rollups(service.runtime.database, baseline.binning(latency_bounds=bounds))


PAYLOADS: dict[str, Any] = {
    "feature": {"age": 41, "income": 1200.5, "plan": SECRET, "member": True},
    "extra": {"age": 41, "income": 1200.5, "plan": "paid", "member": True, "ssn": SECRET},
    "only an extra": {"ssn": SECRET},
    "nested": {"age": 41, "person": {"ssn": SECRET, "more": [{"plan": SECRET}]}},
    "nested in a feature": {"age": 41, "income": {"ssn": [SECRET]}, "member": [{"ssn": SECRET}]},
    "a list": [41, 1200.5, SECRET, True],
    "longer a list": [41, 1200.5, "paid", True, SECRET],
    "a batch": [{"age": 41, "plan": SECRET}, {"ssn": SECRET}],
    "a batch of lists": [[41, 1200.5, SECRET, True], [SECRET]],
    "instances": {"instances": [{"plan": SECRET}, [41, 2, SECRET]]},
    "a structure": {"plan": [SECRET, {"deep": SECRET}], "age": {SECRET: 1}},
}


@pytest.mark.parametrize("config", [REDACT, HASH], ids=["redacted", "hashed"])
@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_private_value_is_nowhere(
    serve: "Serve",
    baseline: Baseline,
    production: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    config: dict[str, Any],
    extra: bool,
    payload: Any,
) -> None:
    """Whatever the payload's form: not in the journal, the store, a signal or a log."""
    config = production | config | {"MLMONITOR_RECORD_EXTRA": extra}
    service = serve(predict, baseline=baseline, config=config)
    heard: list[Prediction] = []

    def hear(_: Any, prediction: Prediction, **__: Any) -> None:
        heard.append(prediction)

    with caplog.at_level(logging.DEBUG), signals.prediction_recorded.connected_to(hear):
        assert service.post(payload).status_code == 200

    assert heard
    assert SECRET not in repr(heard)
    assert_nowhere(service, tmp_path, caplog.text)
    assert all(SECRET not in repr(row) for row in service.rows())
    assert len(service.rows()) == len(heard)


@pytest.mark.parametrize("config", [REDACT, HASH], ids=["redacted", "hashed"])
@pytest.mark.parametrize(
    "payload",
    [PAYLOADS[name] for name in ("extra", "only an extra", "nested", "a list", "a batch of lists")],
)
def test_without_a_baseline_it_is_left_out_too(
    serve: "Serve",
    production: dict[str, Any],
    tmp_path: Path,
    config: dict[str, Any],
    payload: Any,
) -> None:
    """A list's values have no names then: none of them is kept."""
    service = serve(predict, config=production | config)
    service.post(payload)

    assert_nowhere(service, tmp_path)
    assert len(service.rows()) == (2 if payload is PAYLOADS["a batch of lists"] else 1)


def test_what_is_not_private_is_kept(serve: "Serve", baseline: Baseline) -> None:
    """A redacted field is left out of the row, a hashed one has another value."""
    payload = {"age": 41, "income": 9.5, "plan": "paid", "member": None, "a": {"b": 1, "age": 2}}
    config = {
        "MLMONITOR_REDACT": "age",
        "MLMONITOR_HASH": "plan",
        "MLMONITOR_HASH_KEY": KEY,
        "MLMONITOR_RECORD_EXTRA": True,
    }
    with_baseline = serve(predict, baseline=baseline, config=config)
    without = serve(predict, config=config)
    for service in (with_baseline, without):
        service.post(payload)

    kept = {"income": 9.5, "plan": hash_of("paid", KEY.encode()), "member": None, "a": {"b": 1}}
    assert with_baseline.row().features == without.row().features == kept


def test_places_can_be_named(serve: "Serve") -> None:
    """Without a baseline a list's fields have their places for names."""
    service = serve(predict, config={"MLMONITOR_REDACT": "1"})
    service.post([41, SECRET, 7])

    assert service.row().features == {"0": 41, "2": 7}


def test_each_model_has_its_own(make_service: "MakeService") -> None:
    """What is private for one may be what another is looked at for."""
    service = make_service(
        MLMONITOR_REDACT="age",
        MLMONITOR_MODELS={"open": {"REDACT": []}, "more": {"REDACT": "plan"}},
    )
    with service.app.app_context():
        for model in ("closed", "open", "more"):
            service.monitor.record_prediction(model, {"age": 41, "plan": "paid"}, 1)
    features = {row.model: row.features for row in service.rows()}

    assert features == {
        "closed": {"plan": "paid"},
        "open": {"age": 41, "plan": "paid"},
        "more": {"age": 41},
    }


def test_the_rules_still_name_the_field(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """Validation sees the value; what it says has none."""
    config = {"MLMONITOR_REDACT": "age"}
    service = serve(predict, baseline=baseline, on_invalid="reject", config=config)
    response = service.post(customer | {"age": SECRET})

    assert response.status_code == 422
    assert response.get_json(force=True)["errors"] == [{"row": 0, "field": "age", "rule": "type"}]
    assert SECRET not in response.text
    assert service.tally()["failures age type"] == 1


@pytest.mark.parametrize("config", [REDACT, HASH], ids=["redacted", "hashed"])
@pytest.mark.parametrize("where", ["view", "features", "output", "version", "receiver"])
def test_an_exception_that_quotes_the_value(
    make_service: "MakeService",
    caplog: pytest.LogCaptureFixture,
    config: Mapping[str, Any],
    where: str,
) -> None:
    """What failed is logged with its place and class; its message may hold the value."""

    def fail(at: str) -> None:
        if at == where:
            float(request.get_json()["plan"])

    def features(_: Any) -> Any:
        fail("features")
        return request.get_json()

    def output(_: Any) -> Any:
        fail("output")
        return 1

    def version() -> str:
        fail("version")
        return "1"

    def hear(*_: Any, **__: Any) -> None:
        fail("receiver")

    service = make_service(**config)
    monitored = service.monitor.prediction(
        "fraud",
        version=version,
        versions=("1",),
        features=features,
        output=output,
        fallback=lambda: {"prediction": 0},
    )

    def view() -> Any:
        fail("view")
        return {"prediction": 1}

    service.app.post("/predict")(monitored(view))
    with signals.prediction_recorded.connected_to(hear):
        assert service.post({"plan": SECRET}).status_code == 200

    assert "ValueError" in caplog.text
    assert "test_privacy.py" in caplog.text
    assert SECRET not in caplog.text


def test_where_nothing_is_private_the_message_is_logged(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """It says what to repair."""

    def view() -> Any:
        return {"prediction": float(request.get_json()["plan"])}

    service = serve(view, fallback=lambda: {"prediction": 0})
    service.post({"plan": SECRET})

    assert SECRET in caplog.text


def test_what_cannot_be_made_private_is_not_recorded(
    serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours costs the record, not the secret."""

    def bug(*_: Any) -> Any:
        raise RuntimeError(SECRET)

    service = serve(predict, config=REDACT)
    monkeypatch.setattr(Privacy, "applied", bug)
    response = service.post({"ssn": SECRET})

    assert response.get_json() == {"prediction": True, "probability": 0.75}
    assert "X-Prediction-ID" not in response.headers
    assert service.rows() == []
    assert service.tally() == {"predictions success": 1, "timed": 1, "faults journal": 1}


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(10, 90)
    | st.integers()
    | st.floats()
    | st.sampled_from(["free", "paid", "gold", "other", "True", "41"])
    | st.text(st.characters())
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.sampled_from(["age", "a"]), st.integers(), max_size=2)
)
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["age", "income", "plan", "member", "ssn"]), VALUES)
    | st.lists(VALUES, max_size=6),
    min_size=1,
    max_size=20,
)


@given(rows=ROWS, hashed=st.booleans())
def test_the_counts_are_those_of_the_values(
    baseline: Baseline, rows: list[Any], hashed: bool
) -> None:
    """Whatever is sent, drift and quality see the same cells; only the moments are gone."""
    private = {"hashed" if hashed else "redact": ["age", "plan", "ssn"]}
    binning = baseline.binning()
    order = Order([bins.name for bins in binning.features])
    plain = [Row(one.values, 1, 0.5, one.extra, one.absent) for one in order.fields(rows)]
    privacy = Privacy(binning.features, key=KEY, **private)
    hidden = list(map(privacy.applied, plain))
    both = []
    for kept in (plain, hidden):
        frame = encode(Served(0, "i", 0.0, 0, None, True, kept))
        records = [record for record in decode_frames(frame).records if isinstance(record, Served)]
        both.append(Rollup.of(binning, records))

    one, other = both
    assert other.operations == one.operations
    for name in ("age", "income", "plan", "member"):
        assert other.feature(name) == one.feature(name)
    assert repr(other.moments("income")) == repr(one.moments("income"))
    assert other.moments("age").n == 0


@pytest.mark.parametrize("config", [REDACT, HASH], ids=["redacted", "hashed"])
def test_the_store_counts_the_same(
    serve: "Serve", baseline: Baseline, config: Mapping[str, Any]
) -> None:
    """Through journal, drain and store, in a batch with whatever can be wrong in a row."""
    rows = [
        {"age": 41, "income": 1000.5, "plan": "paid", "member": True},
        {"age": 41.5, "income": None, "plan": "silver", "member": False},
        {"age": "41", "income": 1e9, "plan": 3, "member": "yes", "ssn": 1},
        {"age": None, "plan": None},
        [99, 1000.5, "free", True, 5],
    ]
    with_values = rollup_of(serve, baseline, rows, {})
    without = rollup_of(serve, baseline, rows, config)

    for name in baseline.feature_names:
        assert without.feature(name) == with_values.feature(name)
        assert without.feature(name).n == len(rows)
    assert without.operations.extra == with_values.operations.extra == 2
    assert without.moments("income") == with_values.moments("income")
    assert (with_values.moments("age").n, without.moments("age").n) == (3, 0)


def test_by_hand_too(
    make_service: "MakeService", baseline: Baseline, production: dict[str, Any], tmp_path: Path
) -> None:
    """Values of any class; what is named so in an object is found as well."""
    service = make_service(**production, **REDACT)
    service.monitor.register("churn", baseline=baseline)
    rows: list[Any] = [
        {"age": np.float32(41), "plan": np.str_(SECRET), "income": Decimal("9.5")},
        pd.Series({"age": SECRET, "plan": [SECRET], "income": 9.5}),
        {"age": {"ssn": SECRET}, "income": 9.5, "person": {"ssn": SECRET}},
    ]
    with service.app.app_context():
        for row in rows:
            service.monitor.record_prediction("churn", row, 1)
            service.monitor.record_prediction("undeclared", row, 1)

    assert_nowhere(service, tmp_path)
    kept = [row.features for row in service.rows() if row.model == "churn"]
    assert kept == [{"income": 9.5}] * 3


def test_the_cell_of_a_value_of_any_class(baseline: Baseline) -> None:
    """It is the one that the drain counts without redaction."""
    bins = baseline.features["age"].bins
    privacy = Privacy([bins], redact=["age"])
    for value in (41, np.int64(41), np.float32(41), Decimal(41), 41.0):
        assert privacy.applied(Row([value])).cells == [(0, bins.cell_of(41))]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Zoë", "Zoë"),
        ("", ""),
        (3, "3"),
        (3.0, "3"),
        (np.int64(3), "3"),
        (Decimal("3"), "3"),
        (2.5, "2.5"),
        (np.float32(2.5), "2.5"),
        (True, "True"),
        (np.bool_(True), "True"),
        ({"b": 1, "a": [None, "x"]}, '{"a":[null,"x"],"b":1}'),
        (datetime(2024, 2, 29, tzinfo=UTC), '"2024-02-29T00:00:00Z"'),
        (None, None),
        (math.nan, None),
        (pd.NA, None),
    ],
    ids=repr,
)
def test_the_hash_of_a_value(value: Any, text: str | None) -> None:
    """Anybody who has the key and the text can make it; null stays null."""
    expected = None
    if text is not None:
        expected = HMAC(KEY.encode(), text.encode(), "sha256").hexdigest()[:32]

    assert hash_of(carried(value), KEY.encode()) == expected
    (kept,) = Privacy([], hashed=["a"], key=KEY).applied(Row([], extra={"a": value})).extra.values()  # type: ignore[union-attr]
    assert kept == expected


def test_a_hash_joins_models_and_hosts(serve: "Serve", baseline: Baseline) -> None:
    """The same value has the same hash whichever service recorded it; another key, another."""
    other = HASH | {"MLMONITOR_HASH_KEY": "another"}
    services = [
        serve(predict, baseline=baseline, config=HASH),
        serve(predict, config=HASH),
        serve(predict, config=other),
    ]
    for service in services:
        service.post({"plan": "paid", "income": 3})
    one, same, different = (service.row().features["plan"] for service in services)

    assert one == same != different
    assert len(one) == 32


def test_a_name_that_no_baseline_knows(
    make_service: "MakeService",
    baseline: Baseline,
    customer: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A misspelt name protects nothing: a warning names the nearest feature."""
    service = make_service(
        MLMONITOR_REDACT="agee,income",
        MLMONITOR_HASH="pln",
        MLMONITOR_HASH_KEY=KEY,
        MLMONITOR_MODELS={"open": {"REDACT": "member", "HASH": []}},
    )
    for model in ("fraud", "open"):
        view = service.monitor.prediction(model, baseline=baseline)(predict)
        service.app.post(f"/{model}", endpoint=model)(view)
    service.client.post("/fraud", json=customer)

    warnings = [record.getMessage() for record in caplog.records]
    assert [warning.split(" of MLM")[0] for warning in warnings] == [
        "No baseline knows the feature 'agee'",
        "No baseline knows the feature 'pln'",
    ]
    assert [warning.split()[-1] for warning in warnings] == ["'age'.", "'plan'."]


def test_a_model_without_a_baseline_may_have_any_feature(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """So nothing can be said of a name."""
    serve(predict, config=REDACT).post({"age": 41})

    assert caplog.records == []
