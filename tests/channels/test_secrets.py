"""Secrets are shown nowhere: not in a log, an error, a repr, the store or a metric."""

import base64
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import select
from werkzeug import Request, Response

from flask_mlmonitor.channels import delivery as module
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.channels.configured import channels_of
from flask_mlmonitor.channels.delivery import Delivery
from flask_mlmonitor.channels.pagerduty import PagerDuty
from flask_mlmonitor.channels.secrets import parts_of, told
from flask_mlmonitor.config import Settings
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.outbox import add_messages
from tests.channels.mailing import MailServer
from tests.channels.notices import NOON, notification
from tests.channels.receivers import Receiver

pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH:UserWarning", "ignore:'imghdr' is deprecated:DeprecationWarning"
)

ANYWHERE = re.compile(".*")
KEY = base64.b64encode(b"S3CR3T of the webhook").decode()
SECRETS = (
    *("T0K3NSLACK", "T0K3NCRITICAL", "R0UT1NGKEY", "pass/word:@", "pass%2Fword%3A%40"),
    *("T0K3NHOOK", "QU3RY", "HOOKPASSWORD", KEY, "S3CR3T of the webhook"),
    *(base64.b64encode(login).decode() for login in (b"me:HOOKPASSWORD", b"me:AMPASSWORD")),
    *("AMPASSWORD", "T0K3NAPPRISE", "APPRISEPASSWORD"),
)


def settings(port: int, mail: int) -> Settings:
    """Every channel, each with secrets, all to the same place."""
    here = f"127.0.0.1:{port}"
    given = {
        "SLACK_WEBHOOK_URL": f"http://{here}/services/T000/T0K3NSLACK",
        "SLACK_WEBHOOK_URL_CRITICAL": f"http://{here}/services/T000/T0K3NCRITICAL",
        "PAGERDUTY_ROUTING_KEY": "R0UT1NGKEY",
        "SMTP_URL": f"smtp://me:pass%2Fword%3A%40@127.0.0.1:{mail}",
        "EMAIL_TO": "ann@example.com",
        "WEBHOOK_URL": f"http://me:HOOKPASSWORD@{here}/T0K3NHOOK?key=QU3RY",
        "WEBHOOK_SECRET": f"whsec_{KEY}",
        "ALERTMANAGER_URL": f"http://me:AMPASSWORD@{here}",
        "APPRISE_URLS": f"json://me:APPRISEPASSWORD@{here}/T0K3NAPPRISE",
    }
    named = {f"MLMONITOR_{name}": value for name, value in given.items()}
    return Settings.from_mapping(named, instance_path="/nowhere")


def repeat(request: Request) -> str:
    """Return all of a request, as a receiver that tells everything does."""
    return f"{request.url} {request.headers} {request.data.decode()} {request.authorization}"


def echoing(status: int) -> Callable[[Request], Response]:
    """A receiver that refuses, and repeats all that it got."""
    return lambda request: Response(repeat(request), status, {"Location": request.url})


class Spy:
    """Everything that could be seen of a delivery."""

    def __init__(self, database: Database, channels: Mapping[str, Channel]) -> None:
        self.seen: list[str] = [repr(channels), *map(str, channels.values())]
        self._database = database
        delivery = Delivery(
            "shop",
            database,
            channels,
            count=lambda channel, outcome: self.seen.append(f"{channel} {outcome}"),
            on_fault=lambda fault: logging.getLogger("fault").error("", exc_info=fault),
            clock=NOON.timestamp,
        )
        with database.writing() as connection:
            add_messages(
                connection, "shop", [(notification(), list(channels))], created=NOON.timestamp()
            )
        delivery.turn()
        assert delivery.wait(30)

    def everything(self, caplog: pytest.LogCaptureFixture) -> str:
        """Return it as one text."""
        with self._database.reading() as connection:
            rows = connection.execute(select(tables.outbox)).all()
        return "\n".join([*self.seen, caplog.text, *map(str, rows)])


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """All loggers write all they have; but not those of the receivers."""
    caplog.set_level(logging.DEBUG)
    for name in ("werkzeug", "mail.log", "mail.debug", "asyncio"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)
    monkeypatch.setattr(module, "QUICK_SECONDS", 0.01)


def channels(given: Settings, port: int) -> dict[str, Channel]:
    """The channels, with PagerDuty here too."""
    pagerduty = PagerDuty("R0UT1NGKEY", url=f"http://127.0.0.1:{port}/v2/enqueue")
    return {**channels_of(given), "pagerduty": pagerduty}


@pytest.mark.parametrize("status", [200, 302, 400, 401, 429, 500])
def test_receivers_that_repeat_everything(
    httpserver: HTTPServer, sqlite: Database, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Whatever they say, in whatever status."""
    httpserver.expect_request(ANYWHERE).respond_with_handler(echoing(status))
    answers = {"data": "451 me pass/word:@ pass%2Fword%3A%40"} if status >= 400 else {}
    with MailServer(answers, login=("me", "pass/word:@")) as mail:
        given = settings(httpserver.port, mail.port)
        found = Spy(sqlite, channels(given, httpserver.port)).everything(caplog)

    assert len(httpserver.log) >= 6
    assert found.count("delivered") >= (8 if status == 200 else 1)
    assert [secret for secret in SECRETS if secret in found + repr(given)] == []


def test_nobody_answers(sqlite: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Nor are they in what the system says."""
    given = settings(1, 1)
    found = Spy(sqlite, channels(given, 1)).everything(caplog)

    assert "Connection refused" in found
    assert [secret for secret in SECRETS if secret in found] == []


@pytest.mark.parametrize("said", [b"", b"\x00\xff garbage", b"HTTP/1.1 R0UT1NGKEY T0K3NSLACK\r\n"])
def test_garbage(sqlite: Database, caplog: pytest.LogCaptureFixture, said: bytes) -> None:
    """Nor in what the libraries make of nonsense."""
    with Receiver(lambda peer: peer.sendall(said)) as receiver:
        given = settings(receiver.port, receiver.port)
        found = Spy(sqlite, channels(given, receiver.port)).everything(caplog)

    assert [secret for secret in SECRETS if secret in found] == []


def test_nothing_of_them_in_the_file(sqlite: Database, httpserver: HTTPServer) -> None:
    """As bytes, wherever SQLite may keep them."""
    httpserver.expect_request(ANYWHERE).respond_with_handler(echoing(500))
    Spy(sqlite, channels(settings(httpserver.port, 1), httpserver.port))
    assert sqlite.folder is not None
    sqlite.close()
    stored = b"".join(path.read_bytes() for path in Path(sqlite.folder).iterdir())

    assert b"outbox" in stored
    assert [secret for secret in SECRETS if secret.encode() in stored] == []


def test_parts() -> None:
    """Of a URL, all but scheme and host may be a secret, in any writing."""
    parts = parts_of("https://me:pass%20word@hooks.example.com/services/T0K3N?key=QU3RY")

    assert {"pass%20word", "pass word", "T0K3N", "QU3RY", "services"} <= set(parts)
    assert "hooks.example.com" not in parts


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("invalid_payload", "invalid_payload"),
        ("no T0K3N here", "no *** here"),
        ("key " + "a1B2" * 9, "key ***"),
        ("two\r\nlines\x00", "two lines"),
        ("long " * 100, ("long " * 100)[:199] + "…"),
    ],
)
def test_told(said: str, shown: str) -> None:
    """What helps people is left, and nothing that may be a key."""
    assert told(said, ["T0K3N"]) == shown
