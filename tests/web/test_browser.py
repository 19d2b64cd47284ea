"""The page in a browser, as its reader meets it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.missing import missing
from tests.web.reader import CHROMIUM, Reader, chromium, serving
from tests.web.shop import BEARER

if TYPE_CHECKING:
    from tests.conftest import Service

PAGES = ["", "models/fraud/2", "models/idle/0.1", "models/unknown/1", "runbook"]


@pytest.fixture(scope="module")
def url(shop: "Service") -> Iterator[str]:
    """Where the service's page is."""
    with serving(shop.app) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    if not CHROMIUM.exists():
        missing("install chromium: apt-get install chromium")
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_works(browser: Browser, url: str, path: str, width: int, scheme: Any) -> None:
    """No error, no request to anywhere else, nothing that reaches out of the window, no barrier."""
    size: Any = {"width": width, "height": 800}
    reader = Reader(browser, url, viewport=size, color_scheme=scheme)
    reader.open(path)
    drawn = reader.page.locator("canvas").count()
    wide = reader.page.evaluate("document.documentElement.scrollWidth")
    found = Axe().run(reader.page)
    reader.context.close()

    refused = "Failed to load resource: the server responded with a status of 404 (NOT FOUND)"
    assert [error for error in reader.errors if error != refused] == []
    assert [one for one in reader.asked if not one.startswith(url)] == []
    assert wide <= width
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 10
    assert drawn == {"models/fraud/2": 18, "models/idle/0.1": 3}.get(path, 0)


def test_alerts_by_keyboard(browser: Browser, url: str, shop: "Service") -> None:
    """Acknowledged and silenced without a mouse, and said so where a screen reader hears it."""
    reader = Reader(browser, url)
    reader.page.goto(url)
    drift = reader.page.locator(".alert", has_text="The predictions have drifted")
    for name in ("Acknowledge", "Silence"):
        drift.get_by_role("button", name=name).focus()
        reader.page.keyboard.press("Enter")
        told = "Somebody knows." if name == "Acknowledge" else "Silent until"
        drift.get_by_role("status").filter(has_text=told).wait_for()
    reader.context.close()
    active = shop.client.get("/mlmonitor/api/alerts", headers=BEARER).get_json()["active"]
    (found,) = [one for one in active if one["metric"] == "prediction_drift"]

    assert found["acknowledged"]
    assert found["silenced_until"]
    assert reader.errors == []


def test_another_sites_page_changes_nothing(browser: Browser, url: str, shop: "Service") -> None:
    """Though the browser would add the password by itself."""
    reader = Reader(browser, url)
    reader.page.goto(url)
    latency = shop.client.get("/mlmonitor/api/alerts", headers=BEARER).get_json()["active"][0]
    elsewhere = url.replace("127.0.0.1", "localhost")
    reader.page.goto(f"{elsewhere}health")
    target = f"{url}api/alerts/{latency['id']}/silence"
    script = """async (target) => {
        const body = JSON.stringify({duration: "1h"});
        const send = (type) => fetch(target, {
            method: "POST", body, mode: type ? "cors" : "no-cors", credentials: "include",
            headers: type ? {"Content-Type": type} : {},
        }).then((answer) => answer.type, () => "refused");
        return [await send("application/json"), await send("")];
    }"""
    answers = reader.page.evaluate(script, target)
    reader.context.close()
    after = shop.client.get("/mlmonitor/api/alerts", headers=BEARER).get_json()["active"]

    assert answers == ["refused", "opaque"]
    assert next(one for one in after if one["id"] == latency["id"]) == latency
