"""What lies in the service's folder."""

from pathlib import Path
from typing import Final

DIRECTORY: Final = "mlmonitor-example"
MODEL: Final = "model.json"
BASELINE: Final = "baseline.json"
STORE: Final = "mlmonitor.sqlite3"
OUTAGE: Final = "outage"
SERVER_LOG: Final = "gunicorn.log"


def is_trained(directory: Path) -> bool:
    """Tell whether model and baseline are there; the baseline is the last to be written."""
    return (directory / MODEL).exists() and (directory / BASELINE).exists()
