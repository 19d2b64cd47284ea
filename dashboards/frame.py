"""What is around the panels: variables, annotations and links, the same in every dashboard."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import SOURCE, Panel
from dashboards.queries import BY_MODEL, HERE, latest, series

TAG: Final = "flask-mlmonitor"
WIDTH: Final = 24
STARTED: Final = "ml_predictions_total"
"""Every model has it from its start on."""
NAMED: Final = 'version!="__other__"'
ALERTS: Final = 'ALERTS{alertstate="firing", alertname=~"MLModel.+"}'
LASTING: Final = f"{latest('ml_alert_active', *BY_MODEL, 'alert', 'severity')} > 0"


class Row(NamedTuple):
    """Panels under a heading, so many beside each other."""

    title: str
    columns: int
    height: int
    panels: Sequence[Panel]


def framed(name: str, title: str, description: str, rows: Sequence[Row]) -> build.Dashboard:
    """Return a dashboard of these rows."""
    frame = build.Dashboard(title).uid(f"ml-{name}").description(description).tags([TAG])
    frame.readonly().timezone("browser").time("now-6h", "now").refresh("1m")
    frame.tooltip(model.DashboardCursorSync.CROSSHAIR)
    frame.variables(_variables()).annotations(_annotations()).link(_others())
    for row in rows:
        frame.with_row(build.Row(row.title))
        for panel in row.panels:
            width = WIDTH // row.columns
            frame.with_panel(panel.span(width).height(row.height))
    return frame


def to_model(*columns: str) -> str:
    """Return a link from a line of a table to a model's dashboard, as of the same time."""
    chosen = "&".join(f"var-{column}=${{__data.fields.{column}}}" for column in columns)
    kept = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "job", "instance"))
    return f"/d/ml-model?${{__url_time_range}}&{chosen}&{kept}"


def _variables() -> list[Builder[model.VariableModel]]:
    source = build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return [
        source,
        _variable("job", "Job", "mlmonitor_build_info"),
        _variable("instance", "Instance", 'mlmonitor_build_info{job=~"$job"}'),
        _variable("model", "Model", f"{STARTED}{{{HERE}}}"),
        _variable("version", "Version", f'{STARTED}{{{HERE}, model=~"$model"}}'),
    ]


def _variable(name: str, label: str, of: str) -> build.QueryVariable:
    variable = build.QueryVariable(name).label(label).datasource(SOURCE)
    variable.query(f"label_values({of}, {name})").sort(model.VariableSort.ALPHABETICAL_ASC)
    variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.multi(True).include_all(True).all_value(".+")


def _annotations() -> list[Builder[model.AnnotationQuery]]:
    known = f"max by (model, version) (last_over_time({series(STARTED, NAMED)}[1h] offset 5m))"
    appeared = f"{latest(STARTED, *BY_MODEL, where=NAMED)} unless {known}"
    return [
        _annotation("Alerts", LASTING, "red", "{{alert}} ({{severity}})"),
        _annotation("Alerts of Prometheus", ALERTS, "orange", "{{alertname}} ({{severity}})"),
        _annotation("New versions", appeared, "blue", "{{model}} {{version}} is there"),
    ]


def _annotation(name: str, expr: str, color: str, title: str) -> build.AnnotationQuery:
    annotation = build.AnnotationQuery().name(name).datasource(SOURCE).enable(True)
    annotation.icon_color(color).expr(expr).title_format(title).tag_keys("model,version")
    return annotation


def _others() -> build.DashboardLink:
    link = build.DashboardLink("Models").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.include_vars(True).keep_time(True)
