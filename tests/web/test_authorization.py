"""Who may use the monitor's routes."""

import base64
import re
from typing import TYPE_CHECKING, Any

import pytest
from flask import Request, abort, redirect
from werkzeug.middleware.proxy_fix import ProxyFix
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
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "?"}])
def test_from_another_origin(live: "Service", origin: str, site: dict[str, str]) -> None:
    """A browser that knows the password is sent by whoever's page: refused."""
    answer = ask(live, {**basic(TOKEN), "Origin": origin, **site})

    assert answer.status_code == 403
    assert origin in answer.get_json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "cors",
            "Origin": "https://evil.example",
        },
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_from_another_sites_page(live: "Service", headers: dict[str, str]) -> None:
    """What browsers send of themselves, in a fetch, from a sibling's page, from a form."""
    answer = ask(live, {**basic(TOKEN), **headers})

    assert answer.status_code == 403
    assert "may not change anything here" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},  # a proxy may have spoken TLS
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://shop.example"},  # behind a proxy
        {"Sec-Fetch-Site": "none"},
        {"Host": "LOCALHOST:8000", "Origin": "http://localhost:8000"},
    ],
)
def test_from_a_page_of_its_own(live: "Service", headers: dict[str, str]) -> None:
    """Same origin, as an older or a newer browser says it."""
    assert ask(live, {**basic(TOKEN), **headers}).status_code == 200


def test_behind_a_proxy(live: "Service") -> None:
    """A browser that does not say the site: the proxy's name counts once Flask trusts the proxy."""
    headers = {**basic(TOKEN), "Origin": "https://shop.example", "X-Forwarded-Host": "shop.example"}
    answer = ask(live, headers)
    assert answer.status_code == 403
    assert "ProxyFix(app.wsgi_app, x_host=1)" in answer.get_json()["detail"]
    live.app.wsgi_app = ProxyFix(live.app.wsgi_app, x_host=1)  # type: ignore[method-assign]

    assert ask(live, headers).status_code == 200
    assert ask(live, {**headers, "X-Forwarded-Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_can_send(live: "Service", kind: str) -> None:
    """Pages may send these anywhere without asking first: a change is none of them."""
    answer = live.client.post(URL, data="[]", content_type=kind, headers=basic(TOKEN))

    assert answer.status_code == 415


def test_every_route_is_closed(live: "Service") -> None:
    """All but the health and the metrics, whatever the method."""
    asked = 0
    for rule in live.app.url_map.iter_rules():
        if rule.endpoint.startswith("mlmonitor.") and rule.rule not in (
            "/mlmonitor/health",
            "/metrics",
        ):
            for method in rule.methods or ():
                path = re.sub("<[^>]*>", "1", rule.rule)
                answer = live.client.open(path, method=method)
                assert answer.status_code == 401, (method, rule.rule)
                asked += 1

    assert asked


@pytest.mark.parametrize("token", ["geheimnisträger", "秘密", "voilà"])
def test_a_token_beyond_ascii(serve: Any, production: dict[str, Any], token: str) -> None:
    """Its UTF-8 bytes count, as a server hands them on."""
    config = {**production, "MLMONITOR_API_TOKEN": token}
    service = serve(lambda: {"prediction": 1}, config=config)
    sent = f"Bearer {token}".encode().decode("latin-1")

    assert ask(service, {"Authorization": sent}).status_code == 200
    assert ask(service, basic(token)).status_code == 200
    assert ask(service, {"Authorization": sent[:-1]}).status_code == 401


@pytest.mark.parametrize("token", ["", "  "])
def test_an_empty_token(serve: Any, production: dict[str, Any], token: str) -> None:
    """It is no token: the routes stay closed, also to an empty password."""
    config = {**production, "MLMONITOR_API_TOKEN": token}
    service = serve(lambda: {"prediction": 1}, config=config)

    for headers in ({}, {"Authorization": "Bearer "}, basic(token)):
        assert ask(service, headers).status_code == 403


def test_the_app_fails_to_decide(
    make_service: "MakeService", production: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Closed, counted and logged; the health stays open."""

    def authorize(request: Request) -> bool:
        raise RuntimeError("the directory is down")

    service = make_service("shop", MLMonitor(authorize=authorize), **production)
    answer = ask(service)

    assert answer.status_code == 500
    assert "directory" not in answer.text
    assert "the directory is down" in caplog.text
    assert service.samples("mlmonitor_internal_errors_total")["authorize",] == 1
    assert service.client.get("/mlmonitor/health").status_code == 200


@pytest.mark.parametrize(
    ("decide", "status"),
    [
        (lambda: abort(401), 401),
        (lambda: redirect("/login"), 302),
        (lambda: None, 403),
        (lambda: "", 403),
        (lambda: "anna", 200),
    ],
)
def test_the_apps_own_answer(
    make_service: "MakeService", production: dict[str, Any], decide: Any, status: int
) -> None:
    """A redirect to the login is no consent, though a response is true."""
    monitor = MLMonitor(authorize=lambda _: decide())
    service = make_service("shop", monitor, **production)
    answer = ask(service)

    assert answer.status_code == status
    assert answer.headers.get("Location") == ("/login" if status == 302 else None)


def test_predictions_need_no_token(live: "Service") -> None:
    """The app's own routes are the app's own business."""
    assert live.post().status_code == 200
