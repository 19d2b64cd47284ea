"""What an app may configure, and what it is told when that is wrong."""

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_mlmonitor import MLMonitor
from flask_mlmonitor._keys import BY_NAME
from flask_mlmonitor.config import KEYS, Settings, Window
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.testing import drained

INSTANCE = "/srv/shop/instance"
SECRET = "s3cr3t-Xy"


def settings(**config: object) -> Settings:
    """Read *config*, whose names lack the prefix."""
    prefixed = {f"MLMONITOR_{name}": value for name, value in config.items()}
    return Settings.from_mapping(prefixed, instance_path=INSTANCE)


def error(**config: object) -> str:
    """Return what is said about *config*."""
    with pytest.raises(ConfigError) as caught:
        settings(**config)
    return str(caught.value)


def test_every_key_has_a_field() -> None:
    """The settings and the table name the same keys in the same order."""
    fields = [field.name for field in dataclasses.fields(Settings)]

    assert fields == [*(key.field for key in KEYS), "explicit"]


def test_defaults() -> None:
    """An app that configures nothing gets the defaults of the contract."""
    read = settings()

    assert read.enabled
    assert read.store_url == f"sqlite:///{INSTANCE}/mlmonitor.sqlite3"
    assert read.data_dir == Path(INSTANCE, "mlmonitor")
    assert (read.url_prefix, read.metrics_path) == ("/mlmonitor", "/metrics")
    assert (read.latency_warning, read.latency_critical) == (0.5, 2.0)
    assert (read.accuracy_warning, read.accuracy_critical) == (0.85, 0.75)
    assert (read.min_throughput, read.max_throughput, read.api_token) == (None, None, None)
    assert read.alert_route_critical == ("pagerduty", "slack", "email")
    assert [window.seconds for window in read.windows] == [3600, 21600, 86400]
    assert read.alarm_budget == 1 / 30
    assert (read.alert_repeat, read.retrain_cooldown) == (14400, 86400)
    assert read.journal_max_bytes == 2**30
    assert (read.redact, read.email_to, read.models) == ((), (), {})
    assert read.latency_buckets[0] == 0.001
    assert read.latency_buckets[-1] == 60
    assert not read.explicit


def test_other_keys_of_the_app_are_left_alone() -> None:
    """Only keys with the prefix are read."""
    config = {"SECRET_KEY": "x", "MLMONITORING": 1, "MLMONITOR_MIN_SAMPLES": 50}

    assert Settings.from_mapping(config, instance_path=INSTANCE).min_samples == 50


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ENABLED", "no", False),
        ("ENABLED", 1, True),
        ("LATENCY_WARNING", "250ms", 0.25),
        ("LATENCY_WARNING", ".4", 0.4),
        ("THROUGHPUT_WINDOW", "2min", 120),
        ("ALERT_FOR", 0, 0),
        ("ALERT_REPEAT", "1d", 86400),
        ("BREAKER_RESET", "1w", 604800),
        ("JOURNAL_MAX_BYTES", "1.5 GiB", 1536 * 2**20),
        ("JOURNAL_MAX_BYTES", "20MB", 20_000_000),
        ("JOURNAL_MAX_BYTES", 1048576, 1048576),
        ("MIN_SAMPLES", "30", 30),
        ("MIN_SAMPLES", 30.0, 30),
        ("SAMPLE_RATE", 0, 0),
        ("PSI_WARNING", 0, 0),
        ("MIN_THROUGHPUT", "0.5", 0.5),
        ("ALARM_BUDGET", "2 / week", 2 / 7),
        ("REDACT", "ssn, name", ("ssn", "name")),
        ("REDACT", ["ssn", "name", "ssn"], ("ssn", "name")),
        ("ALERT_ROUTE_WARNING", [], ()),
        ("ALERT_ROUTE_WARNING", "log,webhook", ("log", "webhook")),
        ("WINDOWS", 500, (Window("500", count=500),)),
        ("WINDOWS", ["1h", 500], (Window("1h", seconds=3600), Window("500", count=500))),
        ("WINDOWS", "15m,1m,1m", (Window("1m", seconds=60), Window("15m", seconds=900))),
        ("METRICS_PATH", None, None),
        ("METRICS_PATH", "/internal/metrics/", "/internal/metrics"),
        ("METRICS_PREFIX", "shop_", "shop"),
        ("DATA_DIR", "monitor", Path(INSTANCE, "monitor")),
        ("DATA_DIR", Path("/var/lib/shop"), Path("/var/lib/shop")),
        ("STORE_URL", "sqlite:///a.db", f"sqlite:///{INSTANCE}/a.db"),
        ("STORE_URL", "sqlite+pysqlite:////var/a.db", "sqlite+pysqlite:////var/a.db"),
        ("STORE_URL", "sqlite:///:memory:", "sqlite:///:memory:"),
        ("STORE_URL", "postgresql://host/db", "postgresql://host/db"),
        ("SLACK_WEBHOOK_URL", "https://hooks.example/T/B", "https://hooks.example/T/B"),
        ("APPRISE_URLS", "tgram://a/b,json://c", ("tgram://a/b", "json://c")),
        ("CLOUDWATCH_NAMESPACE", "MLOps/Models", "MLOps/Models"),
    ],
)
def test_values_are_read(name: str, value: object, expected: object) -> None:
    """Text, numbers and lists mean what a person would expect."""
    read = settings(**{name: value})

    assert getattr(read, name.lower()) == expected
    assert read.explicit == {name}


@pytest.mark.parametrize("value", [None, "", "  "])
@pytest.mark.parametrize("name", ["MIN_SAMPLES", "API_TOKEN", "ALERT_ROUTE_WARNING", "DATA_DIR"])
def test_none_and_empty_text_leave_a_key_unset(name: str, value: object) -> None:
    """An environment may hold a variable without a value."""
    assert settings(**{name: value}) == settings()


def test_an_empty_metrics_path_is_unset() -> None:
    """Only None turns the metrics off; an empty variable does not."""
    assert settings(METRICS_PATH="").metrics_path == "/metrics"


def test_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde is the home of the user."""
    monkeypatch.setenv("HOME", "/home/ada")

    assert settings(DATA_DIR="~/monitor").data_dir == Path("/home/ada/monitor")


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `from_prefixed_env` made of environment variables is understood."""
    for name, value in {
        "MIN_SAMPLES": "50",
        "ENABLED": "true",
        "METRICS_PATH": "null",
        "ALERT_REPEAT": "8h",
        "API_TOKEN": '"0123"',
        "REDACT": '["ssn"]',
        "MODELS__fraud__LATENCY_CRITICAL": "1.0",
    }.items():
        monkeypatch.setenv(f"FLASK_MLMONITOR_{name}", value)
    app = Flask(__name__)
    app.config.from_prefixed_env()

    read = Settings.from_mapping(app.config, instance_path=app.instance_path)

    assert (read.min_samples, read.enabled, read.metrics_path) == (50, True, None)
    assert (read.alert_repeat, read.api_token, read.redact) == (28800, "0123", ("ssn",))
    assert read.for_model("fraud").latency_critical == 1.0


def test_a_token_that_became_a_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its leading zeros would be lost, so the error asks for quotes and keeps the digits."""
    monkeypatch.setenv("FLASK_MLMONITOR_API_TOKEN", "12345678")
    app = Flask(__name__)
    app.config.from_prefixed_env()

    with pytest.raises(ConfigError, match=r"MLMONITOR_API_TOKEN.*quote it") as caught:
        Settings.from_mapping(app.config, instance_path=app.instance_path)

    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("LATENCY_WARNIG", "MLMONITOR_LATENCY_WARNING"),
        ("STORE_URI", "MLMONITOR_STORE_URL"),
        ("API_TOKENS", "MLMONITOR_API_TOKEN"),
        ("latency_critical", "MLMONITOR_"),
        ("XYZ", "MLMONITOR_"),
    ],
)
def test_unknown_key(name: str, nearest: str) -> None:
    """A misspelt key is named with the nearest known one, without its value."""
    said = error(**{name: SECRET})

    assert f"MLMONITOR_{name}" in said
    assert f"the nearest one is {nearest}" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("ENABLED", "maybe", "true or false"),
        ("ENABLED", 2, "true or false"),
        ("LATENCY_WARNING", "fast", "such as '90s'"),
        ("LATENCY_WARNING", "5 parsecs", "such as '90s'"),
        ("LATENCY_WARNING", True, "such as '90s'"),
        ("LATENCY_WARNING", 0, "more than 0"),
        ("LATENCY_WARNING", math.nan, "such as '90s'"),
        ("ALERT_FOR", -1, "at least 0"),
        ("ERROR_RATE_WARNING", 5, "0 to 1"),
        ("ERROR_RATE_WARNING", "5 percent", "a number"),
        ("PSI_WARNING", math.inf, "a number"),
        ("PSI_WARNING", 10**400, "a number"),
        ("MIN_SAMPLES", -1, "at least 1"),
        ("MIN_SAMPLES", 1.5, "a whole number"),
        ("MIN_SAMPLES", False, "a number"),
        ("ALARM_BUDGET", "1/moon", "1/month"),
        ("ALARM_BUDGET", "0/month", "1/month"),
        ("ALARM_BUDGET", 3, "1/month"),
        ("JOURNAL_MAX_BYTES", "1 GiX", "512 MiB"),
        ("JOURNAL_MAX_BYTES", "9" * 308 + "TiB", "512 MiB"),
        ("JOURNAL_MAX_BYTES", 10, "at least 1048576"),
        ("JOURNAL_FULL", "drop", "one of 'drop_newest', 'drop_oldest'"),
        ("BACKGROUND", ["thread"], "one of 'thread', 'external'"),
        ("DURABILITY", 1, "one of 'process', 'interval'"),
        ("WINDOWS", "90s", "whole minutes"),
        ("WINDOWS", "-1h", "such as '90s'"),
        ("WINDOWS", "0", "at least 1"),
        ("WINDOWS", [], "at least one window"),
        ("REDACT", 7, "a list of texts"),
        ("REDACT", [7], "quote it"),
        ("ALERT_ROUTE_WARNING", "slack,pigeon", "'pigeon' is not one of 'log'"),
        ("URL_PREFIX", "mlmonitor", "begins with a slash"),
        ("URL_PREFIX", "/", "begins with a slash"),
        ("METRICS_PATH", "/a?b", "begins with a slash"),
        ("METRICS_PREFIX", "9x", "letters"),
        ("METRICS_PREFIX", 9, "letters"),
        ("STORE_URL", "predictions.sqlite3", "sqlite:///"),
        ("DATA_DIR", 5, "quote it"),
        ("API_TOKEN", "a b", "white space"),
        ("API_TOKEN", "token\n", "white space"),
        ("SLACK_WEBHOOK_URL", "hooks.example", "https://"),
        ("SLACK_WEBHOOK_URL", "https://", "https://"),
        ("SLACK_WEBHOOK_URL", "https://[", "https://"),
        ("SMTP_URL", "https://mail.example", "smtp://"),
        ("EMAIL_TO", "ada", "no e-mail address"),
        ("APPRISE_URLS", "telegram", "://"),
        ("LATENCY_BUCKETS", [], "such as '0.1, 0.5, 2'"),
        ("LATENCY_BUCKETS", 3, "such as '0.1, 0.5, 2'"),
        ("LATENCY_BUCKETS", [0, 1], "above 0"),
        ("CLOUDWATCH_NAMESPACE", 4, "quote it"),
        ("CLOUDWATCH_NAMESPACE", "AWS/SageMaker", "such as 'MLOps/Models'"),
        ("CLOUDWATCH_NAMESPACE", ":a", "such as 'MLOps/Models'"),
        ("MODELS", "fraud", "a mapping"),
        ("MODELS", {"fraud": 1}, "a mapping"),
        ("MODELS", {"fr aud": {}}, "'fr aud' is no model's name"),
    ],
)
def test_wrong_value(name: str, value: object, remedy: str) -> None:
    """The error names the key and the remedy, and the value where it is no secret."""
    said = error(**{name: value})

    assert said.startswith(f"MLMONITOR_{name} = ")
    assert remedy in said
    assert (repr(value) in said) is not BY_NAME[name].secret


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"LATENCY_WARNING": 3, "LATENCY_CRITICAL": 2},
            "MLMONITOR_LATENCY_WARNING = 3.0: .*_CRITICAL = 2.0",
        ),
        (
            {"ACCURACY_WARNING": 0.5, "ACCURACY_CRITICAL": 0.75},
            "MLMONITOR_ACCURACY_CRITICAL = 0.75: .*_WARNING = 0.5",
        ),
        ({"MIN_THROUGHPUT": 9, "MAX_THROUGHPUT": 1}, "MLMONITOR_MIN_THROUGHPUT = 9"),
        ({"HASH": "ssn"}, "MLMONITOR_HASH = .*MLMONITOR_HASH_KEY"),
        ({"HASH": "ssn", "HASH_KEY": "k", "REDACT": "ssn"}, "leave 'ssn' in one"),
        ({"EMAIL_TO": "ada@shop.example"}, "MLMONITOR_SMTP_URL"),
        ({"SMTP_URL": "smtp://mail.example"}, "MLMONITOR_EMAIL_TO"),
        (
            {"PSI_WARNING": 0.1, "MODELS": {"fraud": {"PSI_CRITICAL": 0.05}}},
            "PSI_WARNING for model 'fraud' = 0.1",
        ),
    ],
)
def test_values_that_contradict(config: Mapping[str, object], said: str) -> None:
    """Values that are right alone may be wrong together."""
    with pytest.raises(ConfigError, match=said):
        settings(**config)


@pytest.mark.parametrize(
    ("config", "thresholds"),
    [
        ({"LATENCY_WARNING": 3}, {"latency_warning": 3, "latency_critical": 3}),
        ({"LATENCY_CRITICAL": 0.1}, {"latency_warning": 0.1, "latency_critical": 0.1}),
        ({"LATENCY_CRITICAL": 1}, {"latency_warning": 0.5, "latency_critical": 1}),
        ({"ACCURACY_WARNING": 0.5}, {"accuracy_warning": 0.5, "accuracy_critical": 0.5}),
        ({"ACCURACY_CRITICAL": 0.9}, {"accuracy_warning": 0.9, "accuracy_critical": 0.9}),
        ({"ACCURACY_WARNING": 0.9}, {"accuracy_warning": 0.9, "accuracy_critical": 0.75}),
    ],
)
def test_a_threshold_that_nobody_set_gives_way(
    config: Mapping[str, object], thresholds: Mapping[str, float]
) -> None:
    """For all models, and for one, whose bound of the histogram it is then."""
    read = settings(MODELS={"fraud": config})
    fraud = read.for_model("fraud")

    assert {name: getattr(settings(**config), name) for name in thresholds} == thresholds
    assert {name: getattr(fraud, name) for name in thresholds} == thresholds
    assert {fraud.latency_warning, fraud.latency_critical} <= set(read.latency_buckets)
    assert (read.latency_warning, read.accuracy_warning) == (0.5, 0.85)


def test_equal_thresholds_are_allowed() -> None:
    """Warning and critical at once means: always critical."""
    assert settings(LATENCY_WARNING=2).latency_warning == 2


def test_one_model_may_differ() -> None:
    """An override holds for its model alone and counts as set."""
    read = settings(PSI_WARNING=0.05, MODELS={"fraud": {"ACCURACY_WARNING": "0.9", "HASH": None}})
    fraud = read.for_model("fraud")

    assert (fraud.accuracy_warning, read.accuracy_warning) == (0.9, 0.85)
    assert fraud.psi_warning == 0.05
    assert fraud.explicit == {"MODELS", "PSI_WARNING", "ACCURACY_WARNING"}
    assert read.for_model("churn") is read


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("LATENCY_CRITICL", "the nearest one is LATENCY_CRITICAL"),
        ("latency_critical", "the nearest one is LATENCY_CRITICAL"),
        ("STORE_URL", "set MLMONITOR_STORE_URL instead"),
        ("MODELS", "set MLMONITOR_MODELS instead"),
    ],
)
def test_wrong_override(name: str, remedy: str) -> None:
    """Only thresholds and the like can be set for one model."""
    said = error(MODELS={"fraud": {name: 1}})

    assert said.startswith(f"MLMONITOR_MODELS['fraud']['{name}']")
    assert remedy in said


def test_wrong_value_of_an_override() -> None:
    """An override is read as strictly as the key itself."""
    said = error(MODELS={"fraud": {"MIN_SAMPLES": 0}})

    assert said == "MLMONITOR_MODELS['fraud']['MIN_SAMPLES'] = 0: set at least 1"


def test_latency_thresholds_are_bounds_of_the_histogram() -> None:
    """Every model's histogram has the same bounds, so that they can be added."""
    models = {"fraud": {"LATENCY_WARNING": 0.07}, "churn": {"LATENCY_CRITICAL": 7}}
    read = settings(LATENCY_BUCKETS="1,0.1,1", LATENCY_WARNING=0.2, MODELS=models)

    assert list(read.latency_buckets) == [0.07, 0.1, 0.2, 1, 2, 7]
    assert read.for_model("fraud").latency_buckets == read.latency_buckets


def test_chosen_places_are_known() -> None:
    """A place that was chosen must not be replaced by a temporary one."""
    assert not settings().data_dir_set
    assert not settings().store_url_set
    assert settings(DATA_DIR="/data").data_dir_set
    assert settings(STORE_URL="sqlite:////data/a.db").store_url_set


def test_secrets_are_not_shown() -> None:
    """Settings may be logged: their text holds no token, key or address with a password."""
    examples = {"STORE_URL": f"postgresql://u:{SECRET}@h/d", "SMTP_URL": f"smtp://u:{SECRET}@h"}
    for key in KEYS:
        if key.secret and key.name not in examples:
            is_url = key.name.endswith(("_URL", "_URLS", "_CRITICAL"))
            examples[key.name] = f"https://h/{SECRET}" if is_url else SECRET
    read = settings(**examples, EMAIL_TO="ada@shop.example")

    assert read.pagerduty_routing_key == SECRET
    assert SECRET not in repr(read)


def test_no_secret_can_be_set_for_one_model() -> None:
    """Overrides are shown, secrets are not."""
    assert not [key.name for key in KEYS if key.secret and key.per_model]


def test_settings_are_frozen() -> None:
    """Nothing can change what was read."""
    name = "min_samples"

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(settings(), name, 5)


def test_settings_are_no_view_of_the_config() -> None:
    """What an app changes later has no effect."""
    models = {"fraud": {"MIN_SAMPLES": 5}}
    read = settings(MODELS=models)
    models["fraud"]["MIN_SAMPLES"] = 6

    assert read.for_model("fraud").min_samples == 5


def test_nothing_is_created(tmp_path: Path) -> None:
    """Reading settings writes nothing to the disk."""
    config = {"MLMONITOR_DATA_DIR": "a", "MLMONITOR_STORE_URL": "sqlite:///b.db"}
    Settings.from_mapping(config, instance_path=str(tmp_path))

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_store_in_memory_is_none(url: str) -> None:
    """What one connection wrote no other would find; a test's store is temporary anyhow."""
    app = Flask("shop")
    app.config["MLMONITOR_STORE_URL"] = url
    with pytest.raises(ConfigError, match=r"STORE_URL = 'sqlite:.*: set a file such as sqlite:///"):
        MLMonitor(app)
    app.config["TESTING"] = True
    monitor = MLMonitor(app)
    with app.app_context():
        monitor.record_prediction("fraud", {"age": 41}, 1)

    assert [row.prediction for row in drained(app)] == [1]


@given(
    st.sampled_from([key.name for key in KEYS]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_any_value_is_read_or_refused(name: str, value: object) -> None:
    """Whatever an environment holds, the outcome is settings or an error of ours."""
    with contextlib.suppress(ConfigError):
        settings(**{name: value})
