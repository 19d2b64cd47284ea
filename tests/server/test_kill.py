"""Nothing that a caller was told is lost or counted twice, whatever worker dies when."""

import pytest

from tests.server.books import count_files, read_store, scrape_all, settle
from tests.server.conftest import Serve
from tests.server.killing import Campaign

WORKERS = 4
PREDICTIONS = 3000
EVERY = 200


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["plain", "preload"])
@pytest.mark.parametrize(
    ("threads", "kind"),
    [(1, ("--worker-class", "sync")), (3, ("--worker-class", "gthread", "--threads", "3"))],
    ids=["sync", "gthread"],
)
def test_kills_lose_nothing_and_count_nothing_twice(
    serve: Serve, threads: int, kind: tuple[str, ...], preload: tuple[str, ...]
) -> None:
    """Workers are recycled every 50 requests, and one is killed every 200 predictions."""
    server = serve(*kind, *preload, "--max-requests", "50", workers=WORKERS)
    campaign = Campaign(server, PREDICTIONS, EVERY)
    campaign.run()
    settle(server)

    assert campaign.kills == PREDICTIONS // EVERY - 1
    stored = read_store(server.folder)
    answered, most = len(campaign.ids), len(campaign.ids) + threads * campaign.kills
    assert len(set(campaign.ids)) == answered
    assert set(campaign.ids) <= set(stored.ids)
    assert len(stored.ids) == len(set(stored.ids)) == stored.in_rollups == stored.in_totals
    assert len(stored.ids) <= most

    counted = scrape_all(server, "ml_predictions_total")
    (total,) = set().union(*counted.values())
    assert answered <= total <= most

    # A segment for each worker that lives, and one .tmp that a kill may have left of each; a lock
    # and a file of cells for each worker that lived at once, and of one that met a scrape's probe.
    files = count_files(server)
    assert files.spool <= 2 * WORKERS
    assert files.slots <= 2 * (WORKERS + 1)
