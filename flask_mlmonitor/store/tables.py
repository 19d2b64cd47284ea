"""All tables of the store.

Times are seconds since the epoch. Features, predictions, probabilities and ground truth are JSON
text, so that people can query them.
"""

from typing import Any, Final

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    event,
)
from sqlalchemy.ext.compiler import compiles


class Json(Text):
    """Text that a database which can look into JSON keeps as such; it is read as text from both."""


@compiles(Json, "postgresql")
def _jsonb(_type: Json, _compiler: Any, **_: Any) -> str:
    return "JSONB"


METADATA: Final = MetaData()

predictions: Final = Table(
    "predictions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("external_id", Text),
    Column("app", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("features", Json, nullable=False),
    Column("prediction", Text),
    Column("probability", Text),
    Column("latency", Float),
    Column("source", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("error_type", Text),
    Column("fallback_reason", Text),
    Index("predictions_by_time", "model", "version", "time"),
)

# Most callers send none. Said in SQL: Index would load the dialect of every database that it names.
event.listen(
    predictions,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        "CREATE INDEX predictions_by_external_id ON predictions (external_id) "
        "WHERE external_id IS NOT NULL"
    ),
)

ground_truth: Final = Table(
    "ground_truth",
    METADATA,
    Column("prediction_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("predicted", Float, nullable=False),
    Column("value", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("received", Float, nullable=False),
    Index("ground_truth_by_time", "model", "version", "predicted"),
)
"""Ground truth whose prediction is stored; no foreign key, so that either may be pruned alone."""

pending_ground_truth: Final = Table(
    "pending_ground_truth",
    METADATA,
    Column("key", Text, nullable=False),
    Column("external", Integer, nullable=False),
    Column("row", Integer, nullable=False),
    Column("value", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("received", Float, nullable=False),
    PrimaryKeyConstraint("key", "external", "row"),
)
"""Ground truth that came before its prediction; the drain moves it when the prediction comes.

*key* is a prediction's id or, with *external* 1, the caller's; *row* is -1 or a batch's row.
"""

truth_hours: Final = Table(
    "truth_hours",
    METADATA,
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("hour", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("judged", BigInteger, nullable=False),
    Column("summed", BigInteger),
    Column("layout", Text),
    Column("sums", LargeBinary),
    PrimaryKeyConstraint("model", "version", "hour"),
)
"""The ground truth of the predictions of each hour, added up.

*token* is another one after each change of that truth. *summed* is the token that *sums* is of,
and *judged* the one of which the windows with this hour were judged last.
"""

horizons: Final = Table(
    "horizons",
    METADATA,
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    PrimaryKeyConstraint("model", "version"),
)
"""From when on all predictions of a model are kept; of before, some were deleted."""

bins: Final = Table(
    "bins",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("definition", LargeBinary, nullable=False),
)
"""What the cells of a rollup mean; counts of different definitions are never added."""

rollups: Final = Table(
    "rollups",
    METADATA,
    Column("level", Integer, nullable=False),
    Column("folded", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("bucket", BigInteger, nullable=False),
    Column("bins_id", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    # Whoever reads the counts of a row of SQLite passes over the columns before them.
    Column("operations", LargeBinary, nullable=False),
    Column("predictions", LargeBinary, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    Column("moments", LargeBinary, nullable=False),
    PrimaryKeyConstraint(
        *("level", "folded", "model", "version", "bucket", "bins_id", "segment", "offset")
    ),
)
"""Parts, which add up; *level* is the bucket's length and *bucket* its start, both in seconds.

A part with *folded* 1 is contained in a part of the next level, too. *segment* and *offset* say
where a part came from; of a sum of parts, the segment is a name of its own.
"""

for _block in ("predictions", "counts", "moments"):
    # To compress them takes PostgreSQL several times as long as to write them, and saves little.
    _as_it_is = DDL(  # type: ignore[no-untyped-call]
        f"ALTER TABLE rollups ALTER {_block} SET STORAGE EXTERNAL"
    )
    event.listen(rollups, "after_create", _as_it_is.execute_if(dialect="postgresql"))

totals: Final = Table(
    "totals",
    METADATA,
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("predictions", BigInteger, nullable=False),
    Column("answered", BigInteger, nullable=False),
    Column("ground_truth", BigInteger, nullable=False),
    Column("truth_time", Float),
    PrimaryKeyConstraint("model", "version"),
)
"""All predictions ever counted, the stored ones with a value, and those whose truth came.

*truth_time* is when truth came last.
"""

segment_offsets: Final = Table(
    "segment_offsets",
    METADATA,
    Column("segment", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
    Column("removed", Float),
)
"""How far each segment is drained, and when its file was removed."""

gaps: Final = Table(
    "gaps",
    METADATA,
    Column("segment", Text, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("part", Integer, nullable=False),
    Column("start", Float, nullable=False),
    Column("end", Float, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("segment", "offset", "part"),
)
"""Predictions that could not be recorded; a window that overlaps a gap knows it is incomplete."""

dead_letters: Final = Table(
    "dead_letters",
    METADATA,
    Column("segment", Text, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("time", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("record", LargeBinary, nullable=False),
    PrimaryKeyConstraint("segment", "offset"),
)
"""Records that the store refused, kept as the journal had them; and rows about alerts that meant
nothing, as they were."""

evaluations: Final = Table(
    "evaluations",
    METADATA,
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("end", Float, nullable=False),
    Column("start", Float, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("measured", Integer, nullable=False),
    Column("told", Integer, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("result", Text, nullable=False),
    PrimaryKeyConstraint("model", "version", "window", "end"),
)
"""One row for each window that was judged: *result* is all of it.

*epoch* is that of the lease, 0 for what was evaluated by hand; *seconds* is how long the whole run
took; *measured* is 1 where enough ground truth was known to measure the performance; *told* is 0
until alerts were decided upon by it as it is; *due* is 0, or a number of its own since ground truth
came that this result does not know.
"""

event.listen(
    evaluations,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        'CREATE INDEX evaluations_measured ON evaluations (model, version, "window", "end") '
        "WHERE measured = 1"
    ),
)
event.listen(
    evaluations,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        'CREATE INDEX evaluations_untold ON evaluations (model, version, "end") WHERE told = 0'
    ),
)
event.listen(
    evaluations,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        'CREATE INDEX evaluations_due ON evaluations (model, version, "end") WHERE due > 0'
    ),
)

alerts: Final = Table(
    "alerts",
    METADATA,
    Column("app", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("feature", Text),
    Column("state", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("since", Float, nullable=False),
    Column("series", Text, nullable=False),
    PrimaryKeyConstraint("app", "fingerprint"),
)
"""Figures of which there is something to remember; *series* is all of it."""

alert_groups: Final = Table(
    "alert_groups",
    METADATA,
    Column("app", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("told", Text, nullable=False),
    PrimaryKeyConstraint("app", "key"),
)
"""What people were told of the alerts that are open."""

silences: Final = Table(
    "silences",
    METADATA,
    Column("app", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("until", Float, nullable=False),
    Column("silence", Text, nullable=False),
    PrimaryKeyConstraint("app", "id"),
)

alert_versions: Final = Table(
    "alert_versions",
    METADATA,
    Column("app", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    PrimaryKeyConstraint("app", "model", "version"),
)
"""The models and versions that were ever looked at, so that a new one is told from the others."""

alert_history: Final = Table(
    "alert_history",
    METADATA,
    Column("app", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("why", Text),
    Column("alert", Text, nullable=False),
    PrimaryKeyConstraint("app", "id", "event", "time"),
    Index("alert_history_by_time", "app", "time"),
)

retraining_history: Final = Table(
    "retraining_history",
    METADATA,
    Column("app", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("recommendation", Text, nullable=False),
    PrimaryKeyConstraint("app", "model", "version", "time"),
)

outbox: Final = Table(
    "outbox",
    METADATA,
    Column("app", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("due", Float, nullable=False),
    Column("hold", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("known", Integer, nullable=False),
    Column("tried", Float, nullable=False),
    Column("holder", Text),
    Column("outcome", Text),
    Column("detail", Text),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("app", "channel", "id"),
    Index("outbox_by_key", "app", "channel", "key", "created"),
)
"""What people are told: a row for each message and channel: waiting, delivered or dead.

*known* is 1 where the receiver may have heard of the incident. *tried* is when the last try began,
by the database's clock, and *holder* who makes it, while it lasts. Before *hold*, nothing goes
through the channel.
"""

# One message of a group waits for a channel. Said in SQL for the reason given above.
event.listen(
    outbox,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        "CREATE UNIQUE INDEX outbox_waiting ON outbox (app, channel, key) WHERE state = 'waiting'"
    ),
)

leases: Final = Table(
    "leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("expires", Float, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("since", Float, nullable=False),
)
"""Who does what one process of all hosts does; the times are of the database's clock."""

schema_version: Final = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
)
