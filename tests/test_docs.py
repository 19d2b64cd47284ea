"""The documentation is complete, and what it shows runs."""

import ast
import inspect
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import click
import pytest
from blinker import NamedSignal
from flask import Flask

import flask_mlmonitor
from docs import generate
from flask_mlmonitor import records
from flask_mlmonitor._keys import KEYS
from flask_mlmonitor.alerts.rules import RULES
from flask_mlmonitor.counters.requests import TRUTH_RESULTS, WHERES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial.md"
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts),
]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```(python|dockerfile|bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAVED_AS = re.compile(r"`(\w+\.py|Dockerfile)`:\n\n\Z")
LINK = re.compile(r"\]\(((?!https?:)[^)#]+)\)")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ADDRESS: Final = "127.0.0.1:8000"
LABEL_VALUES = {
    "explanation/outcomes.md": records.STATUSES,
    "how-to/validation.md": records.RULES,
    "how-to/ground-truth.md": TRUTH_RESULTS,
    "reference/metrics.md": (
        *(*records.ERROR_TYPES, *records.FALLBACK_REASONS, *records.RULES),
        *(*records.DROP_REASONS, *records.NOTIFICATION_OUTCOMES, *WHERES),
    ),
}
"""Where a reader learns what the values of the metrics' labels mean."""


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
    "page",
    [page for page in PAGES if page != TUTORIAL and blocks(page)],
    ids=lambda page: page.stem,
)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader can copy a page's Python from its top to its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flask, "default_config", {**Flask.default_config, "TESTING": True})

    exec(compile(blocks(page), str(page), "exec"), {"__name__": "a_reader"})


class Terminal:
    """A shell that commands are typed into."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            process_group=0,
        )
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._keyboard, self._screen = self._shell.stdin, self._shell.stdout

    def start(self, command: str) -> None:
        """Type a command that goes on until the terminal is closed."""
        self._keyboard.write(command)

    def type(self, commands: str) -> str:
        """Return what *commands* print; the last one must succeed."""
        self.start(f"{commands}\nprintf '\\nended with %s\\n' $?\n")
        printed = ""
        for line in self._screen:
            if line.startswith("ended with "):
                assert line == "ended with 0\n", f"{commands}\n{printed}"
                return printed.replace("\r", "")
            printed += line
        raise AssertionError(f"the shell ended:\n{commands}\n{printed}")

    def close(self) -> None:
        """End it, and what runs in it."""
        os.killpg(self._shell.pid, signal.SIGTERM)
        self._shell.communicate(timeout=30)


@contextmanager
def terminals(folder: Path) -> Iterator[tuple[Terminal, Terminal]]:
    """Open two terminals, in which the commands of this environment come first."""
    own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    with ExitStack() as stack:
        both = Terminal(folder, own), Terminal(folder, own)
        for terminal in both:
            stack.callback(terminal.close)
        yield both


def wait_until_drained(address: str) -> None:
    """Wait for what a reader's pace gives: the server is up, and what was predicted is stored."""
    deadline = time.monotonic() + 30
    drained = False
    while not drained:
        assert time.monotonic() < deadline
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer,
        ):
            drained = b"\nmlmonitor_journal_bytes 0.0\n" in answer.read()
        time.sleep(0.05)


def assert_all_is_there(terminal: Terminal, folder: Path) -> None:
    """Fail unless Docker, which does not run here, would find what it is told to take."""
    copied = re.findall(r"^COPY (.+) \./$", (folder / "Dockerfile").read_text(), re.MULTILINE)
    missing = [name for name in copied[0].split() if not (folder / name).is_file()]

    assert missing == []
    assert (folder / "deploy" / "grafana" / "secrets" / "admin_password").is_file()
    terminal.type("docker-compose --file deploy/compose.yml config --quiet")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial's reader has curl")
def test_the_tutorial_works(tmp_path: Path) -> None:
    """Its files saved, its commands typed one by one: they print what it shows."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    text = TUTORIAL.read_text(encoding="utf-8")
    printed = ""
    with terminals(tmp_path) as (first, second):
        serving = False
        for block in ANY_BLOCK.finditer(text):
            kind, content = block[1], block[2].replace(ADDRESS, address)
            if kind in ("python", "dockerfile"):
                saved = SAVED_AS.search(text[: block.start()])
                assert saved is not None, content
                (tmp_path / saved[1]).write_text(content, encoding="utf-8")
            elif kind == "text":
                missing = set(ID.sub("", content).splitlines()) - set(
                    ID.sub("", printed).splitlines()
                )
                assert missing == set(), printed
            elif " gunicorn --" in content:
                first.start(content)
                serving = True
            elif content.startswith("docker "):
                assert_all_is_there(second, tmp_path)
            elif not content.startswith("pip "):
                if serving:
                    wait_until_drained(address)
                printed = second.type(content)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_shell_commands_can_be_read(page: Path) -> None:
    """A shell takes them; those of the tutorial and of the README run elsewhere."""
    for kind, commands in ANY_BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "bash":
            subprocess.run(["bash", "-n"], input=commands, text=True, check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_linked_is_there(page: Path) -> None:
    """On GitHub too, where nobody checks it."""
    links = LINK.findall(page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_figures_come_from_a_command(page: Path) -> None:
    """Each benchmark that a page names exists."""
    for name in re.findall(r"python -m (tests\.\w+\.\w+)", page.read_text(encoding="utf-8")):
        assert (ROOT / name.replace(".", "/")).with_suffix(".py").exists()


@pytest.mark.parametrize(("page", "values"), LABEL_VALUES.items())
def test_every_value_of_a_label_is_explained(page: str, values: tuple[str, ...]) -> None:
    """A reader who meets one in Prometheus finds it in the docs."""
    text = (DOCS / page).read_text(encoding="utf-8")

    assert [value for value in values if f"`{value}`" not in text] == []


def test_every_public_name_is_on_the_page() -> None:
    """What is not on it is private."""
    text = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")

    assert [name for name in flask_mlmonitor.__all__ if f"`{name}`" not in text] == []


def test_something_acts_on_every_key() -> None:
    """It is read somewhere outside the configuration."""
    config = {"_keys.py", "_parsers.py", "config.py"}
    modules = [path for path in (ROOT / "flask_mlmonitor").rglob("*.py") if path.name not in config]
    used = {
        node.attr
        for path in modules
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }

    of_rules = {
        limit.lower()
        for rule in RULES
        for limit in (rule.warning, rule.critical, *(rule.relative or ()))
        if isinstance(limit, str)
    }
    assert {key.field for key in KEYS} <= used | of_rules | {"models"}


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
    assert second.endswith("-m pytest -n auto --dist loadfile")
