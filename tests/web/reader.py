"""Somebody who looks at the page in a browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from tests.web.shop import TOKEN

CHROMIUM: Final = Path("/usr/bin/chromium")
_ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


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


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an app; yield where its page is."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/mlmonitor/"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()
