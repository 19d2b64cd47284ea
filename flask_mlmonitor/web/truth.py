"""Ground truth over HTTP."""

from collections.abc import Iterable, Iterator
from typing import Final

from flask import Response, jsonify, request
from werkzeug.exceptions import HTTPException

from flask_mlmonitor._app import AppState
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.patience import in_a_request
from flask_mlmonitor.truth.items import Entry, Unreadable
from flask_mlmonitor.truth.lines import BLOCK, read_csv, read_ndjson
from flask_mlmonitor.truth.recording import Summary, record
from flask_mlmonitor.truth.tables import Columns
from flask_mlmonitor.web.problems import problem

NDJSON: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
CSV: Final = "text/csv"

_UNREADABLE: Final = "Unreadable ground truth"


def post_ground_truth(state: AppState) -> Response:
    """Store what the body holds, read as it comes: JSON, NDJSON or CSV."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        detail = f"Send the body as it is, without Content-Encoding: {encoding}."
        return problem(415, "Unsupported content encoding", detail)
    summary = Summary()
    try:
        with in_a_request():
            for part in record(state, _entries()):
                summary.add(part)
    except Unreadable as error:
        return problem(400, _UNREADABLE, f"{error}.")
    except HTTPException as error:
        detail = error.description or "The body could not be read."
        return problem(error.code or 400, _UNREADABLE, f"{detail} {_kept(summary)}")
    except StoreError as error:
        detail = f"The store does not answer ({error}). {_kept(summary)}"
        return problem(503, "Store not available", detail, {"Retry-After": "5"})
    return jsonify(summary.document())


def _entries() -> Iterable[Entry]:
    if request.mimetype == CSV:
        return read_csv(_blocks(), Columns())
    if request.mimetype in NDJSON:
        return read_ndjson(_blocks())
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        body = None
    if not isinstance(body, dict | list):
        raise Unreadable(
            'Send JSON: {"prediction_id": ..., "value": ...}, or a list of such objects'
        )
    items = body if isinstance(body, list) else [body]
    return (Entry(index, given) for index, given in enumerate(items))


def _blocks() -> Iterator[bytes]:
    block = b""
    while more := request.stream.read(BLOCK):
        yield (block := more)
    if not block:  # the app may have read it before; then Flask kept it
        yield request.get_data()


def _kept(summary: Summary) -> str:
    if not summary.end:
        return "Of this request nothing was recorded."
    return (
        f"The first {summary.end} items of this request were recorded: send all of it again, "
        "and they count as updated."
    )
