"""`flask mlmonitor report`: one file that needs nothing else."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta, timezone
from html import unescape
from math import inf
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from flask_mlmonitor.cli import cli
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store.results import WindowKey, read_history, read_latest
from tests.conftest import Serve, Service
from tests.missing import missing
from tests.web.reader import CHROMIUM, chromium
from tests.web.shop import CATEGORY, MARKUP, open_shop

SMALL = 250_000
"""Bytes that any mailbox takes."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that has a history."""
    service = open_shop(tmp_path_factory.mktemp("shop"))
    yield service
    service.close()


def write(service: Service, path: Path, *arguments: str) -> str:
    """Have a report written; return it."""
    command = ["report", "fraud", "-o", str(path), *arguments]
    done = service.app.test_cli_runner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    return path.read_text(encoding="utf-8")


def evaluation(service: Service, window: str) -> Evaluation:
    """Return what is stored of a window."""
    latest = read_latest(service.runtime.database, ("fraud", "2"))
    return next(one for one in latest if one.window == window)


@pytest.mark.parametrize("window", ["1h", "3h"])
def test_what_it_tells(shop: Service, tmp_path: Path, window: str) -> None:
    """The window's verdict and figures, as they are stored, in a file that can be mailed."""
    text = write(shop, tmp_path / "report.html", "--window", window)
    stored = evaluation(shop, window)
    shown = {float(value) for value in re.findall(r'<data value="([^"]+)">', text)}

    assert stored.verdict.text in unescape(text)
    assert {float(drift.psi or 0) for drift in stored.drift.values()} <= shown
    assert set(stored.estimated.values()) <= shown
    assert MARKUP not in text
    assert CATEGORY not in text
    assert len(text.encode()) < SMALL


def test_of_an_earlier_window(shop: Service, tmp_path: Path) -> None:
    """Any that is stored, by any time until the next one ended, with the alerts of then."""
    key = WindowKey("fraud", "2", "1h")
    stored = read_history(shop.runtime.database, key, start=-inf, end=inf)
    earlier, following = stored[-3], stored[-2]
    arguments = ("--window", "1h", "--until")
    text = write(shop, tmp_path / "a.html", *arguments, f"{earlier.end:%Y-%m-%d %H:%M}")
    shown = unescape(text)
    lines = json.loads(text.partition('id="charts">')[2].partition("</script>")[0])

    assert earlier.verdict.text in shown
    assert all(other.verdict.text not in shown for other in (stored[-4], following))
    assert lines["psi-1"]["x"][-1] == earlier.end.timestamp()
    assert "No alert was active." in shown
    last = write(shop, tmp_path / "b.html", *arguments, stored[-1].end.isoformat())
    assert "No alert" not in last
    soon = (following.end - timedelta(seconds=1)).astimezone(timezone(timedelta(hours=9)))
    again = write(shop, tmp_path / "c.html", *arguments, soon.isoformat())
    assert _without_time(again) == _without_time(text)


def _without_time(text: str) -> str:
    """Return a report without when it was written."""
    return re.sub("As of <time.*?</time>", "", text)


def test_of_before_the_first_window(shop: Service) -> None:
    """The error names the oldest one, as the command takes it."""
    arguments = ["report", "fraud", "--window", "3h", "--until"]
    runner = shop.app.test_cli_runner()
    done = runner.invoke(cli, [*arguments, "2026-01-01"])
    found = re.search(r"^Error: No window of fraud 2 over 3h had ended by 2026-01-01T00:00:00Z: "
                      r"the oldest that is known ended at (\S+)\.$", done.output, re.M)  # fmt: skip

    assert done.exit_code == 1
    assert found is not None, done.output
    assert runner.invoke(cli, [*arguments, found[1]]).exit_code == 0


def test_in_a_browser(shop: Service, tmp_path: Path) -> None:
    """Opened as a file: no error, no request, all charts, no barrier."""
    if not CHROMIUM.exists():
        missing("install chromium: apt-get install chromium")
    path = tmp_path / "report.html"
    write(shop, path)
    said: list[str] = []
    asked: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 12_000})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_load_state("networkidle")
        drawn = page.locator("canvas").count()
        found = Axe().run(page)

    assert said == []
    assert asked == [path.as_uri()]
    assert drawn == 15
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frod"], "Known are: fraud 2, idle 0.1"),
        (["fraud", "--version", "3"], "Known are: fraud 2, idle 0.1"),
        (["fraud", "--window", "7h"], "Evaluated are: 1h, 3h"),
    ],
)
def test_what_there_is_not(shop: Service, arguments: list[str], says: str) -> None:
    """The error names what there is."""
    done = shop.app.test_cli_runner().invoke(cli, ["report", *arguments])

    assert done.exit_code == 1
    assert says in done.output


def test_before_the_first_window(serve: Serve) -> None:
    """The error says what to do."""
    service = serve(lambda: {"prediction": 1})
    done = service.app.test_cli_runner().invoke(cli, ["report", "fraud"])

    assert done.exit_code == 1
    assert "flask mlmonitor evaluate" in done.output


def test_one_of_several_versions(serve: Serve) -> None:
    """It must be said which."""
    service = serve(lambda: {"prediction": 1})
    service.monitor.register("fraud", version="3")
    done = service.app.test_cli_runner().invoke(cli, ["report", "fraud"])

    assert done.exit_code == 2
    assert "2, 3" in done.output
