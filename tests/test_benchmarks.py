"""The benchmarks run; what they print is for people, and nothing here depends on a time."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.missing import missing

ROOT = Path(__file__).parents[1]
TINY = {
    "alerting": "--decisions 3 --series 10 --times 2",
    "alarms": "--days 1 --baselines 2 --changes 2",
    "calls": "--requests 20 --rounds 1",
    "catch_up": "--backlog 2000 --rounds 1 --idle 1 --rate 40",
    "concept": "--baselines 2 --days 1 --changes 1",
    "counters": "--requests 100 --rounds 1 --tails 100",
    "detectors": "--peers= --references 2 --windows 3 --changes 2",
    "drain": "--predictions 500 --rounds 1 --idle 0.1 --store postgresql",
    "endurance": "--predictions 300 --kills 2 --workers 2 --store postgresql --restarts 1",
    "estimates": "--windows 2 --seeds 1",
    "evaluation": "--features 30 --per-minute 10 --rounds 1 --seconds 2 --rate 40",
    "exchange": "--predictions 100",
    "flights": "--months 1",
    "inserts": "--rows 20 --rounds 1",
    "journal": "--appends 200 --rounds 1",
    "judged": "--per-minute 5 --hours 3 --rounds 1",
    "measured": "--rows 200 --hours 3 --rounds 1 --samples 20",
    "outage": "--seconds 2 --rate 40 --workers 2",
    "page": "--times 1",
    "performance": "--predictions 2000 --rows 2000 --late 50 --hours 7 --rounds 1",
    "privacy": "--predictions 20 --rounds 1",
    "request_path": "--requests 20 --rounds 1",
    "startup": "--rounds 1",
    "watching": "--seconds 1 --kills 1",
    "year": "--months 1 --share 0.01",
    "windows": "--features 10 --days 2 --minutes 90 --hours 1 --rows 500 --rounds 1",
}
NEED_POSTGRESQL = {"drain", "endurance", "inserts"}
NOT_THEMSELVES = {"fabricated", "measuring", "peers", "year_service"}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_runs(name: str, request: pytest.FixtureRequest) -> None:
    """Each is a command that prints where it ran, and a table."""
    if name == "request_path" and find_spec("prometheus_flask_exporter") is None:
        missing("prometheus_flask_exporter is not installed")
    if name in NEED_POSTGRESQL:
        request.getfixturevalue("postgres")
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", *TINY[name].split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Python ")
    assert "  ---" in done.stdout


def test_no_benchmark_is_forgotten() -> None:
    """Every command in the folder has its tiny run here."""
    files = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("*.py")}

    assert files - NOT_THEMSELVES == set(TINY)
