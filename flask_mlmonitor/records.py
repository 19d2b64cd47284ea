"""The frozen values that cross rooms."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

STATUSES: Final = ("success", "fallback", "error", "invalid")
ERROR_TYPES: Final = (
    "invalid_input",
    "validation_error",
    "nan_prediction",
    "timeout",
    "model_error",
    "unknown_error",
)
FALLBACK_REASONS: Final = ("error", "timeout", "invalid_input", "nan_prediction", "circuit_open")
DROP_REASONS: Final = (
    "journal_full",
    "disk_full",
    "write_error",
    "record_too_large",
    "segment_lost",
    "corrupt",
    "unreadable",
    "rejected",
)
NOTIFICATION_OUTCOMES: Final = (
    "delivered",
    "rateLimited",
    "authError",
    "clientError",
    "serverError",
    "noAnswer",
    "dead",
)
RULES: Final = ("missing", "type", "nan", "inf", "range", "category", "extra")


class FieldFailure(msgspec.Struct, frozen=True):
    """One field of one row that broke one rule of the baseline.

    :param row: the row's place in its batch, 0 for a single one.
    :param feature: the field; ``__extra__`` for fields the baseline does not know.
    :param rule: one of :data:`RULES`.
    """

    row: int
    feature: str
    rule: str


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One prediction's values as the journal keeps them.

    :param values: in the order of the schema's features; ``None`` is null or absent.
    :param prediction: a number, string or boolean; ``None`` where there is none.
    :param probability: P(positive), a list in the order of the classes, or class -> P.
    :param extra: recorded fields that the schema does not know; empty where none is recorded of
        those that were sent.
    :param absent: indices into *values* of the fields that were not sent at all, or are redacted.
    :param cells: for the fields that are redacted or hashed, the index into *values* and the cell
        of the feature's bins that the value fell into.
    """

    values: Sequence[Any]
    prediction: Any = None
    probability: Any = None
    extra: Mapping[str, Any] | None = None
    absent: Sequence[int] | None = None
    cells: Sequence[tuple[int, int]] | None = None

    def features(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the features by name, without those that were not sent or are redacted.

        >>> Row([41, None], absent=[1]).features(["age", "plan"])
        {'age': 41}
        """
        features = dict(zip(names, self.values, strict=False))
        for place in self.absent or ():
            features.pop(names[place], None)
        if self.extra:
            features.update(self.extra)
        return features


class Served(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="s"):
    """One request, or a part of it, as the journal keeps it: n predictions under one id.

    :param schema: the number of its schema in the segment.
    :param id: the request's; row *i* of a batch is ``<id>:i``.
    :param time: seconds since the epoch.
    :param status: index into :data:`STATUSES`.
    :param latency: seconds; ``None`` when neither view nor fallback ran.
    :param batch: whether the payload was of a batch dialect.
    :param error: index into :data:`ERROR_TYPES`, or -1.
    :param reason: index into :data:`FALLBACK_REASONS`, or -1.
    :param truncated: the features were too large and left out.
    :param first: the number of its first row; above 0 in the later parts of a large batch.
    :param stored: whether the store keeps its rows, or only their counts.
    """

    schema: int
    id: str
    time: float
    status: int
    latency: float | None
    batch: bool
    rows: Sequence[Row]
    external_id: str | None = None
    error: int = -1
    reason: int = -1
    truncated: bool = False
    first: int = 0
    stored: bool = True


class Schema(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """What a segment's rows mean; it stands behind the segment's header.

    :param binning: the encoded :class:`~flask_mlmonitor.stats.cells.binning.Binning`.
    """

    app: str
    model: str
    version: str
    binning: bytes


class Gap(msgspec.Struct, frozen=True, array_like=True, tag="g"):
    """Predictions that could not be recorded: how many, from when to when, and why.

    :param count: a lower bound.
    """

    start: float
    end: float
    count: int
    reason: str


class Prediction(msgspec.Struct, frozen=True):
    """One prediction as the store keeps it and as signals pass it on.

    :param time: seconds since the epoch.
    :param latency: seconds.
    :param status: one of :data:`STATUSES`.
    :param source: ``"primary"`` or ``"fallback"``.
    """

    id: str
    external_id: str | None
    app: str
    model: str
    version: str
    time: float
    features: Mapping[str, Any]
    prediction: Any
    probability: Any
    latency: float | None
    source: str
    status: str


class GroundTruth(msgspec.Struct, frozen=True):
    """What turned out to be true for one prediction.

    :param prediction_id: the id the caller received.
    :param time: seconds since the epoch, when the truth became known.
    """

    prediction_id: str
    value: Any
    time: float
