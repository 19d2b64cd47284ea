"""The settings of one app: `app.config` read once, checked, and frozen."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Self

from flask_mlmonitor._keys import BY_NAME, KEYS, PREFIX, Key
from flask_mlmonitor._parsers import Window
from flask_mlmonitor._quantities import Unreadable
from flask_mlmonitor.exceptions import ConfigError

__all__ = ["KEYS", "Key", "Settings", "Window"]

_ORDERED: Final = (
    *(
        (f"{name}_WARNING", f"{name}_CRITICAL")
        for name in (
            *("LATENCY", "ERROR_RATE", "PSI", "ACCURACY_DROP"),
            *("MISSING", "FALLBACK_RATE", "INVALID_RATE"),
        )
    ),
    ("ACCURACY_CRITICAL", "ACCURACY_WARNING"),
    ("MIN_THROUGHPUT", "MAX_THROUGHPUT"),
)


class _NotShown:
    """Stands for a value in an error that a log must not hold."""

    def __repr__(self) -> str:
        return "(not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an app configured, a field per key of :data:`KEYS`; durations are in seconds.

    :param alarm_budget: false alarms per day.
    :param latency_buckets: with the latency thresholds of every model.
    :param models: what differs for a model, by its name and the field's.
    :param explicit: the names of the keys that were set, not left at their default.
    """

    enabled: bool
    store_url: str = field(repr=False)
    data_dir: Path
    url_prefix: str
    metrics_path: str | None
    metrics_prefix: str
    latency_buckets: tuple[float, ...]
    throughput_window: float
    cloudwatch_namespace: str | None
    api_token: str | None = field(repr=False)
    metrics_token: str | None = field(repr=False)
    sample_rate: float
    redact: tuple[str, ...]
    hash: tuple[str, ...]
    hash_key: str | None = field(repr=False)
    retention_days: int
    record_extra: bool
    background: Literal["thread", "external"]
    journal_max_bytes: int
    journal_full: Literal["drop_newest", "drop_oldest"]
    durability: Literal["process", "interval"]
    breaker_failures: int
    breaker_reset: float
    latency_warning: float
    latency_critical: float
    psi_warning: float
    psi_critical: float
    missing_warning: float
    missing_critical: float
    outlier_warning: float
    accuracy_warning: float
    accuracy_critical: float
    accuracy_drop_warning: float
    accuracy_drop_critical: float
    error_rate_warning: float
    error_rate_critical: float
    min_throughput: float | None
    max_throughput: float | None
    fallback_rate_warning: float
    fallback_rate_critical: float
    invalid_rate_warning: float
    invalid_rate_critical: float
    ground_truth_stale: float
    evaluation_interval: float
    windows: tuple[Window, ...]
    second_reference: Literal["previous", "day", "week"] | None
    min_samples: int
    alarm_budget: float
    alert_for: float
    alert_repeat: float
    alert_route_warning: tuple[str, ...]
    alert_route_critical: tuple[str, ...]
    runbook_url: str | None
    slack_webhook_url: str | None = field(repr=False)
    slack_webhook_url_critical: str | None = field(repr=False)
    pagerduty_routing_key: str | None = field(repr=False)
    smtp_url: str | None = field(repr=False)
    email_to: tuple[str, ...]
    webhook_url: str | None = field(repr=False)
    webhook_secret: str | None = field(repr=False)
    alertmanager_url: str | None = field(repr=False)
    apprise_urls: tuple[str, ...] = field(repr=False)
    retrain_accuracy: float
    retrain_psi: float
    retrain_cooldown: float
    retrain_webhook_url: str | None = field(repr=False)
    models: Mapping[str, Mapping[str, object]]
    explicit: frozenset[str]

    @classmethod
    def from_mapping(cls, config: Mapping[str, object], *, instance_path: str) -> Self:
        """Read the ``MLMONITOR_`` keys of *config*.

        :param instance_path: the folder in which relative paths begin.
        :raises ConfigError: for an unknown key, a wrong value, or values that contradict.
        """
        given = {name.removeprefix(PREFIX): config[name] for name in config if _ours(name)}
        for name in given:
            if name not in BY_NAME:
                raise _unknown(PREFIX + name, PREFIX + _nearest(name, BY_NAME))
        values = {key.field: _value(key, given.get(key.name, "")) for key in KEYS}
        explicit = frozenset(name for name, value in given.items() if _is_set(BY_NAME[name], value))
        values |= _following(values, explicit)
        models = {name: _overrides(name, items) for name, items in values["models"].items()}
        for items in models.values():
            set_for_it = explicit | {name.upper() for name in items}
            items |= _following({**values, **items}, set_for_it)
        values["models"] = MappingProxyType(
            {name: MappingProxyType(items) for name, items in models.items()}
        )
        values["data_dir"] = Path(instance_path, values["data_dir"])
        values["store_url"] = _in_folder(values["store_url"], instance_path)
        values["latency_buckets"] = _with_thresholds(values)
        settings = cls(**values, explicit=explicit)
        settings._check("")
        for name in settings.models:
            settings.for_model(name)._check(f" for model {name!r}")
        return settings

    @property
    def data_dir_set(self) -> bool:
        """Whether the data folder was chosen, so that no other may take its place."""
        return "DATA_DIR" in self.explicit

    @property
    def store_url_set(self) -> bool:
        """Whether the store was chosen, so that no other may take its place."""
        return "STORE_URL" in self.explicit

    @property
    def private(self) -> bool:
        """Whether there are values that must not be written down."""
        return bool(self.redact or self.hash)

    @property
    def retention_days_set(self) -> bool:
        """Whether the retention was chosen, so that no other may hold."""
        return "RETENTION_DAYS" in self.explicit

    @property
    def accuracy_set(self) -> bool:
        """Whether absolute limits of the accuracy were chosen, so that they hold."""
        return not self.explicit.isdisjoint({"ACCURACY_WARNING", "ACCURACY_CRITICAL"})

    def for_model(self, model: str) -> Self:
        """Return the settings that hold for *model*."""
        overrides = self.models.get(model)
        if not overrides:
            return self
        explicit = self.explicit | {name.upper() for name in overrides}
        changes: dict[str, Any] = {**overrides, "explicit": explicit}
        return replace(self, **changes)

    def _check(self, scope: str) -> None:
        for low, high in _ORDERED:
            least, most = getattr(self, low.lower()), getattr(self, high.lower())
            if least is not None and most is not None and least > most:
                remedy = f"set it to at most {PREFIX}{high} = {most!r}, or that one higher"
                raise ConfigError(f"{PREFIX}{low}{scope}", least, remedy)
        if self.hash and not self.hash_key:
            remedy = f"set {PREFIX}HASH_KEY too: what is hashed without a key can be guessed"
            raise ConfigError(f"{PREFIX}HASH{scope}", self.hash, remedy)
        if twice := set(self.hash) & set(self.redact):
            remedy = f"leave {min(twice)!r} in one of {PREFIX}HASH and {PREFIX}REDACT"
            raise ConfigError(f"{PREFIX}HASH{scope}", self.hash, remedy)
        if bool(self.email_to) != bool(self.smtp_url):
            remedy = f"set both {PREFIX}EMAIL_TO and {PREFIX}SMTP_URL, or neither"
            raise ConfigError(f"{PREFIX}EMAIL_TO", self.email_to, remedy)


def _ours(name: object) -> bool:
    return isinstance(name, str) and name.startswith(PREFIX)


def _is_set(key: Key, value: object) -> bool:
    if value is None:
        return key.kind.none
    return not (isinstance(value, str) and not value.strip())


def _value(key: Key, value: object) -> Any:
    if not _is_set(key, value):
        return None if key.default is None else key.kind.parse(key.default)
    return _parsed(key, value, key.config_name)


def _parsed(key: Key, value: object, label: str) -> Any:
    if value is None:
        return None
    try:
        return key.kind.parse(value)
    except Unreadable as unreadable:
        shown = _NotShown() if key.secret else value
        raise ConfigError(label, shown, str(unreadable)) from None


def _following(values: Mapping[str, Any], explicit: Collection[str]) -> dict[str, Any]:
    """Return the thresholds that nobody set, and that give way to the other one of their pair."""
    found = {}
    for low, high in _ORDERED:
        least, most = values[low.lower()], values[high.lower()]
        if None in (least, most) or least <= most or (low in explicit) is (high in explicit):
            continue
        given, other = (low, high) if low in explicit else (high, low)
        found[other.lower()] = values[given.lower()]
    return found


def _overrides(model: str, items: Mapping[str, object]) -> dict[str, object]:
    read: dict[str, object] = {}
    for name, value in items.items():
        label = f"{PREFIX}MODELS[{model!r}][{name!r}]"
        key = BY_NAME.get(name)
        if key is None:
            known = [key.name for key in KEYS if key.per_model]
            raise _unknown(label, _nearest(name, known))
        if not key.per_model:
            remedy = f"it holds for all models: set {key.config_name} instead"
            raise ConfigError(label, _NotShown(), remedy)
        if _is_set(key, value):
            read[key.field] = _parsed(key, value, label)
    return read


def _nearest(name: str, known: Iterable[str]) -> str:
    return difflib.get_close_matches(str(name).upper(), known, n=1, cutoff=0)[0]


def _unknown(label: str, nearest: str) -> ConfigError:
    # The value may be a secret under a misspelt name.
    return ConfigError(label, _NotShown(), f"there is no such key; the nearest one is {nearest}")


def _in_folder(url: str, folder: str) -> str:
    dialect, separator, path = url.partition(":///")
    if not dialect.startswith("sqlite") or path.startswith(("/", ":", "file:")) or not path:
        return url
    return f"{dialect}{separator}{Path(folder, path)}"


def _with_thresholds(values: Mapping[str, Any]) -> tuple[float, ...]:
    names = ("latency_warning", "latency_critical")
    layers = (values, *values["models"].values())
    thresholds = {layer[name] for layer in layers for name in names if name in layer}
    return tuple(sorted({*values["latency_buckets"], *thresholds}))
