"""The runbook as a page."""

from functools import lru_cache
from typing import Final

from flask import Response, current_app
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from flask_mlmonitor._app import current_state
from flask_mlmonitor.exceptions import BaselineError
from flask_mlmonitor.provision.runbook import sections
from flask_mlmonitor.web.problems import problem

POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def get_runbook() -> Response:
    """Show what each alert means and what to do about it, with the thresholds in force."""
    state = current_state()
    try:
        found = sections(state)
    except BaselineError as error:
        return problem(503, "A baseline cannot be read", str(error))
    text = _template().render(app=current_app.name, sections=found)
    return Response(text, mimetype="text/html", headers={"Content-Security-Policy": POLICY})


@lru_cache
def _template() -> Template:
    """Return the template, in an environment of our own: the app's may escape otherwise."""
    loader = PackageLoader("flask_mlmonitor.web")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("mlmonitor/runbook.html")
