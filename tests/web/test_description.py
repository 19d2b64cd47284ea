"""The routes are as their description says: `API_CASES=1250` asks 10,000 times instead of 200."""

import os
from typing import TYPE_CHECKING, Any, Final

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import checks

from flask_mlmonitor.web.description import OPERATIONS
from tests.web.shop import BEARER

if TYPE_CHECKING:
    from tests.conftest import Service

CASES: Final = int(os.environ.get("API_CASES", "25"))
KNOWN: Final = {"model": "fraud", "version": "2"}
CHECKS: Final = [
    checks.not_a_server_error,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.status_code_conformance,
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("path", OPERATIONS)
def test_answers_are_as_described(shop: "Service", path: str) -> None:
    """Whatever is asked, of known and unknown models, is answered as described, and no 5xx."""
    url = "/mlmonitor/api/openapi.json"
    schema = schemathesis.openapi.from_wsgi(url, shop.app, headers=BEARER)
    operation = schema[path][OPERATIONS[path].method.upper()]
    alert_id = shop.client.get("/mlmonitor/api/alerts", headers=BEARER).get_json()["active"][0]
    known = {**KNOWN, "alert_id": alert_id["id"]}

    @hypothesis.given(operation.as_strategy(), st.booleans())
    @hypothesis.settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def ask(case: Any, of_known: bool) -> None:
        if of_known:
            case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        case.validate_response(case.call(headers=BEARER), checks=CHECKS)

    ask()


def test_the_description_is_complete(shop: "Service") -> None:
    """Each route below `/api` is described, and nothing else."""
    rules = {rule.rule for rule in shop.app.url_map.iter_rules() if "/api/" in rule.rule}
    paths = {rule.removeprefix("/mlmonitor").replace("<", "{").replace(">", "}") for rule in rules}

    assert paths == {*OPERATIONS, "/api/openapi.json"}
