"""Ground truth over HTTP and from Python."""

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeGuard

from flask import Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException

from flask_mlmonitor import signals
from flask_mlmonitor._app import AppState
from flask_mlmonitor.clock import now
from flask_mlmonitor.counters.requests import UNKNOWN, TruthCounters
from flask_mlmonitor.exceptions import ConfigError, StoreError
from flask_mlmonitor.records import GroundTruth
from flask_mlmonitor.request.ids import LONGEST_ID
from flask_mlmonitor.request.payloads import EXTERNAL_ID
from flask_mlmonitor.store.truth import Claim, Verdict
from flask_mlmonitor.web.problems import problem

LATEST: Final = 253_402_300_800.0
"""The year 10000, in seconds since the epoch."""

_FIELDS: Final = frozenset(("prediction_id", "external_id", "value", "values", "time"))
_NO_TEXT: Final = re.compile("[\ud800-\udfff]")
"""Half characters: JSON can spell them, nothing can store them."""


class Refused(ValueError):
    """An item that cannot be ground truth; says why and what to send."""


class Item(NamedTuple):
    """One item of a request: the claims it makes, or why it makes none."""

    claims: Sequence[Claim]
    error: str | None = None


def post_ground_truth(state: AppState) -> Response:
    """Store one value, a batch's values, or a list of such items."""
    if not request.is_json:
        detail = f"Send Content-Type: application/json, not {request.mimetype or 'none at all'}."
        return problem(415, "Unsupported media type", detail)
    try:
        body = request.get_json(silent=True)
    except HTTPException as error:
        return problem(error.code or 400, "Unreadable ground truth", error.description or "")
    except RecursionError:
        body = None
    if not isinstance(body, dict | list):
        detail = 'Send JSON: {"prediction_id": ..., "value": ...}, or a list of such objects.'
        return problem(400, "Unreadable ground truth", detail)
    items = [_item(given) for given in (body if isinstance(body, list) else [body])]
    claims = [claim for item in items for claim in item.claims]
    try:
        verdicts = state.runtime.record_ground_truth(claims)
    except StoreError as error:
        detail = f"The store does not answer ({error}); nothing was recorded."
        return problem(503, "Store not available", detail, {"Retry-After": "5"})
    _tell(state, claims, verdicts)
    return jsonify(_summary(state, items, verdicts))


def record_values(state: AppState, prediction_id: str, value: Any, time: datetime | None) -> str:
    """Record one value from Python; return what became of it."""
    if time is not None and time.tzinfo is None:
        raise ConfigError("time", time, "give an aware datetime, such as datetime.now(UTC)")
    try:
        claim = Claim(
            _key("prediction_id", prediction_id),
            _scalar(_plain(value)),
            now() if time is None else time.timestamp(),
        )
    except ValueError as refused:
        raise ConfigError("ground truth", value, str(refused)) from None
    if not state.settings.enabled:
        return "pending"
    verdicts = state.runtime.record_ground_truth([claim])
    _tell(state, [claim], verdicts)
    return verdicts[0].result


def _item(given: Any) -> Item:
    try:
        return Item(_claims(given))
    except Refused as refused:
        return Item((), str(refused))


def _claims(given: Any) -> list[Claim]:
    if not isinstance(given, dict):
        raise Refused("send an object with prediction_id and value")
    unknown = sorted(set(given) - _FIELDS)
    if unknown:
        raise Refused(f"unknown field {unknown[0]!r}: send {', '.join(sorted(_FIELDS))}")
    external = "external_id" in given
    if external == ("prediction_id" in given):
        raise Refused("send either prediction_id or external_id")
    if ("value" in given) == ("values" in given):
        raise Refused("send either value or, for a batch, values")
    key = _key(*next((name, given[name]) for name in given if name.endswith("_id")))
    time = _time(given)
    if "value" in given:
        return [Claim(key, _scalar(given["value"]), time, external)]
    values = given["values"]
    if not isinstance(values, list) or not values:
        raise Refused("values must be a list with one value for each row")
    if external:
        return [Claim(key, _scalar(one), time, True, row) for row, one in enumerate(values)]
    return [Claim(f"{key}:{row}", _scalar(one), time) for row, one in enumerate(values)]


def _key(name: str, value: Any) -> str:
    if not (_is_text(value) and 0 < len(value) <= LONGEST_ID):
        raise Refused(f"{name} must be a text of 1 to {LONGEST_ID} characters")
    if name == "external_id" and not EXTERNAL_ID.fullmatch(value):
        raise Refused("external_id must match [A-Za-z0-9_.:-]{1,128}")
    return value


def _plain(value: Any) -> Any:
    """Return what a scalar of NumPy holds, and anything else as it is."""
    try:
        return value.item()
    except (AttributeError, TypeError, ValueError):
        return value


def _scalar(value: Any) -> Any:
    if _is_text(value) or (isinstance(value, int | float) and abs(value) <= sys.float_info.max):
        return value
    raise Refused("a value must be a text, a boolean or a finite number")


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and not _NO_TEXT.search(value)


def _time(given: Mapping[str, Any]) -> float:
    time = given.get("time")
    if time is None:
        return now()
    if isinstance(time, int | float) and not isinstance(time, bool) and abs(time) < LATEST:
        return float(time)
    try:
        parsed = datetime.fromisoformat(time)
    except (TypeError, ValueError):
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise Refused("time must be ISO 8601 with a time zone, or seconds since the epoch")
    return parsed.timestamp()


def _summary(state: AppState, items: Sequence[Item], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    counts = {"accepted": 0, "updated": 0, "pending": 0}
    invalid = []
    remaining = iter(verdicts)
    refused = 0
    for index, item in enumerate(items):
        if item.error is not None:
            refused += 1
            invalid.append({"index": index, "error": item.error})
        for _ in item.claims:
            verdict = next(remaining)
            if verdict.result == "invalid":
                invalid.append({"index": index, "error": verdict.error or ""})
            else:
                counts[verdict.result] += 1
    if refused:
        with state.runtime.faults.guard("counters"):
            TruthCounters(state.runtime.slot, UNKNOWN).came("invalid", refused)
    return {**counts, "invalid": invalid}


def _tell(state: AppState, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
    if not signals.ground_truth_recorded.receivers:
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for claim, verdict in zip(claims, verdicts, strict=True):
        if verdict.result != "invalid":
            key = verdict.matched.prediction_id if verdict.matched else claim.key
            truth = GroundTruth(key, claim.value, claim.time)
            with state.runtime.faults.guard("signal"):
                signals.ground_truth_recorded.send(app, ground_truth=truth, result=verdict.result)
