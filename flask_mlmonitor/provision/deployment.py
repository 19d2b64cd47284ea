"""All that it takes to run the service and to watch it, as files."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from flask_mlmonitor._app import AppState
from flask_mlmonitor._keys import KEYS, PREFIX
from flask_mlmonitor.config import Settings
from flask_mlmonitor.dashboards import dashboards_for
from flask_mlmonitor.provision import receivers as whom
from flask_mlmonitor.provision.markdown import runbook
from flask_mlmonitor.provision.prometheus import rule_file
from flask_mlmonitor.provision.promql import duration
from flask_mlmonitor.provision.receivers import Receiver, receivers

FLASK: Final = f"FLASK_{PREFIX}"
"""How the environment spells the keys."""
METRICS: Final = "/metrics"
"""Where metrics are scraped if the app has a registry of its own."""
SECRETS: Final = {
    "secrets.env": "what the app reads, as `secrets.env.example` lists it",
    "grafana/secrets/admin_password": "the password of Grafana's user `admin`",
}
METRICS_TOKEN: Final = {
    "prometheus/secrets/metrics_token": "the value of `MLMONITOR_METRICS_TOKEN`",
}
ALERTMANAGER: Final = {
    whom.SLACK: "the value of `MLMONITOR_SLACK_WEBHOOK_URL`",
    whom.SLACK_CRITICAL: "the value of `MLMONITOR_SLACK_WEBHOOK_URL_CRITICAL`",
    whom.PAGERDUTY: "the value of `MLMONITOR_PAGERDUTY_ROUTING_KEY`",
    whom.PASSWORD: "the password in `MLMONITOR_SMTP_URL`; its user goes into `alertmanager.yml`",
}
_NO_LETTERS: Final = re.compile(r"[^a-z0-9]+")
_NAME: Final = 40
"""So long a name may be that becomes a part of others in Kubernetes and systemd."""


def deployment(state: AppState, target: str) -> Mapping[str, str]:
    """Return texts by the paths of their files; nothing secret is in them.

    :param target: what gunicorn and flask are told to serve, such as ``shop:create_app()``.
    :raises BaselineError: when a baseline cannot be read.
    """
    name = named(state.name)
    rules = rule_file(state, name)
    dashboards = dashboards_for(state.settings)
    return {
        ".gitignore": "secrets.env\nsecrets/\n",
        **_written(state.settings, name, target),
        "RUNBOOK.md": runbook(state),
        "prometheus/mlmonitor.rules.json": json.dumps(rules, indent=2, ensure_ascii=False) + "\n",
        **{f"grafana/dashboards/{file}": text for file, text in dashboards.items()},
    }


def named(app: str) -> str:
    """Return an app's name as everybody takes it.

    >>> named("Late_Flights.app"), named("__main__"), named("2x")
    ('late-flights-app', 'main', 'app-2x')
    """
    name = _NO_LETTERS.sub("-", app.lower()).strip("-")
    name = name if name[:1].isalpha() else f"app-{name}"
    return name[:_NAME].strip("-")


def _written(settings: Settings, name: str, target: str) -> dict[str, str]:
    templates = {
        "README.md": "README.md",
        "compose.yml": "compose.yml",
        "secrets.env.example": "secrets.env.example",
        "prometheus/prometheus.yml": "prometheus.yml",
        "alertmanager/alertmanager.yml": "alertmanager.yml",
        "grafana/provisioning/datasources/prometheus.yml": "datasource.yml",
        "grafana/provisioning/dashboards/mlmonitor.yml": "dashboards.yml",
        f"systemd/{name}.service": "service.service",
        f"systemd/{name}-worker.service": "worker.service",
        f"kubernetes/{name}.yml": "kubernetes.yml",
    }
    environment, given = _templates(), _given(settings, name, target)
    return {
        path: environment.get_template(template).render(given)
        for path, template in templates.items()
    }


def _given(settings: Settings, name: str, target: str) -> dict[str, Any]:
    """Return what the templates know; of secrets no more than that they are set."""
    sqlite = settings.store_url.startswith("sqlite")
    told = receivers(settings)
    return {
        "name": name,
        "target": target,
        "metrics_path": settings.metrics_path or METRICS,
        "metrics_token": settings.metrics_token is not None,
        "repeat": duration(settings.alert_repeat),
        "receivers": told,
        "sqlite": sqlite,
        "environment": lambda folder: _environment(folder, sqlite=sqlite),
        "secrets": [FLASK + key for key in _secret_keys(settings)],
        "secret_files": list(_secret_files(settings, told)),
        "runbook_url": settings.runbook_url,
    }


def _environment(folder: str, *, sqlite: bool) -> dict[str, str]:
    """Return what the service and its worker have to agree upon."""
    store = {"STORE_URL": f"sqlite:///{folder}/store.sqlite3"} if sqlite else {}
    keys = {
        "DATA_DIR": f"{folder}/data",
        **store,
        "BACKGROUND": "external",
        "ALERT_ROUTE_WARNING": "log",
        "ALERT_ROUTE_CRITICAL": "log",
    }
    return {FLASK + key: value for key, value in keys.items()}


def _secret_keys(settings: Settings) -> Iterator[str]:
    """Yield the keys that the app needs, and those that are set."""
    for key in KEYS:
        if key.name == "STORE_URL" and settings.store_url.startswith("sqlite"):
            continue
        if key.secret and (getattr(settings, key.field) or key.name == "API_TOKEN"):
            yield key.name


def _secret_files(settings: Settings, told: list[Receiver]) -> Iterator[tuple[str, str]]:
    yield from SECRETS.items()
    if settings.metrics_token is not None:
        yield from METRICS_TOKEN.items()
    for file in dict.fromkeys(file for receiver in told for file in receiver.files):
        yield f"alertmanager/secrets/{file}", ALERTMANAGER[file]


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = json.dumps
    environment.filters["unit"] = _for_a_unit
    return environment


def _for_a_unit(text: str) -> str:
    """Return one word of a unit of systemd.

    >>> _for_a_unit("shop:create_app('50%')")
    '"shop:create_app(\\'50%%\\')"'
    """
    return json.dumps(text, ensure_ascii=False).replace("%", "%%").replace("$", "$$")
