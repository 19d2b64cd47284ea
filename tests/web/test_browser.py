"""The page in a browser, as its reader meets it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from tests.missing import missing
from tests.web.shop import BEARER, TOKEN

if TYPE_CHECKING:
    from tests.conftest import Service

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGES = ["", "models/fraud/2", "models/idle/0.1", "models/unknown/1"]


class Reader:
    """Somebody who looks at the page, and what the browser said meanwhile."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        credentials: Any = {"username": "anybody", "password": TOKEN}
        self.context = browser.new_context(http_credentials=credentials, **options)
        self.page: Page = self.context.new_page()
        self.url = url
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: str) -> None:
        """Look at all of a page."""
        self.page.goto(self.url + path)
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": self.width, "height": height})
        self.page.wait_for_load_state("networkidle")

    @property
    def width(self) -> int:
        """The width of the window."""
        size = self.page.viewport_size
        assert size is not None
        return size["width"]


@pytest.fixture(scope="module")
def url(shop: "Service") -> Iterator[str]:
    """Where the service is served."""
    server = make_server("127.0.0.1", 0, shop.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/mlmonitor/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        missing("install chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


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
