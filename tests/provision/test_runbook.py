"""The runbook has a section for every alert, with the thresholds in force."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from flask_mlmonitor import Baseline
from flask_mlmonitor.alerts.families import FAMILIES
from flask_mlmonitor.cli import cli
from flask_mlmonitor.provision.markdown import runbook
from tests.commands import assert_told

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

MakeShop = Callable[..., "Service"]
ROW = re.compile(r"^\| (.*) \| (.*) \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)


class Page(HTMLParser):
    """What a page links to, and what may be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.anchors += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def section(text: str, alert: str) -> str:
    """Return what stands between an alert's heading and the next one."""
    return text.partition(f"### {alert}\n")[2].partition("\n#")[0]


def test_every_alert_links_to_its_section(shop: "Service", alerts: list[dict[str, Any]]) -> None:
    """In the file, where headings are anchors, and on the page; no other anchor is linked."""
    wanted = {rule["annotations"]["runbook_url"] for rule in alerts}
    page = Page(shop.client.get("/mlmonitor/runbook").text)
    headings = re.findall(r"^### (.+)$", runbook(shop.state), re.MULTILINE)

    assert {f"/mlmonitor/runbook#{heading.lower()}" for heading in headings} == wanted
    links = {link for link in page.links if link.startswith("#")}
    assert {f"/mlmonitor/runbook{link}" for link in links - {"#content"}} == wanted
    assert {link.removeprefix("#") for link in links} <= set(page.anchors)
    assert len(page.anchors) == len(set(page.anchors))


def test_what_it_says_of_an_alert(make_shop: MakeShop) -> None:
    """Its thresholds, the keys that set them, and how soon to look."""
    models = {"fraud": {"LATENCY_CRITICAL": 1.0, "ALERT_FOR": "1h"}}
    found = section(runbook(make_shop(MLMONITOR_MODELS=models).state), "MLModelLatency")
    slow = "95 of 100 predictions take up to …, more than"

    assert "`MLMONITOR_LATENCY_WARNING`, `MLMONITOR_LATENCY_CRITICAL`" in found
    assert ROW.findall(found)[2:] == [
        ("all other models", "critical", f"{slow} 2.00 s.", "2m", "within 1 hour"),
        ("all other models", "warning", f"{slow} 500 ms.", "2m", "within 24 hours"),
        ("fraud", "critical", f"{slow} 1.00 s.", "1h", "within 1 hour"),
        ("fraud", "warning", f"{slow} 500 ms.", "1h", "within 24 hours"),
    ]


@pytest.mark.parametrize(
    ("alert", "severity", "look"),
    [
        ("MLModelAccuracy", "critical", "immediately"),
        ("MLModelDataDrift", "warning", "within 24 hours"),
        ("MLModelLatency", "critical", "within 1 hour"),
    ],
)
def test_how_soon_somebody_should_look(
    shop: "Service", alert: str, severity: str, look: str
) -> None:
    """A wrong model at once, drift on the next day, a slow model within the hour."""
    rows = ROW.findall(section(runbook(shop.state), alert))

    assert {row[4] for row in rows if row[1] == severity} == {look}


def test_five_steps_for_each(shop: "Service") -> None:
    """Below the alerts of a family."""
    text = runbook(shop.state)
    for family in FAMILIES:
        steps = text.partition(f"## {family.title}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^(\d)\. ", steps, re.MULTILINE) == list("12345")


def test_an_alert_that_is_off(make_shop: MakeShop) -> None:
    """It says so, and which key would turn it on."""
    found = section(runbook(make_shop().state), "MLModelThroughputLow")

    assert "`MLMONITOR_MIN_THROUGHPUT`" in found
    assert "No threshold is in force." in found


def test_names_are_text(make_service: "MakeService") -> None:
    """Whatever a feature is called: the page and the file show it as it is."""
    name = "<script>|`x`"
    frame = pd.DataFrame({name: [None if row % 5 == 0 else float(row) for row in range(100)]})
    service = make_service()
    service.monitor.register("fraud", baseline=Baseline.from_dataframe(frame))
    page = Page(service.client.get("/mlmonitor/runbook").text)

    assert f"fraud 1, {name}" in page.text
    assert "script" not in page.tags
    assert r"fraud 1, \<script\>\|\`x\`" in section(runbook(service.state), "MLModelMissing")


def test_only_for_those_who_may(serve: Any, production: dict[str, Any]) -> None:
    """Like all pages."""
    service = serve(lambda: {"prediction": 1}, config=production)

    assert service.client.get("/mlmonitor/runbook").status_code == 403


def test_a_page_elsewhere(make_shop: MakeShop) -> None:
    """Where the app is not reached by people, alerts link to what is."""
    from flask_mlmonitor.provision.prometheus import rule_file

    url = "https://wiki.example/runbook"
    found = rule_file(make_shop(MLMONITOR_RUNBOOK_URL=url).state)
    urls = {
        rule["annotations"]["runbook_url"].partition("#")[0]
        for group in found["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }

    assert urls == {url}


def test_the_command(shop: "Service", tmp_path: Path) -> None:
    """It writes the file, or says why not."""
    run = shop.app.test_cli_runner().invoke
    result = run(cli, ["runbook", "-o", str(tmp_path / "RUNBOOK.md")])

    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "RUNBOOK.md").read_text() == runbook(shop.state)
    assert run(cli, ["runbook"]).stdout == runbook(shop.state)
    assert_told(run(cli, ["runbook", "-o", str(tmp_path / "no" / "file")]), 1, "No such file")
