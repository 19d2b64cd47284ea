"""The kinds of panels that the dashboards have; each has a title, a description and a unit."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import common, heatmap, prometheus
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat_model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from flask_mlmonitor.dashboards.limits import LIMITED

SOURCE: Final = shared.DataSourceRef(type_val="prometheus", uid="${datasource}")
REFS: Final = ascii_uppercase

Panel = TimeSeries | Stat | StateTimeline | Table | heatmap.Panel
Kind = TypeVar("Kind", TimeSeries, Stat, StateTimeline, Table, heatmap.Panel)
States = Mapping[int, tuple[str, str]]
"""What the values of a state mean: a text and a color."""
NONE: Final[States] = MappingProxyType({})


class Query(NamedTuple):
    """A query, and what its series are called."""

    expr: str
    legend: str


class Column(NamedTuple):
    """A column of a table, which a query fills."""

    expr: str
    title: str
    unit: str
    states: States = NONE


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    bottom: float | None = 0,
    top: float | None = None,
    stacked: bool = False,
) -> Panel:
    """Draw lines over time.

    :param bottom: the least value of the axis.
    :param top: the greatest one.
    :param stacked: whether they add up to something.
    """
    panel = _described(TimeSeries(), title, description, unit)
    panel.legend(_legend()).tooltip(_tooltip()).line_width(1)
    panel.fill_opacity(30 if stacked else 8).show_points(shared.VisibilityMode.AUTO)
    if bottom is not None:
        panel.min(bottom)
    if top is not None:
        panel.max(top)
    if stacked:
        panel.stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL).group("A"))
    if title in LIMITED:
        style = common.GraphThresholdsStyleConfig()
        panel.thresholds_style(style.mode(shared.GraphThresholdsStyleMode.DASHED))
    for query, ref in zip(queries, REFS, strict=False):
        panel.with_target(_target(query, ref).range())
    dashed = {"fill": "dash", "dash": [6, 6]}
    panel.override_by_regexp(
        "/(estimated|critical PSI)$/",
        [_property("custom.lineStyle", dashed), _property("custom.fillOpacity", 0)],
    )
    return panel


def figure(title: str, description: str, unit: str, expr: str, values: States = NONE) -> Panel:
    """Show one number as of now, over its course."""
    panel = _described(Stat(), title, description, unit)
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
    panel.reduce_options(reduced).text_mode(shared.BigValueTextMode.AUTO)
    colored = values or title in LIMITED
    mode = shared.BigValueColorMode.VALUE if colored else shared.BigValueColorMode.NONE
    panel.color_mode(mode).no_value("no data")
    if values:
        panel.mappings([_mapping(values)])
    query = _target(Query(expr, ""), "A")
    if "$__range" in expr:
        return panel.graph_mode(shared.BigValueGraphMode.NONE).with_target(query.instant())
    return panel.graph_mode(shared.BigValueGraphMode.AREA).with_target(query.range())


def states(title: str, description: str, query: Query, values: States) -> Panel:
    """Show since when something is in which state."""
    panel = _described(StateTimeline(), title, description, "none")
    panel.mappings([_mapping(values)]).merge_values(True).row_height(0.8).line_width(0)
    panel.show_value(shared.VisibilityMode.NEVER).legend(_legend()).tooltip(_tooltip())
    return panel.with_target(_target(query, "A").range())


def heat(title: str, description: str, unit: str, expr: str) -> Panel:
    """Show how a histogram changes over time."""
    panel = _described(heatmap.Panel(), title, description, unit)
    color = heatmap.HeatmapColorOptions().mode(heat_model.HeatmapColorMode.SCHEME)
    panel.calculate(False).color(color.scheme("Blues").steps(64))
    panel.y_axis(heatmap.YAxisConfig().unit(unit)).hide_legend()
    query = _target(Query(expr, "{{le}}"), "A").format(PromQueryFormat.HEATMAP).range()
    return panel.with_target(query)


def table(
    title: str, description: str, keys: Sequence[str], *columns: Column, link: str | None = None
) -> Panel:
    """Show a line for each combination of labels, as of now, sorted by the first column.

    :param keys: those labels.
    :param link: where the first one of them leads.
    """
    panel = _described(Table(), title, description, "short")
    names = {f"Value #{ref}": one.title for one, ref in zip(columns, REFS, strict=False)}
    for column, ref in zip(columns, REFS, strict=False):
        query = _target(Query(column.expr, ""), ref).format(PromQueryFormat.TABLE).instant()
        panel.with_target(query).override_by_name(column.title, _properties(column))
    panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    organized = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate([*keys, *names])},
        "renameByName": names,
    }
    panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=organized))
    if link is not None:
        links = [{"title": f"Show this {keys[0]}", "url": link}]
        panel.override_by_name(keys[0], [_property("links", links)])
    return panel.sort_by([common.TableSortByFieldState().display_name(columns[0].title).desc(True)])


def _described(panel: Kind, title: str, description: str, unit: str) -> Kind:
    panel.title(title).description(description).unit(unit).datasource(SOURCE)
    return panel


def _target(query: Query, ref: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE)
    return target.legend_format(query.legend) if query.legend else target


def _properties(column: Column) -> list[model.DynamicConfigValue]:
    properties = [_property("unit", column.unit)]
    if column.states:
        mapping = _mapping(column.states).to_json()
        properties += [
            _property("mappings", [mapping]),
            _property("custom.cellOptions", {"type": "color-text"}),
        ]
    return properties


def _property(name: str, value: Any) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)


def _mapping(values: States) -> model.ValueMap:
    return model.ValueMap(
        options={
            str(value): model.ValueMappingResult(text=text, color=color, index=place)
            for place, (value, (text, color)) in enumerate(values.items())
        }
    )


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(shared.LegendDisplayMode.LIST)
    return legend.placement(shared.LegendPlacement.BOTTOM).show_legend(True).calcs([])


def _tooltip() -> common.VizTooltipOptions:
    tooltip = common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI)
    return tooltip.sort(shared.SortOrder.DESCENDING)
