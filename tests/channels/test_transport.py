"""Posting to receivers of all manners, in bounded time."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme
from pytest_httpserver import HTTPServer

from flask_mlmonitor.channels.leash import Leash
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.transport import post
from tests.channels.receivers import hanging, saying, trickling

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BODY = b'{"a": 1}'
RETRY = "Retry-After"


def answer(server: HTTPServer, status: int, text: str = "", **headers: str) -> Outcome:
    """Post to a server that answers so."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    server.expect_request("/hook").respond_with_data(text, status, given)
    return post(server.url_for("/hook"), BODY, 5, clock=NOON.timestamp)


def test_what_arrives(httpserver: HTTPServer) -> None:
    """The body as it is, as JSON, with the login and the query of the URL."""
    httpserver.expect_request("/hook").respond_with_data("", 202)
    url = f"http://me:pass%20word@127.0.0.1:{httpserver.port}/hook?key=T0K3N"

    assert post(url, BODY, 5, headers={"webhook-id": "7"}) == Outcome("delivered", taken=True)
    ((request, _),) = httpserver.log
    assert request.method == "POST"
    assert request.data == BODY
    assert request.content_type == "application/json"
    assert request.headers["webhook-id"] == "7"
    assert request.args["key"] == "T0K3N"
    assert request.authorization is not None
    assert (request.authorization.username, request.authorization.password) == ("me", "pass word")


@pytest.mark.parametrize(
    ("status", "reason", "retry", "taken"),
    [
        (200, "delivered", False, True),
        (204, "delivered", False, True),
        (301, "clientError", False, False),
        (302, "clientError", False, False),
        (400, "clientError", False, False),
        (401, "authError", False, False),
        (403, "authError", False, False),
        (404, "clientError", False, False),
        (408, "clientError", True, False),
        (410, "clientError", False, False),
        (413, "clientError", False, False),
        (429, "rateLimited", True, False),
        (500, "serverError", True, False),
        (502, "serverError", True, True),
        (503, "serverError", True, False),
        (504, "serverError", True, True),
    ],
)
def test_status(httpserver: HTTPServer, status: int, reason: str, retry: bool, taken: bool) -> None:
    """What may pass is tried again, what will not is not; and no redirect is followed."""
    outcome = answer(httpserver, status, "so it is" * (status != 204), Location="/elsewhere")

    assert (outcome.reason, outcome.retry, outcome.taken) == (reason, retry, taken)
    assert outcome.detail == ("" if reason == "delivered" else f"{status} so it is")
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("3600", 3600.0),
        ("0", 0.0),
        (format_datetime(NOON + timedelta(minutes=5), usegmt=True), 300.0),
        (format_datetime(NOON - timedelta(minutes=5), usegmt=True), 0.0),
        ("Mon, 02 Mar 2026 12:05:00", 300.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("1e400", None),
        ("9" * 400, 999_999_999.0),
        ("Mon, 99 Foo 2026", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_when_to_come_back(
    httpserver: HTTPServer, status: int, said: str, seconds: float | None
) -> None:
    """In seconds or as a date; what cannot be read is as if not said."""
    assert answer(httpserver, status, Retry_After=said).after == seconds


def test_nobody_is_there() -> None:
    """It cannot have been taken, so it may be tried again at once."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    outcome = post(f"http://127.0.0.1:{port}/", BODY, 5)
    assert outcome == Outcome("noAnswer", retry=True, detail="Connection refused")


def test_no_such_host() -> None:
    """A name that nobody has."""
    outcome = post("http://receiver.invalid/T0K3N", BODY, 5)

    assert (outcome.reason, outcome.retry, outcome.taken) == ("noAnswer", True, False)
    assert "T0K3N" not in outcome.detail


@pytest.mark.parametrize(
    "said", [b"", b"\x16\x03\x01\x00garbage", b"HTTP/1.1 abc\r\n\r\n", b"200 OK\r\n" * 9000]
)
def test_garbage(said: bytes) -> None:
    """What is no answer is none; it may have been taken all the same."""
    with saying(said) as receiver:
        outcome = post(receiver.url, BODY, 5)

    assert (outcome.reason, outcome.retry, outcome.taken) == ("noAnswer", True, True)


def test_it_hangs_up_in_the_middle() -> None:
    """The status counts: it came first."""
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf") as receiver:
        assert post(receiver.url, BODY, 5).delivered
    with saying(b"HTTP/1.1 500 No\r\nContent-Length: 500\r\n\r\nhalf") as receiver:
        assert post(receiver.url, BODY, 5).reason == "serverError"


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 500 No\r\nX: ", b"HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n"]
)
def test_its_time_ends(said: bytes) -> None:
    """Also where each byte comes in time."""
    began = time.monotonic()
    with trickling(said) if said else hanging() as receiver:
        outcome = post(receiver.url, BODY, 1)

    assert outcome.retry
    assert not outcome.delivered
    assert time.monotonic() - began < 5


def test_a_leash_ends_the_greeting_of_tls() -> None:
    """TLS has the socket by then, and the leash still holds the connection."""
    began = time.monotonic()
    with trickling(b"\x16\x03\x03\x40\x00") as receiver:
        outcome = post(f"https://127.0.0.1:{receiver.port}/", BODY, 1)

    assert (outcome.reason, outcome.taken) == ("noAnswer", False)
    assert time.monotonic() - began < 5


def test_a_leash_that_has_ended_connects_nowhere() -> None:
    """There is no time left for another address."""
    with Leash(0) as leash, pytest.raises(TimeoutError):
        leash.connect("127.0.0.1", 1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Somebody who makes certificates."""
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[HTTPServer]:
    """A receiver with TLS, whose certificate nobody else knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with HTTPServer(host="127.0.0.1", ssl_context=context) as server:
        server.expect_request("/hook").respond_with_data("")
        yield server


def test_tls(secure: HTTPServer, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate is asked for, that the system trusts and that bears the host's name."""
    url = f"https://localhost:{secure.port}/hook"
    refused = post(url, BODY, 5)
    assert (refused.reason, refused.retry, refused.taken) == ("noAnswer", True, False)
    assert "certificate" in refused.detail.lower()
    assert secure.log == []

    with authority.cert_pem.tempfile() as path:
        monkeypatch.setenv("SSL_CERT_FILE", path)
        assert post(url, BODY, 5).delivered
        assert not post(f"https://127.0.0.1:{secure.port}/hook", BODY, 5).delivered
