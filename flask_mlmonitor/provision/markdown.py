"""The runbook as Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.provision.runbook import Entry, Section, sections

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|])")
HEAD: Final = (
    "What each alert means, how soon somebody should look, and what to do. Written by "
    "`flask mlmonitor runbook` with the thresholds that are in force."
)


def runbook(state: AppState) -> str:
    """Return the runbook of an app.

    Each alert has a heading, so that a link to it ends with its name in small letters.

    :raises BaselineError: when a baseline cannot be read.
    """
    found = sections(state)
    lines = [f"# Runbook of {escaped(state.name)}", "", HEAD, "", *_contents(found)]
    for section in found:
        lines += ["", *_section(section)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text that means nothing to Markdown.

    >>> escaped("a|b <c>")
    'a\\\\|b \\\\<c\\\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _contents(found: Iterable[Section]) -> Iterator[str]:
    for section in found:
        links = ", ".join(f"[{entry.alert}](#{entry.anchor})" for entry in section.entries)
        yield f"- {section.family.title}: {links}"


def _section(section: Section) -> Iterator[str]:
    family = section.family
    yield f"## {family.title}"
    yield ""
    yield family.meaning
    yield ""
    yield (
        f"Look **{family.respond['critical']}** if it is critical, "
        f"**{family.respond['warning']}** at a warning."
    )
    for entry in section.entries:
        yield ""
        yield from _entry(entry, section)
    yield ""
    yield "**What to do**"
    yield ""
    for number, step in enumerate(family.steps, 1):
        yield f"{number}. {step}"


def _entry(entry: Entry, section: Section) -> Iterator[str]:
    yield f"### {entry.alert}"
    yield ""
    keys = ", ".join(f"`{key}`" for key in entry.keys)
    yield f"{entry.title}." + (f" Set by {keys}." if keys else "")
    yield ""
    if not entry.lines:
        yield "No threshold is in force."
        return
    yield from _row(("Of", "Severity", "Fires when", "For", "Look"))
    yield from _row(["---"] * 5)
    for line in entry.lines:
        look = section.family.respond[line.level]
        yield from _row((escaped(line.whose), line.level, escaped(line.says), line.lasts, look))


def _row(cells: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"
