"""Write the dashboards that are shipped: `python -m dashboards`."""

from pathlib import Path

import flask_mlmonitor
from dashboards.all import generated

for name, text in generated().items():
    Path(flask_mlmonitor.__file__).with_name("dashboards").joinpath(name).write_text(
        text, encoding="utf-8"
    )
