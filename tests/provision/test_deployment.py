"""What runs a service and watches it is written, and the program of each file takes it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flask_mlmonitor._keys import KEYS
from flask_mlmonitor.cli import cli
from flask_mlmonitor.provision.deployment import deployment
from tests.commands import FLASK, assert_told, environment_of
from tests.missing import missing
from tests.prometheuses import ask

if TYPE_CHECKING:
    from tests.conftest import Service

MakeShop = Callable[..., "Service"]
TARGET = "shop:create_app()"
BIN = Path(sys.executable).parent
SECRETS = {
    "STORE_URL": "postgresql://shop:hidden-1@db.example/shop",
    "API_TOKEN": "hidden-2",
    "METRICS_TOKEN": "hidden-3",
    "HASH_KEY": "hidden-4",
    "SLACK_WEBHOOK_URL": "https://slack.example/hidden-5",
    "SLACK_WEBHOOK_URL_CRITICAL": "https://slack.example/hidden-6",
    "PAGERDUTY_ROUTING_KEY": "hidden-7",
    "SMTP_URL": "smtp://hidden-8:hidden-9@mail.example",
    "WEBHOOK_URL": "https://hook.example/hidden-10",
    "WEBHOOK_SECRET": "hidden-11",
    "ALERTMANAGER_URL": "http://hidden-12@alertmanager.example",
    "APPRISE_URLS": "json://hidden-13@somewhere.example",
    "RETRAIN_WEBHOOK_URL": "https://train.example/hidden-14",
}
EVERYTHING = {
    **{f"MLMONITOR_{name}": value for name, value in SECRETS.items()},
    "MLMONITOR_EMAIL_TO": "ann@shop.example, bob@shop.example",
    "MLMONITOR_ALERT_ROUTE_WARNING": "slack,webhook,log",
    "MLMONITOR_METRICS_PATH": "/internal/metrics",
}


def write(folder: Path, service: "Service") -> None:
    """Write the files; those of the secrets, too, as their reader would."""
    texts = deployment(service.state, TARGET)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for path in re.findall(r"^\| `([\w./]+)` \| ", texts["README.md"], re.MULTILINE):
        if "secrets" in path:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("" if path == "secrets.env" else "secret\n")


@pytest.fixture(params=[{}, EVERYTHING], ids=["nothing", "everything"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, make_shop: MakeShop) -> Path:
    """The folder of an app that configured nothing, and of one that configured everything."""
    write(tmp_path, make_shop(**request.param))
    return tmp_path


def test_prometheus_takes_its_files(folder: Path) -> None:
    """The configuration with the rules that it names."""
    said = ask("promtool", "check", "config", folder / "prometheus" / "prometheus.yml")

    assert "1 rule files found" in said


def test_alertmanager_takes_its_file(folder: Path) -> None:
    """It sends what is critical to other people."""
    file = folder / "alertmanager" / "alertmanager.yml"

    assert "1 inhibit rules" in ask("amtool", "check-config", file)
    for severity in ("warning", "critical"):
        route = ("config", "routes", "test", f"--config.file={file}", f"severity={severity}")
        assert ask("amtool", *route).splitlines()[-1] == severity


def test_docker_compose_takes_its_file(folder: Path) -> None:
    """Service and worker have the same volume and the same environment."""
    done = subprocess.run(
        [BIN / "docker-compose", "-f", folder / "compose.yml", "config", "--format", "json"],
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]

    assert set(services) == {"service", "worker", "prometheus", "alertmanager", "grafana"}
    service, worker = services["service"], services["worker"]
    assert service["environment"] == worker["environment"]
    assert service["volumes"] == worker["volumes"]
    assert service["command"][-1] == worker["command"][2] == TARGET
    assert service["environment"]["FLASK_MLMONITOR_BACKGROUND"] == "external"


def test_kubernetes_takes_its_file(folder: Path) -> None:
    """By its schemas; nothing is in it that they do not know."""
    (file,) = (folder / "kubernetes").iterdir()
    done = subprocess.run(
        [BIN / "kubernetes-validate", "--strict", file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_takes_its_units(folder: Path) -> None:
    """With the programs of this environment, for it looks whether they are there."""
    if shutil.which("systemd-analyze") is None:
        missing("install systemd-analyze: apt-get install systemd")
    units = sorted((folder / "systemd").iterdir())
    for unit in units:
        unit.write_text(unit.read_text().replace("/srv/shop/.venv/bin", str(BIN)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )

    assert [unit.name for unit in units] == ["shop-worker.service", "shop.service"]
    assert (done.returncode, done.stderr) == (0, "")


def test_grafana_finds_what_it_needs(folder: Path) -> None:
    """No Grafana is at hand: the files are YAML, and their paths those of the compose file."""
    provisioning = folder / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "mlmonitor.yml").read_text())[
        "providers"
    ]
    volumes = yaml.safe_load((folder / "compose.yml").read_text())["services"]["grafana"]["volumes"]

    assert source["url"] == "http://prometheus:9090"
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in volumes
    assert len(list((folder / "grafana" / "dashboards").glob("*.json"))) == 4


def test_nothing_secret_is_written(make_shop: MakeShop) -> None:
    """Whatever is configured, it is named and not shown."""
    assert set(SECRETS) == {key.name for key in KEYS if key.secret}
    texts = deployment(make_shop(**EVERYTHING).state, TARGET)

    assert [path for path, text in texts.items() if "hidden-" in text] == []
    for name in SECRETS:
        assert f"\nFLASK_MLMONITOR_{name}=\n" in texts["secrets.env.example"]


def test_what_is_configured_is_there(make_shop: MakeShop) -> None:
    """Channels, the path of the metrics and their token, and the store."""
    texts = deployment(make_shop(**EVERYTHING).state, TARGET)
    scrape = yaml.safe_load(texts["prometheus/prometheus.yml"])["scrape_configs"][0]
    warning, critical = yaml.safe_load(texts["alertmanager/alertmanager.yml"])["receivers"]

    assert scrape["job_name"] == "shop"
    assert scrape["metrics_path"] == "/internal/metrics"
    assert scrape["authorization"] == {"credentials_file": "secrets/metrics_token"}
    assert set(warning) == {"name", "slack_configs"}
    assert "# webhook: only the app can send it" in texts["alertmanager/alertmanager.yml"]
    assert critical["slack_configs"][0]["api_url_file"].endswith("/slack_webhook_url_critical")
    assert critical["pagerduty_configs"][0]["routing_key_file"].endswith("/pagerduty_routing_key")
    (mail,) = critical["email_configs"]
    assert mail["to"] == "ann@shop.example, bob@shop.example"
    assert mail["smarthost"] == "mail.example:587"
    assert "sqlite" not in texts["compose.yml"]


def test_a_real_command(production: dict[str, Any], tmp_path: Path) -> None:
    """It names the app as it was named to it, and does so again without a word."""
    environment = environment_of(tmp_path, production)
    for _ in range(2):
        done = subprocess.run(
            [*FLASK, "--app", "service", "mlmonitor", "provision", tmp_path / "deploy"],
            env={**environment, "PYTHONPATH": f"{environment['PYTHONPATH']}:{tmp_path}"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert re.fullmatch(r"Wrote 17 files. Begin with .*README.md.\n", done.stderr)

    assert '"service:app"' in (tmp_path / "deploy" / "compose.yml").read_text()


def test_what_is_there_stays(shop: "Service", tmp_path: Path) -> None:
    """Unless it is told otherwise; and nothing is written then."""
    run = shop.app.test_cli_runner().invoke
    (tmp_path / "compose.yml").write_text("mine")

    result = run(cli, ["provision", str(tmp_path)])
    assert_told(result, 1, "compose.yml would be overwritten", "--force")
    assert [path.name for path in tmp_path.iterdir()] == ["compose.yml"]
    assert run(cli, ["provision", str(tmp_path), "--force"]).exit_code == 0
    assert (tmp_path / "compose.yml").read_text() != "mine"


def test_where_nothing_can_be_written(shop: "Service", tmp_path: Path) -> None:
    """One line says where, and why."""
    (tmp_path / "systemd").write_text("a file")
    result = shop.app.test_cli_runner().invoke(cli, ["provision", str(tmp_path)])

    assert_told(result, 1, "systemd", "File exists")
