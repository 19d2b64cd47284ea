"""Who may import whom: the direction that keeps the rooms apart."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "flask_mlmonitor"

LEVELS = (
    {"exceptions", "signals", "records", "clock", "forks"}
    | {"_folders", "_quantities", "_parsers", "_keys"},
    {"config", "stats"},
    {"alerts"},
    {"dashboards", "drift", "journal", "counters", "store"},
    {"channels", "cloudwatch"},
    {"background"},
    {"_app"},
    {"_evaluations"},
    {"_alerting"},
    {"_checking"},
    {"_measurements"},
    {"request", "metrics"},
    {"provision"},
    {"export", "truth", "views"},
    {"web"},
    {"doctor"},
    {"cli", "testing"},
    {"extension"},
    {"__init__"},
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
STATISTICS = ({"cells"}, {"drift", "measures"}, {"baselines"}, {"performance"}, {"verdicts"})
STATISTIC = {f"stats.{room}": level for level, rooms in enumerate(STATISTICS) for room in rooms}
BASE = tuple(sorted(LEVELS[0]))
"""Single modules, not a room: each must come after those that it imports."""

HEAVY = {"pandas", "pyarrow", "scipy", "sklearn"}
ONLY_IN = {
    "boto3": {"cloudwatch"},
    "botocore": {"cloudwatch"},
    "flask": {"_app", "cli", "extension", "request", "testing", "web"},
    "prometheus_client": {"metrics"},
    "psycopg": {"store"},
    "sqlalchemy": {"store"},
    "urllib3": {"channels"},
}
AT_TOP_ONLY_IN = {"numpy": {"background", "stats"}, "sqlalchemy": {"store"}}


@dataclass(frozen=True)
class Import:
    """One import statement's target, and whether it runs when its module is imported."""

    module: str
    target: str
    top: bool
    line: int

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.module}:{self.line} imports {self.target}"


def room_of(module: str) -> str:
    """Return the room of a module's dotted name."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def modules() -> dict[str, ast.Module]:
    """Parse the package, by dotted name."""
    parsed = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        parsed[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return parsed


def imports_of(name: str, tree: ast.AST, top: bool = True) -> Iterator[Import]:
    """Yield what a module imports while it runs; not what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, top, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(name, node, top)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(name, node, top and not inside)


def _from(name: str, node: ast.ImportFrom, top: bool) -> Iterator[Import]:
    target = node.module or ""
    if node.level:
        parts = name.split(".")
        is_package = PACKAGE.parent.joinpath(*parts).is_dir()
        parents = parts[: len(parts) + is_package - node.level]
        target = ".".join([*parents, *filter(None, [node.module])])
    for alias in node.names:
        submodule = f"{target}.{alias.name}"
        yield Import(name, submodule if submodule in MODULES else target, top, node.lineno)


MODULES = modules()
IMPORTS = [found for name, tree in MODULES.items() for found in imports_of(name, tree)]
OURS = [found for found in IMPORTS if found.target.split(".")[0] == "flask_mlmonitor"]
OTHERS = [found for found in IMPORTS if found not in OURS]


def test_every_room_has_a_level() -> None:
    """A new room is given its place before anybody imports it."""
    assert {room_of(name) for name in MODULES} <= set(LEVEL)


def test_modules_import_lower_levels_or_their_own_room() -> None:
    """An import upwards, or sideways into another room, would tie the rooms together."""
    wrong = [
        found.place
        for found in OURS
        if room_of(found.module) != room_of(found.target)
        and LEVEL[room_of(found.module)] <= LEVEL[room_of(found.target)]
        and not {room_of(found.module), room_of(found.target)} <= set(BASE)
    ]

    assert wrong == []


def test_statistics_import_lower_levels_or_their_own_room() -> None:
    """Counts know no distances, a baseline knows no performance, and only verdicts judge."""
    pairs = [(_statistic(found.module), _statistic(found.target), found.place) for found in OURS]

    assert {room for room, _, _ in pairs if room} == set(STATISTIC)
    assert [
        place
        for room, other, place in pairs
        if room and other and room != other and STATISTIC[room] <= STATISTIC[other]
    ] == []


def _statistic(module: str) -> str:
    parts = module.split(".")[1:3]
    return ".".join(parts) if parts[:1] == ["stats"] and len(parts) == 2 else ""


def test_no_cycles() -> None:
    """Every module can be imported first; what a function imports counts as well."""
    below: dict[str, set[str]] = {name: set() for name in MODULES}
    for found in OURS:
        if found.target != found.module:
            below[found.module].add(found.target)
    while ready := [name for name, targets in below.items() if not targets & below.keys()]:
        for name in ready:
            del below[name]

    assert below == {}


def test_heavy_packages_are_imported_on_use() -> None:
    """A web worker starts without pandas, scipy and scikit-learn."""
    assert [f.place for f in OTHERS if f.top and f.target.split(".")[0] in HEAVY] == []


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_has_its_rooms(package: str) -> None:
    """SQL, requests, metrics and sockets have a room each."""
    users = [f for f in OTHERS if f.target.split(".")[0] == package]

    assert [f.place for f in users if room_of(f.module) not in ONLY_IN[package]] == []


@pytest.mark.parametrize("package", AT_TOP_ONLY_IN)
def test_what_modules_import_at_their_top(package: str) -> None:
    """Arithmetic on arrays is done in two rooms; the others start without it."""
    users = [f for f in OTHERS if f.top and f.target.split(".")[0] == package]

    assert [f.place for f in users if room_of(f.module) not in AT_TOP_ONLY_IN[package]] == []


def test_settings_are_read_in_one_place() -> None:
    """Whoever needs a setting gets the settings; nobody else looks for it."""
    sources = re.compile(r"os\.environ|os\.getenv|(current_)?app\.config")
    readers = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and sources.fullmatch(ast.unparse(node))
    }

    assert readers <= {"flask_mlmonitor.config", "flask_mlmonitor.extension"}
