"""What each channel makes of a message, and of one whose names an enemy chose."""

import html
import json
import logging
import re
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from typing import Any

import msgspec
import pytest
from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import Block, ContextBlock, SectionBlock

from flask_mlmonitor.channels import alertmanager, log, mail, pagerduty, slack, webhook
from flask_mlmonitor.channels.wording import tidy
from tests.channels.notices import HOSTILE, KEY, NOON, alert, hostile, notification, resolved

STORM = notification(
    severity="critical",
    title="30 features have drifted",
    alerts=tuple(
        alert(id=str(n), feature=f"f{n}", severity="critical" if n < 2 else "warning")
        for n in range(10)
    ),
    more=20,
)


def sdk_checks(payload: dict[str, Any]) -> list[Block]:
    """Let the models of Slack's own library check a payload, and return its blocks."""
    (attachment,) = payload["attachments"]
    blocks = Block.parse_all(attachment["blocks"])
    checked = BlockAttachment(
        blocks=blocks, color=attachment["color"], fallback=attachment["fallback"]
    )
    made = checked.to_dict()
    assert {"color": made["color"], "blocks": made["blocks"]} == {
        "color": attachment["color"],
        "blocks": attachment["blocks"],
    }
    for block in blocks:
        block.validate_json()
    return list(blocks)


def test_slack() -> None:
    """The whole payload, as it is posted."""
    assert slack.payload(notification()) == {
        "text": "[WARNING] age has drifted",
        "attachments": [
            {
                "color": "#FFA500",
                "fallback": "[WARNING] age has drifted",
                "blocks": [
                    {
                        "type": "section",
                        "fields": [
                            {"type": "mrkdwn", "text": "*Metric*\ndata_drift of age"},
                            {"type": "mrkdwn", "text": "*Value*\n0.3142 (threshold 0.1)"},
                            {
                                "type": "mrkdwn",
                                "text": "*Message*\nOne feature of fraud 2 has drifted.",
                            },
                            {"type": "mrkdwn", "text": "*Time*\n2026-03-02 12:00:00 UTC"},
                        ],
                    },
                    {
                        "type": "context",
                        "elements": [
                            {
                                "type": "mrkdwn",
                                "text": "warning: data_drift of age = 0.3142 (threshold 0.1). "
                                "The feature age has drifted.",
                            }
                        ],
                    },
                    {"type": "context", "elements": [{"type": "mrkdwn", "text": "fraud 2"}]},
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("given", "color"),
    [
        ({"severity": "critical"}, "#FF0000"),
        ({"severity": "warning"}, "#FFA500"),
        ({"severity": "info"}, "#0000FF"),
        ({"severity": "critical", "action": "resolve"}, "#008000"),
    ],
)
def test_colours(given: dict[str, Any], color: str) -> None:
    """In Slack and in the mail."""
    one = notification(**given)

    assert slack.payload(one)["attachments"][0]["color"] == color
    body = mail.compose(one, "a@example.com", ["b@example.com"]).get_body(("html",))
    assert body is not None
    assert color in body.get_content()


@pytest.mark.parametrize("one", [notification(), resolved(), STORM, notification(alerts=())])
def test_slack_by_slacks_models(one: Any) -> None:
    """Their limits are kept, and there are the four fields."""
    section = next(b for b in sdk_checks(slack.payload(one)) if getattr(b, "fields", None))

    assert isinstance(section, SectionBlock)
    assert section.fields is not None
    names = [str(field.text).partition("\n")[0] for field in section.fields]
    assert names == ["*Metric*", "*Value*", "*Message*", "*Time*"]


def test_a_storm_in_slack() -> None:
    """The worst are listed, the others counted."""
    rows = [
        str(block.elements[0].to_dict()["text"])
        for block in sdk_checks(slack.payload(STORM))
        if isinstance(block, ContextBlock)
    ]

    assert rows[0].startswith("critical: data_drift of f0 = ")
    assert rows[9].startswith("warning: data_drift of f9 = ")
    assert rows[10:] == ["and 20 more", "fraud 2"]


def test_only_so_many_resolved_are_listed() -> None:
    """A message with forty of them would be read by nobody."""
    over = tuple(alert(id=str(n), feature=f"f{n}") for n in range(40))
    rows = log.line(resolved(resolved=over)).split(" | ")

    assert len([row for row in rows if row.startswith("resolved: ")]) == 10
    assert rows[-1] == "and 30 more resolved"


@pytest.mark.parametrize("name", HOSTILE)
def test_slack_mentions_nobody(name: str) -> None:
    """And what is cut is cut between characters, not in an escape."""
    payload = slack.payload(hostile(name))
    sdk_checks(payload)
    text = json.dumps(payload, ensure_ascii=False)

    assert not re.search("[<>\x00-\x1f\u202e]", text)
    assert not re.search("&(?!amp;|lt;|gt;)", text)
    assert len(text) < 40_000


def test_pagerduty() -> None:
    """The whole event; the end of the incident has the same key and needs no more."""
    assert pagerduty.payload(notification(), "R0UT1NG") == {
        "routing_key": "R0UT1NG",
        "event_action": "trigger",
        "dedup_key": KEY,
        "client": "flask-mlmonitor",
        "payload": {
            "summary": "[WARNING] age has drifted",
            "source": "fraud 2",
            "severity": "warning",
            "timestamp": "2026-03-02T12:00:00+00:00",
            "component": "fraud",
            "group": "fraud",
            "class": "data_drift",
            "custom_details": {
                "text": "One feature of fraud 2 has drifted.",
                "severity": "warning",
                "reason": "new",
                "alerts": [
                    "warning: data_drift of age = 0.3142 (threshold 0.1). "
                    "The feature age has drifted."
                ],
                "time": "2026-03-02 12:00:00 UTC",
            },
        },
    }
    assert pagerduty.payload(resolved(), "R0UT1NG") == {
        "routing_key": "R0UT1NG",
        "event_action": "resolve",
        "dedup_key": KEY,
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_pagerdutys_limits(name: str) -> None:
    """Of the summary, the source, the key and the whole event."""
    event = pagerduty.payload(hostile(name, key=f"mlmon/{name}"), "R0UT1NG")

    assert len(msgspec.json.encode(event)) <= 512_000
    assert len(event["dedup_key"]) <= 255
    assert 0 < len(event["payload"]["summary"]) <= 1024
    assert "custom_details" in event["payload"]


def test_long_keys_stay_apart() -> None:
    """Two that begin alike are two incidents; one is the same every time."""
    first, again, other = (
        pagerduty.payload(notification(key="k" * 300 + end), "")["dedup_key"] for end in "aab"
    )

    assert first == again != other
    assert len(first) == 255


def test_webhook() -> None:
    """Every field, also an empty one; and the values as numbers."""
    assert json.loads(webhook.payload(notification())) == {
        "type": "alert.triggered",
        "timestamp": "2026-03-02T12:00:00Z",
        "data": {
            "id": "n1",
            "key": KEY,
            "action": "trigger",
            "reason": "new",
            "family": "data_drift",
            "model": "fraud",
            "version": "2",
            "severity": "warning",
            "title": "age has drifted",
            "text": "One feature of fraud 2 has drifted.",
            "time": "2026-03-02T12:00:00Z",
            "alerts": [
                {
                    "id": "a1",
                    "model": "fraud",
                    "version": "2",
                    "metric": "data_drift",
                    "severity": "warning",
                    "value": 0.3142,
                    "threshold": 0.1,
                    "message": "The feature age has drifted.",
                    "state": "firing",
                    "since": "2026-03-02T12:00:00Z",
                    "feature": "age",
                }
            ],
            "more": 0,
            "resolved": [],
            "runbook_url": None,
        },
    }
    over = json.loads(webhook.payload(resolved()))
    assert over["type"] == "alert.resolved"
    assert [one["feature"] for one in over["data"]["resolved"]] == ["age"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_that_json_does_not_know(value: float) -> None:
    """Such a value is null."""
    one = notification(alerts=(alert(value=value),))

    def refuse(name: str) -> None:
        raise AssertionError(name)

    body = json.loads(webhook.payload(one), parse_constant=refuse)
    assert body["data"]["alerts"][0]["value"] is None


def test_alertmanager() -> None:
    """The value is no label: another one would be another alert."""
    end = NOON + timedelta(minutes=4)

    assert list(alertmanager.payload(alert(), end)) == [
        {
            "labels": {
                "alertname": "MLModelDataDrift",
                "model": "fraud",
                "version": "2",
                "severity": "warning",
                "feature": "age",
            },
            "annotations": {
                "summary": "The feature age has drifted.",
                "value": "0.3142 (threshold 0.1)",
            },
            "startsAt": "2026-03-02T12:00:00+00:00",
            "endsAt": "2026-03-02T12:04:00+00:00",
        }
    ]


def test_alertmanager_keeps_the_warning() -> None:
    """What is critical is a warning too, so that the warning is not told to be over."""
    posted = list(alertmanager.payload(alert(severity="critical", feature=None), NOON))

    assert [one["labels"]["severity"] for one in posted] == ["critical", "warning"]
    assert all("feature" not in one["labels"] for one in posted)
    assert all(one["endsAt"] > one["startsAt"] for one in posted)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_alerts(name: str) -> None:
    """Whatever a rule is called, Alertmanager's names are words."""
    (posted,) = alertmanager.payload(alert(metric=name, feature=name), NOON)

    assert re.fullmatch(r"MLModel[A-Za-z0-9…]{0,64}", posted["labels"]["alertname"])
    assert len(posted["labels"]["feature"]) <= 100


def test_log() -> None:
    """One line, whatever the names are."""
    assert log.line(notification()) == (
        "[WARNING] age has drifted | One feature of fraud 2 has drifted. | "
        "warning: data_drift of age = 0.3142 (threshold 0.1)"
    )
    for name in HOSTILE:
        assert not re.search("[\x00-\x1f\u202e\ud800]", log.line(hostile(name)))
        assert len(log.line(hostile(name))) < 10_000


def test_levels_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The end of what was a warning is seen by whoever sees warnings."""
    caplog.set_level(logging.INFO)
    for severity in ("info", "warning", "critical"):
        log.Log().send(notification(severity=severity), 1)
    log.Log().send(resolved(severity="critical"), 1)

    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("flask_mlmonitor.alerts", level) for level in ("INFO", "WARNING", "CRITICAL", "WARNING")
    ]


def test_mail() -> None:
    """As plain text and as HTML, in the thread of its group."""
    message = mail.compose(notification(), "monitor@example.com", ["a@b.c", "d@e.f"])
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    again, over = (
        mail.compose(one, "monitor@example.com", ["a@b.c"]) for one in (notification(), resolved())
    )

    assert plain is not None
    assert page is not None
    assert message.get_content_type() == "multipart/alternative"
    assert plain.get_content() == (
        "[WARNING] age has drifted\n\nOne feature of fraud 2 has drifted.\n\n"
        "fraud 2, 2026-03-02 12:00:00 UTC\n"
        "warning: data_drift of age = 0.3142 (threshold 0.1). The feature age has drifted.\n"
    )
    assert "<li>fraud 2, 2026-03-02 12:00:00 UTC</li>" in page.get_content()
    headers = {"Subject": "[WARNING] age has drifted", "Auto-Submitted": "auto-generated"}
    headers |= {"From": "monitor@example.com", "To": "a@b.c, d@e.f"}
    headers |= {"Date": "Mon, 02 Mar 2026 12:00:00 +0000"}
    assert {name: message[name] for name in headers} == headers
    assert message["Message-ID"] == again["Message-ID"] != over["Message-ID"]
    assert message["References"] == over["References"] == over["In-Reply-To"]


@pytest.mark.parametrize("name", HOSTILE)
def test_mail_has_only_its_own_headers_and_tags(name: str) -> None:
    """As a reader of mail sees it."""
    sent = mail.compose(hostile(name, key=name, id=name), "m@example.com", ["a@b.c"]).as_bytes()
    message = BytesParser(policy=policy.default).parsebytes(sent)
    page = message.get_body(("html",))

    assert page is not None
    assert {header.lower() for header in message} == {
        *("subject", "from", "to", "date", "message-id", "references", "in-reply-to"),
        *("auto-submitted", "mime-version", "content-type"),
    }
    assert message["To"] == "a@b.c"
    assert len(message["Subject"]) <= 170
    tags = re.findall(r"</?(\w+)", page.get_content())
    assert set(tags) == {"html", "body", "div", "h2", "p", "ul", "li"}
    assert html.unescape(page.get_content()).count(tidy(hostile(name)).text) >= 1
    assert all(len(line) <= 998 for line in sent.splitlines())
