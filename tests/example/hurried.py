"""A configuration of gunicorn under which a minute of the service takes ten seconds."""

import time
from typing import Any, Final

TIMES: Final = 6
"""How many of its seconds pass in one."""


def on_starting(arbiter: Any) -> None:
    """Change the time of day, before there are workers."""
    now, began = time.time, time.time()

    def hurried() -> float:
        return began + TIMES * (now() - began)

    time.time = hurried
