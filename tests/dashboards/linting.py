"""What is wrong with a dashboard: the rules of Grafana's own linter, and some more."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import combinations
from typing import Any, Final, NamedTuple

import promql_parser
from promql_parser import AggregateExpr, Call, MatrixSelector, VectorSelector

from flask_mlmonitor.metrics import METRICS

Document = Mapping[str, Any]

INTERVAL: Final = timedelta(minutes=11)
RANGE: Final = timedelta(minutes=13)
SCRAPED: Final = ("job", "instance")
CHOSEN: Final = (*SCRAPED, "model", "version")
GROWTH: Final = ("rate", "irate", "increase")
OWN: Final = {
    "scrape_duration_seconds": (),
    "scrape_samples_scraped": (),
    "ALERTS": ("alertname", "alertstate"),
}
"""What Prometheus adds, and the labels of it."""


def known_series(prefix: str = "ml") -> dict[str, tuple[str, ...]]:
    """Return the labels of everything that can be asked for, by its name."""
    known = dict(OWN)
    for metric in METRICS:
        name = re.sub(r"^ml(?=_)", prefix, metric.name)
        suffixes = ("_bucket", "_count", "_sum") if metric.kind == "histogram" else ("",)
        for suffix in suffixes:
            known[name + suffix] = metric.labels + ("le",) * (suffix == "_bucket")
    return known


def counters(prefix: str = "ml") -> set[str]:
    """Return the series that only grow."""
    return {
        name
        for name in known_series(prefix)
        if name.endswith(("_total", "_bucket", "_count", "_sum"))
    }


class Query(NamedTuple):
    """A query of a panel or an annotation, and where it stands."""

    place: str
    expr: str
    instant: bool
    in_panel: bool


def panels(dashboard: Document) -> list[Document]:
    """Return what is no heading."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(dashboard: Document) -> Iterator[Query]:
    """Yield every query but those of variables."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            place = f"{panel.get('title')}, {target.get('refId')}"
            yield Query(place, target["expr"], target.get("instant", False), in_panel=True)
    for annotation in dashboard["annotations"]["list"]:
        expr = annotation["target"]["expr"]
        yield Query(annotation["name"], expr, instant=False, in_panel=False)


def findings(dashboard: Document, prefix: str = "ml") -> list[str]:
    """Return what is wrong, each with its place."""
    found = [*_frame(dashboard), *_variables(dashboard), *_grid(dashboard)]
    for panel in panels(dashboard):
        found += [f"{panel.get('title')}: {fault}" for fault in _panel(panel)]
    for query in queries(dashboard):
        found += [f"{query.place}: {fault}" for fault in _query(query, prefix)]
    return found


def _frame(dashboard: Document) -> Iterator[str]:
    for key in ("uid", "title", "description", "tags"):
        if not dashboard.get(key):
            yield f"no {key}"
    if dashboard.get("editable", True):
        yield "can be edited, though it is generated"
    if "__inputs" in dashboard or "id" in dashboard:
        yield "asks on import, or has the id of one Grafana"
    numbers = Counter(panel.get("id") for panel in dashboard["panels"])
    if None in numbers or max(numbers.values()) > 1:
        yield "panels without an id of their own"


def _variables(dashboard: Document) -> Iterator[str]:
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    source = variables.pop("datasource", None)
    if source is None or (source["type"], source["query"]) != ("datasource", "prometheus"):
        yield "no variable for the data source"
    if tuple(variables) != CHOSEN:
        yield f"the variables are {tuple(variables)}"
    for name, one in variables.items():
        wanted = {
            "type": "query",
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
            "refresh": 2,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
        }
        if wrong := [key for key, value in wanted.items() if one.get(key) != value]:
            yield f"variable {name}: {wrong}"


def _grid(dashboard: Document) -> Iterator[str]:
    places = [(panel["title"], panel["gridPos"]) for panel in dashboard["panels"]]
    for title, one in places:
        if one["x"] + one["w"] > 24:
            yield f"{title}: wider than the page"
    for (title, one), (other, two) in combinations(places, 2):
        if all(one[a] < two[a] + two[b] and two[a] < one[a] + one[b] for a, b in ("xw", "yh")):
            yield f"{title}: lies on {other}"


def _panel(panel: Document) -> Iterator[str]:
    if not panel.get("title"):
        yield "no title"
    if not str(panel.get("description", "")).endswith("."):
        yield "no description, or no sentence"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    refs = [target.get("refId") for target in panel.get("targets", ())]
    if not refs or len(set(refs)) < len(refs):
        yield "no queries, or two of one name"
    for part in (panel, *panel.get("targets", ())):
        if part.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
            yield "not the chosen data source"


def _query(query: Query, prefix: str) -> Iterator[str]:
    text = query.expr.replace("$__rate_interval", "11m").replace("$__range", "13m")
    try:
        parsed = promql_parser.parse(text)
    except ValueError as error:
        yield f"no PromQL: {error}"
        return
    if "$__range" in query.expr and not query.instant:
        yield "asks for the whole time at each point"
    nodes: list[Any] = []
    promql_parser.walk(parsed, nodes.append, None)
    asked = {str(node.name) for node in nodes if isinstance(node, VectorSelector)}
    labels = {label for name in asked for label in known_series(prefix).get(name, ())}
    for node in nodes:
        if isinstance(node, VectorSelector):
            yield from _selector(node, prefix)
        elif isinstance(node, AggregateExpr) and node.modifier is not None:
            if unknown := set(node.modifier.labels) - labels - set(SCRAPED):
                yield f"by unknown labels {sorted(unknown)}"
        elif isinstance(node, Call) and node.func.name in GROWTH:
            yield from _growth(node, prefix)
    if query.in_panel:
        given = [one for node in nodes if isinstance(node, Call) for one in node.args]
        inside = {one.vector_selector.name for one in given if isinstance(one, MatrixSelector)}
        if bare := asked & counters(prefix) - inside:
            yield f"counters that are not followed: {sorted(bare)}"


def _selector(node: VectorSelector, prefix: str) -> Iterator[str]:
    known = known_series(prefix)
    if node.name not in known:
        yield f"unknown metric {node.name}"
        return
    matchers = {(one.name, one.value) for one in node.matchers.matchers}
    if unknown := {name for name, _ in matchers} - set(known[node.name]) - set(SCRAPED):
        yield f"unknown labels {sorted(unknown)} of {node.name}"
    wanted = () if node.name == "ALERTS" else (*SCRAPED, *set(CHOSEN) & set(known[node.name]))
    if node.name == "mlmonitor_build_info":  # its version is that of the monitor
        wanted = SCRAPED
    for label in wanted:
        if (label, f"${label}") not in matchers:
            yield f"{node.name} of another {label} than the chosen ones"


def _growth(node: Call, prefix: str) -> Iterator[str]:
    selector = node.args[0]
    if not isinstance(selector, MatrixSelector):
        yield f"{node.func.name} of something else than a metric"
        return
    if selector.vector_selector.name not in counters(prefix):
        yield f"{node.func.name} of {selector.vector_selector.name}, which is no counter"
    allowed = {INTERVAL, RANGE} if node.func.name == "increase" else {INTERVAL}
    if selector.range not in allowed:
        yield f"{node.func.name} over {selector.range}, not over $__rate_interval"
