"""The runbook as a page."""

from flask import Response

from flask_mlmonitor._app import current_state
from flask_mlmonitor.exceptions import BaselineError
from flask_mlmonitor.provision.runbook import sections
from flask_mlmonitor.web.answers import problem_of
from flask_mlmonitor.web.rendering import as_page, page


def get_runbook() -> Response:
    """Show what each alert means and what to do about it, with the thresholds in force."""
    state = current_state()
    try:
        found = sections(state)
    except BaselineError as error:
        return as_page(problem_of(error))
    return page("runbook.html", app=state.name, sections=found)
