"""What the page shows, and to whom."""

import base64
import hashlib
import json
import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import TestResponse

from flask_mlmonitor import MLMonitor
from tests.web.shop import BEARER, CATEGORY, MARKUP

if TYPE_CHECKING:
    from flask import Request

    from tests.conftest import MakeService, Serve, Service

PAGES = ["", "models/fraud/2", "models/fraud/2?window=1h", "models/idle/0.1", "runbook"]
SIZE = 300_000


def get(service: "Service", path: str, status: int = 200) -> TestResponse:
    """Return a page."""
    answer = service.client.get(f"/mlmonitor/{path}", headers=BEARER)
    assert (answer.status_code, answer.mimetype) == (status, "text/html"), answer.text
    return answer


def api(service: "Service", path: str) -> Any:
    """Return the same for programs."""
    return service.client.get(f"/mlmonitor/api/{path}", headers=BEARER).get_json()


def numbers(page: str) -> set[float]:
    """Return every number that a page shows, exactly."""
    return {float(value) for value in re.findall(r'<data value="([^"]+)">', page)}


def charts(page: str) -> dict[str, Any]:
    """Return what the charts of a page show."""
    found = re.search(r'type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found.group(1))
    return data


@pytest.mark.parametrize("path", PAGES)
def test_a_page_needs_nothing_else(shop: "Service", path: str) -> None:
    """Nothing is inline, from elsewhere, or kept; and all of it is small enough for a phone."""
    answer = get(shop, path)
    policy = answer.headers["Content-Security-Policy"]
    loaded = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', answer.text)
    sizes = [len(shop.client.get(url, headers=BEARER, buffered=True).data) for url in loaded]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    markup = answer.text.replace("onerror=alert", "")  # the name of a feature, escaped
    assert not re.search(r"<style|\sstyle=|\son\w+=|https?:", markup)
    assert loaded
    assert all(url.startswith("/mlmonitor/static/") for url in loaded)
    assert len(answer.data) + sum(sizes) < SIZE


def test_the_numbers_are_those_of_the_api(shop: "Service") -> None:
    """To the last digit, in tables and tiles."""
    shown = numbers(get(shop, "models/fraud/2").text)
    drift, performance = api(shop, "models/fraud/2/drift"), api(shop, "models/fraud/2/performance")
    quality = api(shop, "models/fraud/2/quality")
    expected = {
        drift["n"],
        *(feature["drift"]["psi"]["score"] for feature in drift["features"]),
        *(feature["drift"]["psi"]["critical"] for feature in drift["features"]),
        *(feature["drift"]["n_expected"] for feature in drift["features"]),
        *(count for feature in drift["features"] for count in feature["distribution"]["now"]),
        *performance["baseline"].values(),
        *performance["latest"]["estimated"].values(),
        *performance["measured"]["performance"].values(),
        performance["latest"]["coverage"],
        *(quality["features"][name]["missing"] for name in quality["features"]),
    } - {0}

    assert len(expected) > 40
    assert expected <= shown


def test_the_overview_is_that_of_the_api(shop: "Service") -> None:
    """Each model with its verdict, and each alert."""
    page = get(shop, "").text
    shown = numbers(page)
    for model in api(shop, "models")["models"]:
        assert model["judgement"]["text"] in unescape(page)
        assert model["judgement"]["n"] in shown
    active = api(shop, "alerts")["active"]
    for alert in active:
        assert alert["message"] in unescape(page)
        assert f"/api/alerts/{alert['id']}/silence" in page
    runbook = get(shop, "runbook").text
    sections = set(re.findall(r'"/mlmonitor/runbook#(\w+)"', page))
    assert {"data_drift", "latency"} <= sections
    assert all(f'id="{section}"' in runbook for section in sections)


def test_a_model_is_as_bad_as_its_worst(serve: "Serve", shop: "Service") -> None:
    """Its badge is of the verdict and the alerts, and the verdict says of which window it is."""
    service = serve(lambda: {"prediction": 1})
    assert api(service, "models")["models"][0]["severity"] is None
    assert 'class="badge unknown"' in get(service, "").text
    with service.app.app_context():
        service.monitor.alerts.check_latency(3.0)
    fraud, idle = api(shop, "models")["models"]

    assert api(service, "models")["models"][0]["severity"] == "critical"
    assert '<article class="model critical">' in get(service, "").text
    assert fraud["severity"] == "critical"
    assert idle["severity"] is None
    window, judged = fraud["judgement"]["window"], fraud["judgement"]["severity"]
    alone = "" if judged == "critical" else f", {judged} by itself"
    for path in ("", "models/fraud/2"):
        assert re.search(rf"{window} until [\d :-]+ UTC{alone}:", get(shop, path).text)
    assert re.search(r"1h until [\d :-]+ UTC, ", get(shop, "models/fraud/2?window=1h").text)


def test_charts_show_the_history(shop: "Service") -> None:
    """The scores of each window beside what chance could explain at its size, and the bins."""
    points = api(shop, "models/fraud/2/history")["points"]
    found = charts(get(shop, "models/fraud/2").text)
    score, critical = found["psi-1"]["lines"]
    accuracy = found["figure-accuracy"]

    assert found["bins-1"]["title"] == "age"
    assert score["values"] == pytest.approx([one["psi"]["age"] for one in points], rel=1e-4)
    assert critical["values"] == pytest.approx([one["critical"]["age"] for one in points], rel=1e-4)
    assert sum(found["bins-1"]["now"]) == pytest.approx(1, abs=1e-3)
    assert [one["label"] for one in accuracy["lines"]] == ["measured", "estimated"]
    assert [one["role"] for one in accuracy["limits"]] == ["baseline", "warning", "critical"]
    assert any(found[name]["marks"] for name in found if name.startswith("psi-"))
    assert len(found["rate"]["x"]) == 60


def test_markup_is_text(shop: "Service") -> None:
    """Names of features and categories are shown as they are, wherever they stand."""
    page = get(shop, "models/fraud/2").text

    assert MARKUP not in page
    assert CATEGORY not in page
    assert {MARKUP, CATEGORY} <= {unescape(text) for text in re.findall(r"<th[^>]*>([^<]+)", page)}
    assert any(CATEGORY in one["labels"] for one in charts(page).values() if one["kind"] == "bars")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("models/<b>/2", "fraud 2, idle 0.1"),
        ("models/fraud/2?window=<b>", "1h, 3h"),
    ],
)
def test_what_there_is_not(shop: "Service", path: str, names: str) -> None:
    """A page that names what there is."""
    page = get(shop, path, status=404).text

    assert names in page
    assert "<b>" not in page


def test_before_the_first_window(serve: "Serve") -> None:
    """Something to look at from the first request on."""
    service = serve(lambda: {"prediction": 1})
    for path in ("", "models/fraud/2"):
        assert "Nothing was evaluated yet" in get(service, path).text
    service.post()
    page = get(service, "models/fraud/2").text

    assert charts(page)["rate"]["x"]
    assert service.client.get("/mlmonitor/").status_code == 200


def test_who_may_not(live: "Service") -> None:
    """A browser asks for the token, and shows a person what to do."""
    for path in ("", "models/fraud/2"):
        answer = live.client.get(f"/mlmonitor/{path}")
        assert (answer.status_code, answer.mimetype) == (401, "text/html")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert "MLMONITOR_API_TOKEN" in answer.text
        (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}';" in answer.headers["Content-Security-Policy"]
        assert "/static/" not in answer.text
    assert live.client.get("/mlmonitor/static/page.css").status_code == 401


def test_while_nothing_is_configured(serve: "Serve", production: dict[str, Any]) -> None:
    """Page, API and writes are closed; the answer names the key."""
    service = serve(lambda: {"prediction": 1}, config=production)
    client = service.client
    answers = [
        client.get("/mlmonitor/"),
        client.get("/mlmonitor/models/fraud/2"),
        client.get("/mlmonitor/runbook"),
        client.get("/mlmonitor/api/models"),
        client.post("/mlmonitor/api/alerts/x/silence", json={}),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert all("MLMONITOR_API_TOKEN" in answer.text for answer in answers)


def test_the_apps_own_login(make_service: "MakeService", production: dict[str, Any]) -> None:
    """What `authorize` answers is the answer."""

    def authorize(request: "Request") -> Any:
        from flask import redirect

        return request.cookies.get("staff") == "yes" or redirect("/login")

    service = make_service("shop", MLMonitor(authorize=authorize), **production)
    assert service.client.get("/mlmonitor/").headers["Location"] == "/login"
    service.client.set_cookie("staff", "yes")
    assert service.client.get("/mlmonitor/").status_code == 200


def test_the_apps_templates_are_its_own(serve: "Serve") -> None:
    """Delimiters, filters and escapes that the app chose change nothing here."""
    service = serve(lambda: {"prediction": 1})
    service.app.jinja_options = {"variable_start_string": "[[", "variable_end_string": "]]"}
    service.app.jinja_env.autoescape = False

    assert "{{" not in get(service, "").text


def test_while_the_store_is_away(live: "Service") -> None:
    """503, as a page."""
    live.post()
    assert live.flush()
    path = live.state.settings.store_url.removeprefix("sqlite:///")
    live.runtime.database.close()
    with open(path, "wb") as store:
        store.write(b"no database" * 100)

    assert get(live, "", status=503).headers["Retry-After"]
