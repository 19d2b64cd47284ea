"""How often others see drift in stable data, and how often in data that has drifted.

Twenty features, ten normal and ten of ten equal categories; windows of 200 rows, one an hour, are
compared with a reference of 5,000 rows, each window for itself. In a changed window one number has
moved by half a standard deviation, and one category has grown from 10 to 20 %. Everybody judges the
same rows, as a default judges, in an environment of its own: it is made here, with the versions
that run together, and is taken without what pip and compiled files need.

References differ by chance, so all rates are means over several, with two standard errors beside
them; where all of them agree, it is three over the number of windows (or days).

``python -m tests.benchmarks.detectors --folder /tmp/detectors`` keeps data and environments there;
``--peers frouros,whylogs`` asks only these, ``--peers ''`` nobody else and needs no network.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from tests.benchmarks.alarms import AN_HOUR, NAMES, NUMBERS, SEED
from tests.benchmarks.measuring import machine, print_table

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(__file__).with_name("detectors_of")
OURS: Final = "flask-mlmonitor"
PEERS: Final = {
    "alibi-detect": ("alibi-detect==0.13.0", "numpy<2", "pandas<3"),
    "evidently": ("evidently==0.7.23", "pandas<3"),
    "frouros": ("frouros==0.9.0", "pandas<3"),
    "nannyml": ("nannyml==0.13.1", "pandas<3", "statsmodels"),
    "whylogs": ("whylogs[viz]==1.6.4", "numpy<2", "pandas<3"),
}
ALONE: Final = {
    "ITERATIVE_DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "1",
    "OMP_NUM_THREADS": "1",
}
"""They tell nobody that they were used, and keep to one core."""
HEADS: Final = (
    *("each window for itself", "false alarms a day", "+-", "windows with one", "+-"),
    *("mean +0.5 sd", "+-", "share 10 to 20 %", "+-", "ms of CPU", "MB"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one table, and who is left out of it."""
    parser = argparse.ArgumentParser(prog="detectors", description=__doc__)
    parser.add_argument("--peers", type=_peers, default=list(PEERS), help="names, by commas")
    parser.add_argument("--references", type=int, default=8, help="at least 2")
    parser.add_argument("--windows", type=int, default=30, help="stable ones, of each reference")
    parser.add_argument("--changes", type=int, default=12, help="changed ones, of each reference")
    parser.add_argument("--folder", type=Path, help="where data and environments stay")
    options = parser.parse_args(arguments)
    if min(options.references - 1, options.windows, options.changes) < 1:
        parser.error("give at least 2 references, 1 window and 1 change")
    print(machine(), flush=True)
    with TemporaryDirectory() as folder:
        _compare(options, (options.folder or Path(folder)).resolve())
    return 0


def _peers(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = ", ".join(sorted({*names} - {*PEERS}))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown}: give some of {', '.join(PEERS)}")
    return names


def _compare(options: argparse.Namespace, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = [
        _save(folder / f"{number}.npz", options, number) for number in range(options.references)
    ]
    rows: list[tuple[Any, ...]] = []
    for name in (OURS, *options.peers):
        try:
            environment = made(folder / name, name) if options.peers else None
            told = _told(name, environment, data, folder)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as reason:
            if name == OURS:
                raise SystemExit(f"{name}: {_why(reason)}") from None
            print(f"left out: {name}: {_why(reason)}", flush=True)
            continue
        megabytes = _megabytes(environment) if environment else "-"
        rows += [(*row, megabytes) for row in _rows(name, told, options.windows)]
    print_table(f"{options.references} references", HEADS, rows)


def _save(path: Path, options: argparse.Namespace, number: int) -> Path:
    """Write a reference, its stable windows, and its changed ones."""
    rng = np.random.default_rng((SEED, number))
    windows = options.windows + options.changes
    ends = 5000 + AN_HOUR * np.arange(windows + 1)
    numbers = rng.normal(size=(ends[-1], NUMBERS))
    names = rng.choice(NAMES, (ends[-1], NUMBERS))
    for change, end in enumerate(ends[options.windows + 1 :]):
        rows, column = slice(end - AN_HOUR, end), change % NUMBERS
        numbers[rows, column] += 0.5
        names[rows, column] = rng.choice(NAMES, AN_HOUR, p=[0.2, *[0.8 / 9] * 9])
    np.savez(path, numbers=numbers, names=names, ends=ends)
    return path


def made(environment: Path, name: str) -> Path:
    """Return an environment that has the detectors, and nothing that they do not need."""
    uv = shutil.which("uv")
    venv.create(environment, with_pip=uv is None)
    python = str(environment / "bin" / "python")
    install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    wanted = PEERS.get(name, ("-e", str(ROOT)))
    subprocess.run([*install, *wanted], check=True, capture_output=True, text=True, timeout=600)
    return environment


def _told(name: str, environment: Path | None, data: Sequence[Path], folder: Path) -> Any:
    python = environment / "bin" / "python" if environment else sys.executable
    command = [python, PROGRAMS / "run.py", f"by_{name.replace('-', '_')}", *data]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **ALONE},
        check=True,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _why(reason: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    if isinstance(reason, subprocess.TimeoutExpired):
        return f"not done within {reason.timeout:.0f} seconds"
    said: list[str] = reason.stderr.strip().splitlines()
    causes = [line for line in said if "error: " in line.lower()] or said or [str(reason)]
    return causes[-1].strip()


def _megabytes(environment: Path) -> float:
    files = [path.relative_to(environment) for path in environment.rglob("*") if path.is_file()]
    kept = [path for path in files if path.suffix != ".pyc" and "pip" not in path.parts]
    return sum((environment / path).lstat().st_size for path in kept) / 1e6


def _rows(name: str, told: Any, stable: int) -> Iterator[tuple[Any, ...]]:
    for detector, found in told["found"].items():
        drifted = np.array(found["drifted"])
        alarms, changed = drifted[:, :stable], drifted[:, stable:]
        turns = np.arange(changed.shape[1])
        days = len(drifted) * stable / 24
        yield (
            f"{name} {told['version']}, {detector}",
            *_rate(alarms.sum(2).mean(1) * 24, days),
            *_rate(alarms.any(2).mean(1), 24 * days),
            *_rate(changed[:, turns, turns % NUMBERS].mean(1), changed[..., 0].size),
            *_rate(changed[:, turns, NUMBERS + turns % NUMBERS].mean(1), changed[..., 0].size),
            found["milliseconds"],
        )


def _rate(found: Sequence[float], looked_at: float) -> tuple[float, float]:
    """Return the mean over the references, and how far it may be from the truth."""
    spread = 2 * stdev(found) / sqrt(len(found))
    return mean(found), spread or 3 / looked_at


if __name__ == "__main__":
    raise SystemExit(main())
