"""Who may use the monitor's routes."""

import base64
from typing import TYPE_CHECKING, Any

import pytest
from flask import Request
from werkzeug.test import TestResponse

from flask_mlmonitor import MLMonitor

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

URL = "/mlmonitor/ground-truth"
TOKEN = "s=cret"


def basic(password: str, user: str = "anybody") -> dict[str, str]:
    """Return the header of HTTP Basic."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def ask(service: "Service", headers: Any = None) -> TestResponse:
    """Report nothing; whoever may not is refused all the same."""
    return service.client.post(URL, json=[], headers=headers)


def test_nothing_configured(serve: Any, production: dict[str, Any]) -> None:
    """Closed, and the answer names the key to set."""
    service = serve(lambda: {"prediction": 1}, config=production)
    answer = ask(service, {"Authorization": "Bearer anything"})

    assert answer.status_code == 403
    assert answer.mimetype == "application/problem+json"
    assert "MLMONITOR_API_TOKEN" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer  {TOKEN} "},
        basic(TOKEN),
        basic(TOKEN, user=""),
    ],
)
def test_with_the_token(live: "Service", headers: dict[str, str]) -> None:
    """As Bearer or as the password of HTTP Basic, whoever the user is."""
    assert ask(live, headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN.upper()}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer sécret"},
        {"Authorization": TOKEN},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Basic !!!"},
        {"Authorization": 'Digest username="x", password="s=cret"'},
        basic("wrong"),
        basic("", user=TOKEN),
        {"Cookie": f"token={TOKEN}"},
    ],
)
def test_without_the_token(live: "Service", headers: dict[str, str]) -> None:
    """401, with what to send and a challenge that makes a browser ask."""
    answer = ask(live, headers)

    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert "MLMONITOR_API_TOKEN" in answer.get_json()["detail"]
    assert TOKEN not in answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_app_decides(make_service: "MakeService", production: dict[str, Any]) -> None:
    """`authorize=` takes the place of the token, which then opens nothing."""

    def authorize(request: Request) -> bool:
        return request.headers.get("X-Staff") == "yes"

    config = {**production, "MLMONITOR_API_TOKEN": TOKEN}
    service = make_service("shop", MLMonitor(authorize=authorize), **config)

    assert ask(service, {"X-Staff": "yes"}).status_code == 200
    assert ask(service, {"Authorization": f"Bearer {TOKEN}"}).status_code == 403


def test_open_in_a_test(fraud: "Service") -> None:
    """Under TESTING no token is needed."""
    assert ask(fraud).status_code == 200


def test_open_under_debug(serve: Any, production: dict[str, Any]) -> None:
    """Nor in an app under debug."""
    service = serve(lambda: {"prediction": 1}, config=production)
    service.app.debug = True

    assert ask(service).status_code == 200


def test_a_configured_token_holds_in_a_test_too(serve: Any) -> None:
    """What was set is what a test sees."""
    service = serve(lambda: {"prediction": 1}, config={"MLMONITOR_API_TOKEN": TOKEN})

    assert ask(service).status_code == 401
    assert ask(service, basic(TOKEN)).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:81", "http://[", "http://"]
)
def test_from_another_sites_page(live: "Service", origin: str) -> None:
    """A browser that knows the password is sent by whoever's page: refused."""
    answer = ask(live, {**basic(TOKEN), "Origin": origin})

    assert answer.status_code == 403
    assert origin in answer.get_json()["detail"]


@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost"])
def test_from_a_page_of_its_own(live: "Service", origin: str) -> None:
    """The scheme may differ: a proxy may have spoken TLS."""
    assert ask(live, {**basic(TOKEN), "Origin": origin}).status_code == 200


def test_predictions_need_no_token(live: "Service") -> None:
    """The app's own routes are the app's own business."""
    assert live.post().status_code == 200
