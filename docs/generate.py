"""Write the tables of the reference from the code that they describe: `python -m docs.generate`."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from flask_mlmonitor._keys import GROUPS, Key

if TYPE_CHECKING:
    from flask_mlmonitor.alerts.rule import Rule

DOCS: Final = Path(__file__).parent
BEGIN: Final = "<!-- Written by `python -m docs.generate`. -->\n"
END: Final = "<!-- The end of what is written. -->\n"


def config() -> str:
    """Return a table of the configuration keys for each group."""
    return "\n".join(
        f"## {group}\n\n"
        + table(
            ("Key", "Kind", "Default", "Meaning"),
            (
                (
                    _name(key.config_name, key.per_model),
                    key.kind.name,
                    _default(key),
                    key.meaning,
                )
                for key in keys
            ),
        )
        for group, keys in GROUPS.items()
    )


def metrics() -> str:
    """Return the table of the metrics."""
    from flask_mlmonitor.metrics import METRICS

    return table(
        ("Metric", "Type", "Labels", "Meaning"),
        (
            (
                f"`{metric.name}`",
                metric.kind,
                ", ".join(f"`{label}`" for label in metric.labels),
                metric.help,
            )
            for metric in METRICS
        ),
    )


def commands() -> str:
    """Return a section for each command of ``flask mlmonitor``."""
    from flask_mlmonitor.cli import cli

    return "\n".join(
        _section(command, context)
        for command, context in walk(cli, click.Context(cli, info_name="flask mlmonitor"))
    )


def alerts() -> str:
    """Return the table of the alert rules, and one of the messages that tell of them."""
    from flask_mlmonitor.alerts.families import FAMILIES
    from flask_mlmonitor.alerts.rules import RULES

    rules = table(
        ("Metric of the alert", "What it is about", "Warning", "Critical", "Told under"),
        (
            (
                f"`{rule.name}`",
                rule.title + ", of each feature" * rule.per_feature,
                *(_threshold(rule, place) for place in (0, 1)),
                f"`{rule.family}`",
            )
            for rule in RULES
        ),
    )
    families = table(
        ("Family", "Title", "What has happened", "Warning: look", "Critical: look"),
        (
            (
                f"`{family.name}`",
                family.title,
                family.meaning,
                family.respond["warning"],
                family.respond["critical"],
            )
            for family in FAMILIES
        ),
    )
    return (
        f"## Rules\n\n{rules}\n## Only in Prometheus\n\n{only_prometheus()}\n"
        f"## Families\n\n{families}"
    )


def only_prometheus() -> str:
    """Return the table of the alerts that the app itself does not know."""
    from flask_mlmonitor.provision.burning import BUDGETS, PAIRS
    from flask_mlmonitor.provision.signs import FAMILY_OF_SIGNS, SIGNS

    pairs = {
        level: " or ".join(
            f"{pair.factor:g} times as fast, within {pair.long} and {pair.short}"
            for pair in PAIRS
            if pair.level == level
        )
        for level in ("warning", "critical")
    }
    signs = (
        (
            f"`{sign.alert}`",
            sign.title,
            *(_sign(sign.limits.get(level)) for level in ("warning", "critical")),
            f"`{FAMILY_OF_SIGNS}`",
        )
        for sign in SIGNS
    )
    budgets = (
        (
            f"`{budget.alert}`",
            f"{budget.title} that burns",
            *(pairs[level] for level in ("warning", "critical")),
            f"`{budget.family}`",
        )
        for budget in BUDGETS
    )
    return table(
        ("Alert", "What it is about", "Warning", "Critical", "Told under"), (*budgets, *signs)
    )


PAGES: Final[dict[str, Callable[[], str]]] = {
    "reference/config.md": config,
    "reference/metrics.md": metrics,
    "reference/cli.md": commands,
    "reference/alerts.md": alerts,
}


def rendered(page: str) -> str:
    """Return a page as it should be: what stands between the marks is written anew."""
    text = (DOCS / page).read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has lost one of its marks: {BEGIN!r}, {END!r}")
    return f"{before}{BEGIN}\n{PAGES[page]()}\n{END}{after}"


def walk(
    command: click.Command, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield the commands of a group, and those of the groups in it."""
    if not isinstance(command, click.Group):
        yield command, context
        return
    if command.invoke_without_command:
        yield command, context
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below is not None:
            yield from walk(below, click.Context(below, info_name=name, parent=context))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def _sign(limit: float | None) -> str:
    return "" if limit is None else "when it is so" if limit == 0 else f"above {limit:.0%}"


def _threshold(rule: "Rule", place: int) -> str:
    side = "below" if rule.worse == "lower" else "above"
    absolute = _key((rule.warning, rule.critical)[place])
    if rule.relative is None:
        return f"{side} {absolute}" if absolute else ""
    away = f"{_key(rule.relative[place])} worse than the baseline's"
    return f"{away}, or {side} {absolute}" if absolute else away


def _key(threshold: str | float | None) -> str:
    if threshold is None:
        return ""
    return f"`MLMONITOR_{threshold}`" if isinstance(threshold, str) else f"{threshold:g}"


def _name(name: str, per_model: bool) -> str:
    return f"`{name}`" + " †" * per_model


def _default(key: Key) -> str:
    if key.default is None:
        return "unset"
    if key.default in ("", {}):
        return "empty"
    text = str(key.default).lower() if isinstance(key.default, bool) else str(key.default)
    is_seconds = isinstance(key.default, int | float) and key.kind.name.startswith("duration")
    return f"`{text}`" + " s" * is_seconds


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = [
        (", ".join(f"`{name}`" for name in option.opts), option.help or "")
        for option in command.params
        if isinstance(option, click.Option)
    ]
    rows = table(("Option", "Meaning"), options) if options else ""
    text = inspect.cleandoc(command.help or "")
    return f"## `{context.command_path}`\n\n```text\n{usage}\n```\n\n{text}\n\n{rows}"


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(rendered(name), encoding="utf-8")
