"""The documentation is complete, and what it shows runs."""

import ast
import inspect
import itertools
import re
from pathlib import Path

import click
import pytest
from blinker import NamedSignal
from flask import Flask

from docs import generate
from flask_mlmonitor._keys import KEYS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts),
]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> str:
    """Return a page's Python as one program, each line where it stands in the page."""
    text = page.read_text(encoding="utf-8")
    program = ""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        program += "\n" * (line - program.count("\n")) + block.group(1)
    return program


@pytest.mark.parametrize("page", generate.PAGES)
def test_tables_are_up_to_date(page: str) -> None:
    """Else run `python -m docs.generate`."""
    assert (DOCS / page).read_text(encoding="utf-8") == generate.rendered(page)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem
)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader can copy a page's Python from its top to its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flask, "default_config", {**Flask.default_config, "TESTING": True})

    exec(compile(blocks(page), str(page), "exec"), {"__name__": "a_reader"})


def test_what_nothing_acts_on_is_marked() -> None:
    """A key that is not marked as planned is read somewhere outside the configuration."""
    config = {"_keys.py", "_parsers.py", "config.py"}
    modules = [path for path in (ROOT / "flask_mlmonitor").rglob("*.py") if path.name not in config]
    used = {
        node.attr
        for path in modules
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }

    assert {key.field for key in KEYS if not key.planned} <= used | {"latency_critical", "models"}


def test_every_signal_says_when_it_is_sent() -> None:
    """The page of the signals shows the text under each."""
    from flask_mlmonitor import signals

    names = {name for name, value in vars(signals).items() if isinstance(value, NamedSignal)}
    body = ast.parse(inspect.getsource(signals)).body
    documented = {
        ast.unparse(statement.target)
        for statement, below in itertools.pairwise(body)
        if isinstance(statement, ast.AnnAssign) and isinstance(below, ast.Expr)
    }

    assert names == documented


def test_every_command_says_what_it_does() -> None:
    """Each command has a help text, and so has each of its options."""
    from flask_mlmonitor.cli import cli

    commands = list(generate.walk(cli, click.Context(cli, info_name="mlmonitor")))
    silent = [
        f"{context.command_path} {option.name}"
        for command, context in commands
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]

    assert [context.command_path for command, context in commands if not command.help] == []
    assert silent == []


def test_the_readme_begins_with_its_two_commands() -> None:
    """The first shows it at work, the second runs the tests; CI runs the second as it stands."""
    first, second = re.findall(
        r"^```bash\n(.*)\n```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )[:2]

    assert first.endswith("-m example_service")
    assert second.endswith("-m pytest")
