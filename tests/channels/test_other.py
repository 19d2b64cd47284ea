"""Any other service, by the real Apprise."""

import logging
import socket

import pytest
from pytest_httpserver import HTTPServer

from flask_mlmonitor.channels.other import Other
from tests.channels.notices import HOSTILE, hostile, notification, resolved

pytest.importorskip("apprise")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def url_of(server: HTTPServer) -> str:
    """The server as Apprise writes it, with a secret in it."""
    return f"json://me:T0K3N@127.0.0.1:{server.port}/S3CR3T"


@pytest.mark.parametrize(
    ("severity", "kind"), [("critical", "failure"), ("warning", "warning"), ("info", "info")]
)
def test_it_arrives(httpserver: HTTPServer, severity: str, kind: str) -> None:
    """With its title, its text and its kind; its end is a success."""
    httpserver.expect_request("/S3CR3T").respond_with_data("")
    channel = Other(url_of(httpserver))
    url = "https://wiki.example/runbook#mlmodeldatadrift"
    assert channel.send(notification(severity=severity, runbook_url=url), 5).delivered
    assert channel.send(resolved(severity=severity), 5).delivered
    first, last = (request.get_json() for request, _ in httpserver.log)

    assert (first["type"], last["type"]) == (kind, "success")
    assert first["title"] == f"[{severity.upper()}] age has drifted"
    assert first["message"].startswith("fraud 2: One feature of fraud 2 has drifted.\n")
    assert first["message"].endswith(f"\nRunbook: {url}")
    assert last["title"] == "[RESOLVED] age has drifted"
    assert last["message"].endswith("\nresolved: data_drift of age was 0.3142 (threshold 0.1)")


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name(httpserver: HTTPServer, name: str) -> None:
    """It is cut, and sent."""
    httpserver.expect_request("/S3CR3T").respond_with_data("")

    assert Other(url_of(httpserver)).send(hostile(name), 5).delivered


def test_it_fails(httpserver: HTTPServer) -> None:
    """It is tried again; what Apprise does not know is not."""
    httpserver.expect_request("/S3CR3T").respond_with_data("", 500)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"json://127.0.0.1:{closed.getsockname()[1]}"

    for url, retry in ((url_of(httpserver), True), (nobody, True), ("nonsense://T0K3N", False)):
        outcome = Other(url).send(notification(), 5)
        assert (outcome.delivered, outcome.retry) == (False, retry)
        assert "T0K3N" not in outcome.detail


def test_its_logs_are_quiet(httpserver: HTTPServer, caplog: pytest.LogCaptureFixture) -> None:
    """Those of Apprise and of what it posts with show whole URLs; others' are as before."""
    httpserver.expect_request("/S3CR3T").respond_with_data("", 500)
    caplog.set_level(logging.DEBUG)
    Other(url_of(httpserver)).send(notification(), 5)
    quiet = caplog.messages
    logging.getLogger("apprise").info("the app's own use of it")

    assert not [text for text in quiet if "T0K3N" in text or "json://" in text]
    assert not [record for record in caplog.records if record.name.startswith("urllib3")]
    assert caplog.messages[-1] == "the app's own use of it"
