"""Each channel leads to the runbook, and says of what is over that it was."""

import html
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest
from pytest_httpserver import HTTPServer

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.deciding import Memory, decide
from flask_mlmonitor.alerts.rules import RULES
from flask_mlmonitor.alerts.sections import LONGEST
from flask_mlmonitor.channels import log, mail, pagerduty, slack, webhook
from flask_mlmonitor.channels.alertmanager import Alertmanager
from flask_mlmonitor.channels.configured import channels_of
from flask_mlmonitor.provision.markdown import runbook
from tests.alerts.making import NOON, reading, settings
from tests.channels.notices import HOSTILE, alert, notification, resolved

if TYPE_CHECKING:
    from tests.conftest import MakeService

RUNBOOK: Final = "https://wiki.example/runbook?of=shop&by=me"
SECTION: Final = f"{RUNBOOK}#mlmodeldatadrift"


def part(message: Notification, kind: str) -> str:
    """Return the plain text or the HTML of a mail."""
    body = mail.compose(message, "m@example.com", ["a@b.c"]).get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text


def rows(message: Notification) -> list[str]:
    """Return the lines below the fields of a message in Slack."""
    _, *blocks = slack.payload(message)["attachments"][0]["blocks"]
    return [block["elements"][0]["text"] for block in blocks]


def in_slack(message: Notification) -> str:
    """Return the link in Slack, which has a block of its own."""
    (row,) = [row for row in rows(message) if row.startswith("Runbook: ")]
    return html.unescape(row.removeprefix("Runbook: "))


def in_the_page(message: Notification) -> str:
    """Return the link in the HTML of a mail."""
    (url,) = re.findall('<a href="([^"]*)">Runbook</a>', part(message, "html"))
    return html.unescape(url)


LINKS: Final[Mapping[str, Callable[[Notification], object]]] = {
    "log": lambda one: log.line(one).rpartition(" | Runbook: ")[2],
    "slack": in_slack,
    "plain mail": lambda one: part(one, "plain").rpartition("\nRunbook: ")[2].removesuffix("\n"),
    "page of a mail": in_the_page,
    "pagerduty": lambda one: pagerduty.payload(one, "")["links"][0]["href"],
    "webhook": lambda one: json.loads(webhook.payload(one))["data"]["runbook_url"],
}


def message_of(rule: str, url: str | None) -> Notification:
    """Return what an app tells of a rule's alert."""
    given = settings(ALERT_FOR=0, **({} if url is None else {"RUNBOOK_URL": url}))
    feature = "age" if next(one for one in RULES if one.name == rule).per_feature else None
    bad = reading("warning", rule=rule, feature=feature)
    decision = decide(Memory(), [bad], app="shop", now=NOON, settings=given, by_hand=True)
    (message,) = decision.notifications
    return message


@pytest.mark.parametrize("channel", LINKS)
def test_it_leads_to_a_section(make_service: "MakeService", channel: str) -> None:
    """Of the generated runbook, whichever rule it is about."""
    headings = re.findall(r"^### (.+)$", runbook(make_service().state), re.MULTILINE)
    sections = {f"{RUNBOOK}#{heading.lower()}" for heading in headings}
    found = {LINKS[channel](message_of(rule.name, RUNBOOK)) for rule in RULES}

    assert found <= sections
    assert len(found) == len(RULES)


@pytest.mark.parametrize("url", [None, "https://wiki.example/" + "x" * LONGEST])
def test_no_link(url: str | None) -> None:
    """Where there is none to follow, or one that must be cut."""
    message = message_of("latency", url)
    event = pagerduty.payload(message, "")
    texts = [log.line(message), part(message, "plain"), part(message, "html"), *rows(message)]

    assert "links" not in event
    assert json.loads(webhook.payload(message))["data"]["runbook_url"] is None
    assert not any("Runbook" in text for text in texts)


@pytest.mark.parametrize("name", HOSTILE)
def test_any_address(name: str) -> None:
    """What is special in it is of no effect, and no request or mail is broken by it."""
    message = message_of("latency", f"https://wiki.example/{name[:50]}")

    assert message.runbook_url is not None
    assert re.fullmatch(r"[!#-;=?-\[\]_a-z~]+", message.runbook_url)
    for channel, link in LINKS.items():
        assert link(message) == message.runbook_url, channel
    assert not re.search("[<>]", "".join(rows(message)))


@pytest.mark.parametrize("runbook_url", ['"><script>', "<!channel>"])
def test_it_is_escaped(runbook_url: str) -> None:
    """By each channel, whatever the outbox holds."""
    message = notification(runbook_url=runbook_url)

    assert "<script>" not in part(message, "html")
    assert not re.search("[<>]", "".join(rows(message)))
    assert {link(message) for link in LINKS.values()} == {runbook_url}


def posted(server: HTTPServer, url: str, *messages: Notification) -> list[dict[str, Any]]:
    """Return the annotations that Alertmanager gets."""
    server.expect_request("/api/v2/alerts").respond_with_data("")
    given = settings(ALERTMANAGER_URL=server.url_for(""), RUNBOOK_URL=url)
    channel = channels_of(given)["alertmanager"]
    assert isinstance(channel, Alertmanager)
    assert all(channel.send(message, 5).delivered for message in messages)
    return [one["annotations"] for request, _ in server.log for one in request.get_json()]


def test_alertmanager(httpserver: HTTPServer) -> None:
    """Each alert has its own; a program's own words have none."""
    own = notification(reason="by_hand", alerts=(alert(metric="latency", message="Mine."),))
    both = (alert(), alert(metric="latency", feature=None))
    found = posted(httpserver, RUNBOOK, notification(alerts=both), resolved(), own)
    sections = [one.get("runbook_url") for one in found]

    assert sections == [SECTION, f"{RUNBOOK}#mlmodellatency", SECTION, None]
    lasts = "0.3142 (threshold 0.1)"
    assert [one["value"] for one in found] == [lasts, lasts, f"was {lasts}", lasts]


def test_what_is_over_was() -> None:
    """No channel shows its last bad value as if it were the current one."""
    was = "data_drift of age was 0.3142 (threshold 0.1)"
    fields = slack.payload(resolved())["attachments"][0]["blocks"][0]["fields"]

    assert log.line(resolved()).endswith(f" | resolved: {was}")
    assert fields[1]["text"] == "*Value*\nwas 0.3142 (threshold 0.1)"
    assert rows(resolved())[0] == f"resolved: {was}"
    assert part(resolved(), "plain").endswith(f"\nresolved: {was}\n")
    assert f"<li>resolved: {was}</li>" in part(resolved(), "html")
    some = pagerduty.payload(notification(resolved=resolved().resolved), "")["payload"]
    assert some["custom_details"]["alerts"][1] == f"resolved: {was}"
