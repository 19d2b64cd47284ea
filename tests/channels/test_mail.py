"""Mail through a real server, and through some that refuse it."""

import socket
import ssl
import time
from email import policy
from email.parser import BytesParser

import pytest
import trustme

from flask_mlmonitor.channels import mail
from flask_mlmonitor.channels.mail import Mail
from flask_mlmonitor.channels.outcome import Outcome
from tests.channels.mailing import MailServer
from tests.channels.notices import HOSTILE, hostile, notification, resolved
from tests.channels.receivers import Receiver, hanging, trickling

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")

PEOPLE = ("ann@example.com", "bob@example.com")
PASSWORD = "pass word/:@"


def test_it_arrives() -> None:
    """With both forms of the text, for everybody, in one thread from beginning to end."""
    with MailServer() as server:
        channel = Mail(f"smtp://127.0.0.1:{server.port}", PEOPLE)
        for one in (notification(), resolved(), *map(hostile, HOSTILE)):
            assert channel.send(one, 5) == Outcome("delivered", taken=True)

    (to, first), (_, last) = server.mails[:2]
    message, over = (
        BytesParser(policy=policy.default).parsebytes(content) for content in (first, last)
    )
    assert to == list(PEOPLE)
    assert message["Subject"] == "[WARNING] age has drifted"
    assert message["From"] == "mlmonitor@example.com"
    assert over["Subject"] == "[RESOLVED] age has drifted"
    assert message["References"] == over["References"]
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
    assert len(server.mails) == 2 + len(HOSTILE)


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("smtp://host", "mlmonitor@example.com"),
        ("smtp://apikey:x@host", "mlmonitor@example.com"),
        ("smtp://me%40work.org:x@host", "me@work.org"),
        ("smtp://me%40work.org:x@host?from=alerts%40work.org", "alerts@work.org"),
    ],
)
def test_who_sends_it(url: str, sender: str) -> None:
    """As configured, else the user, else somebody at home."""
    assert Mail(url, PEOPLE).sender == sender


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("smtp://host", 25),
        ("smtp://me:x@host", 587),
        ("smtps://me:x@host", 465),
        ("smtps://host", 465),
        ("smtp://me:x@host:2525", 2525),
    ],
)
def test_ports(url: str, port: int) -> None:
    """Who logs in submits mail; others relay it."""
    assert Mail(url, PEOPLE).port == port


def test_it_logs_in() -> None:
    """With the user and the password of the URL; a wrong one is not tried again."""
    with MailServer(login=("me", PASSWORD)) as server:
        where = f"127.0.0.1:{server.port}"
        right = Mail(f"smtp://me:pass%20word%2F%3A%40@{where}", PEOPLE)
        wrong = Mail(f"smtp://me:T0K3N@{where}", PEOPLE)
        without = Mail(f"smtp://{where}", PEOPLE)

        assert right.send(notification(), 5).delivered
        for channel in (wrong, without):
            outcome = channel.send(notification(), 5)
            assert (outcome.reason, outcome.retry) == ("authError", False)
            assert "T0K3N" not in outcome.detail
    assert len(server.mails) == 1


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Somebody who makes certificates."""
    return trustme.CA()


@pytest.fixture(scope="module")
def certified(authority: trustme.CA) -> ssl.SSLContext:
    """What a server needs that is called localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_tls(
    scheme: str,
    authority: trustme.CA,
    certified: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the start, or where it is offered; to nobody whose certificate is not his."""
    place = {"starttls": certified} if scheme == "smtp" else {"tls": certified}
    with MailServer(login=("me", "x"), **place) as server:  # type: ignore[arg-type]
        channel = Mail(f"{scheme}://me:x@localhost:{server.port}", PEOPLE)
        refused = channel.send(notification(), 5)
        assert (refused.reason, refused.retry, refused.taken) == ("noAnswer", True, False)
        assert "certificate" in refused.detail

        with authority.cert_pem.tempfile() as path:
            monkeypatch.setenv("SSL_CERT_FILE", path)
            assert channel.send(notification(), 5).delivered
            other = Mail(f"{scheme}://me:x@127.0.0.1:{server.port}", PEOPLE)
            assert not other.send(notification(), 5).delivered
    assert server.encrypted == [True]


def test_no_password_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the server is this machine, which the name here hides."""
    monkeypatch.setattr(mail, "_is_here", lambda host: False)
    with MailServer(login=("me", "x")) as server:
        outcome = Mail(f"smtp://me:x@127.0.0.1:{server.port}", PEOPLE).send(notification(), 5)

    assert (outcome.reason, outcome.retry) == ("clientError", False)
    assert outcome.detail == "the server offers no TLS: the password is not sent"


@pytest.mark.parametrize(
    ("answers", "reason", "retry", "detail"),
    [
        ({"data": "451 later"}, "serverError", True, "451 later"),
        ({"data": "550 spam"}, "clientError", False, "550 spam"),
        (dict.fromkeys(PEOPLE, "550 who?"), "clientError", False, "2 of 2 recipients refused: 550"),
        (dict.fromkeys(PEOPLE, "451 busy"), "serverError", True, "2 of 2 recipients refused: 451"),
        (
            {PEOPLE[0]: "550 who?", PEOPLE[1]: "451 busy"},
            *("serverError", True, "2 of 2 recipients refused: 451"),
        ),
    ],
)
def test_it_is_refused(answers: dict[str, str], reason: str, retry: bool, detail: str) -> None:
    """For now, or for good."""
    with MailServer(answers) as server:
        outcome = Mail(f"smtp://127.0.0.1:{server.port}", PEOPLE).send(notification(), 5)

    assert (outcome.reason, outcome.retry) == (reason, retry)
    assert outcome.detail.startswith(detail)
    assert server.mails == []


def test_some_are_refused() -> None:
    """The others have it, so it is not sent again; but it is seen."""
    with MailServer({PEOPLE[1]: "550 who?"}) as server:
        outcome = Mail(f"smtp://127.0.0.1:{server.port}", PEOPLE).send(notification(), 5)

    detail = "1 of 2 recipients refused: 550"
    assert outcome == Outcome("delivered", taken=True, detail=detail)
    assert [to for to, _ in server.mails] == [[PEOPLE[0]]]


@pytest.mark.parametrize("begins", [None, b"220-", b"220 host\r\n250-"])
def test_its_time_ends(begins: bytes | None) -> None:
    """Whether the server says nothing, or goes on and on."""
    began = time.monotonic()
    with hanging() if begins is None else trickling(begins) as server:
        outcome = Mail(f"smtp://127.0.0.1:{server.port}", PEOPLE).send(notification(), 1)

    assert (outcome.reason, outcome.retry, outcome.taken) == ("noAnswer", True, False)
    assert time.monotonic() - began < 5


def test_garbage_and_nobody() -> None:
    """Neither is an answer."""
    with Receiver(lambda peer: peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        outcome = Mail(f"smtp://127.0.0.1:{server.port}", PEOPLE).send(notification(), 5)
    assert (outcome.reason, outcome.retry, outcome.taken) == ("noAnswer", True, False)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = Mail(f"smtp://127.0.0.1:{port}", PEOPLE).send(notification(), 5)
    assert outcome == Outcome("noAnswer", retry=True, detail="Connection refused")
