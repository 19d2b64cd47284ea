"""The one table of the `MLMONITOR_` keys: the settings and their page in the docs follow it."""

from dataclasses import dataclass
from typing import Final

from flask_mlmonitor import _parsers as read
from flask_mlmonitor import _quantities as quantity
from flask_mlmonitor._parsers import Kind

PREFIX: Final = "MLMONITOR_"


@dataclass(frozen=True, slots=True)
class Key:
    """One configuration key.

    :param name: without the prefix.
    :param default: read like a configured value; ``None`` leaves the key unset.
    :param meaning: one sentence for the docs.
    :param per_model: whether ``MLMONITOR_MODELS`` may set it for one model.
    :param secret: whether its value must not be shown.
    """

    name: str
    kind: Kind
    default: object
    meaning: str
    per_model: bool = False
    secret: bool = False

    @property
    def field(self) -> str:
        """The name of its field in the settings."""
        return self.name.lower()

    @property
    def config_name(self) -> str:
        """Its full name in `app.config`."""
        return PREFIX + self.name


_FLAG: Final = Kind("true or false", read.flag)
_TOKEN: Final = Kind("text", read.token)
_TEXTS: Final = Kind("list of texts", read.texts)
_DURATION: Final = Kind("duration", quantity.above_zero(quantity.seconds))
_DELAY: Final = Kind("duration, 0 allowed", quantity.within(quantity.seconds, 0))
_SHARE: Final = Kind("0 to 1", quantity.within(quantity.number, 0, 1))
_SCORE: Final = Kind("number, at least 0", quantity.within(quantity.number, 0))
_COUNT: Final = Kind("whole number, at least 1", quantity.within(quantity.whole, 1))
_WEB_URL: Final = Kind("URL", read.url("https", "http"))
_CHANNELS: Final = Kind(
    "list of channels",
    read.some_of("log", "slack", "email", "pagerduty", "webhook", "alertmanager", "apprise"),
)


def _limit(name: str, kind: Kind, default: object, meaning: str) -> Key:
    return Key(name, kind, default, meaning, per_model=True)


def _limits(name: str, kind: Kind, values: tuple[object, object], what: str) -> tuple[Key, Key]:
    warning, critical = values
    return (
        _limit(f"{name}_WARNING", kind, warning, f"{what} this is a warning."),
        _limit(f"{name}_CRITICAL", kind, critical, f"{what} this is critical."),
    )


def _secret(name: str, kind: Kind, meaning: str) -> Key:
    return Key(name, kind, None, meaning, secret=True)


GROUPS: Final[dict[str, tuple[Key, ...]]] = {
    "The monitor": (
        Key("ENABLED", _FLAG, True, "Whether to monitor at all; off, views run as if undecorated."),
        Key(
            "STORE_URL",
            Kind("SQLAlchemy URL", read.store_url),
            "sqlite:///mlmonitor.sqlite3",
            "Where predictions, ground truth and results are kept: a SQLite file, whose relative "
            "path begins in the app's instance folder, or `postgresql://user:password@host/name` "
            "for several hosts.",
            secret=True,
        ),
        Key(
            "DATA_DIR",
            Kind("folder", read.folder),
            "mlmonitor",
            "The host's journal and counters, shared by all its workers; a relative path begins "
            "in the app's instance folder.",
        ),
        Key(
            "URL_PREFIX",
            Kind("URL path", read.url_path),
            "/mlmonitor",
            "Where the page is, ground truth is reported and the health is asked.",
        ),
    ),
    "Metrics": (
        Key(
            "METRICS_PATH",
            Kind("URL path or None", read.url_path, none=True),
            "/metrics",
            "Where Prometheus scrapes; `None` turns it off.",
        ),
        Key(
            "METRICS_PREFIX",
            Kind("name", read.metric_prefix),
            "ml",
            "The first word of the names of the models' metrics.",
        ),
        Key(
            "LATENCY_BUCKETS",
            Kind("list of durations", read.bounds),
            ".001,.0025,.005,.01,.025,.05,.1,.25,.5,1,2.5,5,10,30,60",
            "The bounds of the latency histogram; every model's latency thresholds are added.",
        ),
        Key("THROUGHPUT_WINDOW", _DURATION, 60, "The sliding window of the requests per second."),
        Key(
            "CLOUDWATCH_NAMESPACE",
            Kind("text", read.namespace),
            None,
            "The CloudWatch namespace that the figures are put to, such as `MLOps/Models`.",
        ),
    ),
    "Access": (
        _secret("API_TOKEN", _TOKEN, "Lets its bearer read and write below the URL prefix."),
        _secret("METRICS_TOKEN", _TOKEN, "Closes the metrics to all but its bearer."),
    ),
    "Recording": (
        _limit(
            "SAMPLE_RATE", _SHARE, 1.0, "The share of predictions stored; all of them are counted."
        ),
        _limit("REDACT", _TEXTS, "", "Features whose values are never written down."),
        _limit("HASH", _TEXTS, "", "Features that are written down as a keyed hash."),
        _secret("HASH_KEY", _TOKEN, "The key of that hash (HMAC-SHA256)."),
        Key(
            "RETENTION_DAYS",
            _COUNT,
            30,
            "How long predictions and their ground truth are kept; rollups stay.",
        ),
        _limit("RECORD_EXTRA", _FLAG, False, "Whether fields unknown to the baseline are kept."),
    ),
    "Journal and background": (
        Key(
            "BACKGROUND",
            Kind("`thread` or `external`", read.choice("thread", "external")),
            "thread",
            "Who drains the journal: a thread of one of the web workers, or "
            "`flask mlmonitor worker` alone.",
        ),
        Key(
            "JOURNAL_MAX_BYTES",
            Kind("size, at least 1 MiB", quantity.within(quantity.size, 1024**2)),
            "1 GiB",
            "How much the journal may hold while the store is down.",
        ),
        Key(
            "JOURNAL_FULL",
            Kind("`drop_newest` or `drop_oldest`", read.choice("drop_newest", "drop_oldest")),
            "drop_newest",
            "Which predictions a full journal gives up.",
        ),
        Key(
            "DURABILITY",
            Kind("`process` or `interval`", read.choice("process", "interval")),
            "process",
            "What a recorded prediction survives: the death of any process, or also that of "
            "the machine, but for the last half second.",
        ),
    ),
    "Fallback": (
        _limit("BREAKER_FAILURES", _COUNT, 5, "Failures in a row that open the circuit."),
        _limit("BREAKER_RESET", _DURATION, 30, "How long an open circuit waits for its next try."),
    ),
    "Thresholds": (
        _limit("LATENCY_WARNING", _DURATION, 0.5, "A prediction slower than this is logged."),
        _limit("LATENCY_CRITICAL", _DURATION, 2.0, "A latency above this is critical."),
        *_limits("PSI", _SCORE, (0.1, 0.2), "A significant drift with a PSI of at least"),
        *_limits("MISSING", _SHARE, (0.1, 0.3), "A share of missing values in a feature above"),
        _limit("OUTLIER_WARNING", _SHARE, 0.05, "A share of outliers above this is a warning."),
        *_limits(
            "ACCURACY",
            _SHARE,
            (0.85, 0.75),
            "Used when set, or when the baseline knows no accuracy: one below",
        ),
        *_limits(
            "ACCURACY_DROP",
            _SHARE,
            (0.05, 0.10),
            "Used otherwise: accuracy or F1 so far below the baseline's, or an error of a "
            "regression above it by more than this share:",
        ),
        *_limits("ERROR_RATE", _SHARE, (0.01, 0.05), "A share of failed predictions above"),
        _limit("MIN_THROUGHPUT", _SCORE, None, "Fewer requests per second are a warning."),
        _limit("MAX_THROUGHPUT", _SCORE, None, "More requests per second are a warning."),
        *_limits("FALLBACK_RATE", _SHARE, (0.05, 0.2), "A share of fallback answers above"),
        *_limits("INVALID_RATE", _SHARE, (0.05, 0.2), "A share of invalid input above"),
        _limit(
            "GROUND_TRUTH_STALE",
            _DURATION,
            "7d",
            "No ground truth for longer than this is a warning, where any ever came.",
        ),
    ),
    "Evaluation": (
        Key(
            "EVALUATION_INTERVAL",
            _DURATION,
            60,
            "How often the figures are looked at; a slow prediction is logged at most that often.",
        ),
        Key(
            "WINDOWS",
            Kind("list of durations or counts", read.windows),
            "1h,6h,24h",
            "The spans that are judged; a bare whole number means the last predictions, at "
            "least that many.",
        ),
        Key(
            "SECOND_REFERENCE",
            Kind("`previous`, `day` or `week`", read.choice("previous", "day", "week")),
            None,
            "Where traffic has cycles: a feature has drifted only if it also differs from the "
            "window before, or from the same hours a day or a week ago.",
            per_model=True,
        ),
        _limit("MIN_SAMPLES", _COUNT, 200, "A window with fewer predictions is not judged."),
        _limit(
            "ALARM_BUDGET",
            Kind("how often", quantity.per_day),
            "1/month",
            "How many false drift alarms a model may send while its data is stable.",
        ),
    ),
    "Alerts": (
        _limit("ALERT_FOR", _DELAY, 120, "How long a breach must last before it alerts."),
        _limit("ALERT_REPEAT", _DURATION, "4h", "How often an alert that lasts is sent again."),
        _limit("ALERT_ROUTE_WARNING", _CHANNELS, "slack", "The channels of warnings."),
        _limit(
            "ALERT_ROUTE_CRITICAL",
            _CHANNELS,
            "pagerduty,slack,email",
            "The channels of critical alerts.",
        ),
        Key(
            "RUNBOOK_URL",
            _WEB_URL,
            None,
            "Where people read the runbook: messages link to it, each to its section. Unset, "
            "messages have no link, and the rules for Prometheus one to `/runbook` below the URL "
            "prefix, without a host.",
        ),
    ),
    "Channels": (
        _secret("SLACK_WEBHOOK_URL", _WEB_URL, "The incoming webhook of the Slack channel."),
        _secret("SLACK_WEBHOOK_URL_CRITICAL", _WEB_URL, "Another Slack channel for the critical."),
        _secret("PAGERDUTY_ROUTING_KEY", _TOKEN, "The integration key of the PagerDuty service."),
        _secret(
            "SMTP_URL",
            Kind("URL", read.url("smtp", "smtps")),
            "The mail server, `smtp://user:password@host:port`; `smtps` for TLS from the start.",
        ),
        Key("EMAIL_TO", Kind("list of addresses", read.emails), "", "Who gets the e-mails."),
        _secret("WEBHOOK_URL", _WEB_URL, "Where alerts are posted as JSON."),
        _secret(
            "WEBHOOK_SECRET",
            Kind("text, or `whsec_` and Base64", read.signing_key),
            "The key that signs what is posted there.",
        ),
        _secret("ALERTMANAGER_URL", _WEB_URL, "The Alertmanager that gets the alerts."),
        Key(
            "APPRISE_URLS",
            Kind("list of URLs", read.urls),
            "",
            "Where Apprise sends the alerts.",
            secret=True,
        ),
    ),
    "Retraining": (
        _limit("RETRAIN_ACCURACY", _SHARE, 0.85, "A mean accuracy below this asks for retraining."),
        _limit("RETRAIN_PSI", _SCORE, 0.2, "A drift with a PSI above this asks for retraining."),
        _limit("RETRAIN_COOLDOWN", _DELAY, "24h", "The least time between two such requests."),
        _secret("RETRAIN_WEBHOOK_URL", _WEB_URL, "Where such a request is posted."),
    ),
    "One model": (
        Key(
            "MODELS",
            Kind("mapping", read.models),
            {},
            "Sets some of these keys, without their prefix, for one model: "
            '`{"fraud": {"LATENCY_CRITICAL": 1.0}}`.',
        ),
    ),
}

KEYS: Final = tuple(key for keys in GROUPS.values() for key in keys)
BY_NAME: Final = {key.name: key for key in KEYS}
