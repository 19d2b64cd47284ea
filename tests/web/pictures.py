"""Take the pictures of the page for the documentation: `python -m tests.web.pictures`."""

import tempfile
from pathlib import Path
from typing import Any, Final

from flask_mlmonitor.web.report import report
from tests.web.reader import Reader, chromium, serving
from tests.web.shop import open_shop

DOCS: Final = Path(__file__).parents[2] / "docs" / "how-to"
PARTS: Final = {
    "performance": "section[aria-labelledby=performance]",
    "feature": ".feature:has-text('age')",
}
SIZE: Final[Any] = {"width": 1100, "height": 900}


def take() -> None:
    """Write them beside the page of the documentation that shows them."""
    with tempfile.TemporaryDirectory() as folder:
        service = open_shop(Path(folder), names=("visits", "gold"))
        with serving(service.app) as url, chromium() as browser:
            reader = Reader(browser, url, viewport=SIZE)
            reader.open("")
            reader.page.locator(".model").first.screenshot(path=DOCS / "page-overview.png")
            reader.open("models/fraud/2")
            for name, part in PARTS.items():
                reader.page.locator(part).first.screenshot(path=DOCS / f"page-{name}.png")
            reader.context.close()
        with service.app.app_context():
            print(f"The report has {len(report(service.state, 'fraud', '2').encode()):,} bytes.")
        service.close()


if __name__ == "__main__":
    take()
