"""What a server may keep from the processes that it runs."""

import sys

from flask_mlmonitor.counters.faults import LOGGER


def warn_of_threads() -> None:
    """Say so when uWSGI, as earlier versions do unless told, lets no thread run but its own."""
    if not getattr(sys.modules.get("uwsgi"), "has_threads", True):
        LOGGER.warning(
            "uWSGI runs this process without threads: predictions are journaled, and move to the "
            "store only when the process ends. Start it with --enable-threads."
        )
