"""What `flask mlmonitor notify` sends and says."""

import base64
from typing import TYPE_CHECKING

from pytest_httpserver import HTTPServer

from flask_mlmonitor.cli import cli
from tests.channels.mailing import MailServer

if TYPE_CHECKING:
    from tests.conftest import MakeService


def test_every_channel(make_service: "MakeService", httpserver: HTTPServer) -> None:
    """An alert and its end; what became of it is said, and shows no secret."""
    httpserver.expect_request("/T0K3N").respond_with_data("ok")
    with MailServer() as mail:
        service = make_service(
            MLMONITOR_SLACK_WEBHOOK_URL=httpserver.url_for("/T0K3N"),
            MLMONITOR_SMTP_URL=f"smtp://127.0.0.1:{mail.port}",
            MLMONITOR_EMAIL_TO="ann@example.com",
        )
        result = service.app.test_cli_runner().invoke(cli, ["notify"])

    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.output.splitlines()] == [
        [name, "delivered"] for name in ("log", "slack", "email")
    ]
    titles = [request.get_json()["text"] for request, _ in httpserver.log]
    assert titles == ["[INFO] A trial alert of shop", "[RESOLVED] A trial alert of shop"]
    assert len(mail.mails) == 2


def test_some_channels(make_service: "MakeService", httpserver: HTTPServer) -> None:
    """A failure is told with its reason."""
    httpserver.expect_request("/T0K3N").respond_with_data("no such hook: T0K3N", 404)
    service = make_service(
        MLMONITOR_SLACK_WEBHOOK_URL="http://127.0.0.1:1/hook",
        MLMONITOR_WEBHOOK_URL=httpserver.url_for("/T0K3N"),
        MLMONITOR_WEBHOOK_SECRET=f"whsec_{base64.b64encode(b'S3CR3T').decode()}",
    )
    result = service.app.test_cli_runner().invoke(cli, ["notify", "webhook", "log"])

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "webhook         clientError: 404 no such hook: ***",
        "log             delivered",
        "Error: not delivered: webhook",
    ]


def test_a_channel_that_is_not_there(make_service: "MakeService") -> None:
    """The others are named."""
    result = make_service().app.test_cli_runner().invoke(cli, ["notify", "slak"])

    assert result.exit_code == 1
    assert result.output == "Error: 'slak' is not one of 'log'\n"
