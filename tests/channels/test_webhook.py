"""Signed webhooks, as an independent library sees them."""

import base64
import time

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from flask_mlmonitor.channels.webhook import Webhook, payload
from tests.channels.notices import HOSTILE, hostile, notification

KEY = base64.b64encode(b"the key of the tests, 32 bytes..").decode()
PASSWORD = "a password, if you like"


@pytest.mark.parametrize(
    ("secret", "verifier"),
    [
        (f"whsec_{KEY}", Verifier(f"whsec_{KEY}")),
        (
            "a password, if you like",
            Verifier(base64.b64encode(b"a password, if you like").decode()),
        ),
    ],
)
def test_the_signature(httpserver: HTTPServer, secret: str, verifier: Verifier) -> None:
    """It holds for the body as sent; not for another one, nor under another key."""
    httpserver.expect_request("/hook").respond_with_data("")
    channel = Webhook(httpserver.url_for("/hook"), secret)
    for name in ("age", *HOSTILE):
        assert channel.send(hostile(name), 5).delivered

    for request, _ in httpserver.log:
        assert verifier.verify(request.data, dict(request.headers))["type"] == "alert.triggered"
    request, _ = httpserver.log[0]
    with pytest.raises(WebhookVerificationError):
        verifier.verify(request.data + b" ", dict(request.headers))
    other = Verifier(f"whsec_{base64.b64encode(b'another').decode()}")
    with pytest.raises(WebhookVerificationError):
        other.verify(request.data, dict(request.headers))


def test_its_headers(httpserver: HTTPServer) -> None:
    """The message's id, and when this try was made; no signature without a secret."""
    httpserver.expect_request("/hook").respond_with_data("")
    channel = Webhook(httpserver.url_for("/hook"), clock=lambda: 1772452800.7)
    assert channel.send(notification(), 5).delivered
    ((request, _),) = httpserver.log

    assert request.headers["webhook-id"] == "n1"
    assert request.headers["webhook-timestamp"] == "1772452800"
    assert "webhook-signature" not in request.headers
    assert request.data == payload(notification())


def test_the_time_is_now(httpserver: HTTPServer) -> None:
    """A receiver refuses what is older than some minutes."""
    httpserver.expect_request("/hook").respond_with_data("")
    Webhook(httpserver.url_for("/hook")).send(notification(), 5)
    ((request, _),) = httpserver.log

    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
