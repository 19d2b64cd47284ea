"""From values to the page: its own templates, in which everything that is shown is escaped."""

import hashlib
from base64 import b64encode
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from flask import Response, url_for
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.alerts.saying import UNITS
from flask_mlmonitor.clock import as_datetime, now

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may do for the page: nothing that is not from this server, and nothing inline."""
_OWN_STYLE: Final = "style-src 'self'"

FIGURES: Final = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1_score": "F1",
    "roc_auc": "ROC-AUC",
    "log_loss": "Log loss",
    "brier_score": "Brier score",
    "mse": "Mean squared error",
    "rmse": "Root mean squared error",
    "mae": "Mean absolute error",
    "r2": "R²",
}
_STATUSES: Final = {
    "stable": "Stable",
    "moderate": "Moderate drift",
    "significant": "Significant drift",
    "not_enough_data": "Not enough data",
}
_SEVERITIES: Final = {"ok": "OK", "info": "Info", "warning": "Warning", "critical": "Critical"}


def page(template: str, status: int = 200, **given: Any) -> Response:
    """Return a page that needs nothing from anywhere else."""
    response = Response(render(template, **given), status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def render(template: str, **given: Any) -> str:
    """Return a template with what it shows."""
    found = _environment().get_template(f"mlmonitor/{template}")
    return found.render(now=as_datetime(now()), **given)


def as_page(answer: Response) -> Response:
    """Return a problem document as a page; its style is in it, for who is refused gets no file."""
    style = inline("page.css")
    found = page("problem.html", answer.status_code, problem=answer.get_json(), style=style)
    policy = POLICY.replace(_OWN_STYLE, f"style-src {hash_of(style)}")
    found.headers["Content-Security-Policy"] = policy
    for name in ("Retry-After", "WWW-Authenticate"):
        if name in answer.headers:
            found.headers[name] = answer.headers[name]
    return found


def inline(*names: str) -> Markup:
    """Return files of the page, one after the other, to stand in it."""
    folder = files("flask_mlmonitor.web") / "static"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def hash_of(text: str) -> str:
    """Return what allows a browser this very text, and no other."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@lru_cache
def _environment() -> Environment:
    """Return an environment of our own: the app's may have other delimiters, filters or escapes."""
    found = Environment(
        loader=PackageLoader("flask_mlmonitor.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["url_for"] = url_for
    found.filters |= {
        "count": lambda value: f"{value:,}",
        "number": lambda value: f"{value:.3g}",
        "share": UNITS["share"],
        "seconds": _seconds,
        "moment": _moment,
        "figure": lambda name: FIGURES.get(name, name),
        "status": _STATUSES.__getitem__,
        "severity": _SEVERITIES.__getitem__,
        "rule": lambda name: RULE[name].title if name in RULE else name,
        "family": lambda name: RULE[name].family,
    }
    found.tests["rule"] = RULE.__contains__
    return found


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M}"


def _seconds(value: float) -> str:
    """Say how long something takes.

    >>> _seconds(0.00256), _seconds(180.0)
    ('2.56 ms', '3.0 minutes')
    """
    return f"{1000 * value:.3g} ms" if value < 1 else UNITS["seconds"](value)
