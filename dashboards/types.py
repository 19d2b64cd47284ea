"""Check the dashboards that are shipped against Grafana's own types: `python -m dashboards.types`.

It takes npm, which fetches the types and the TypeScript compiler into a temporary folder.
"""

import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from flask_mlmonitor.dashboards import NAMES

VERSIONS: Final = {10: "10.4.19", 11: "11.6.4", 12: "12.2.0", 13: "13.2.3"}
COMPILER: Final = "typescript@5.9.3"
NPM: Final = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock")
OPTIONS: Final = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022")
MODULES: Final = ("--module", "esnext", "--moduleResolution", "bundler")
ENUMS: Final = {
    '"mode": "absolute"': '"mode": ThresholdsMode.Absolute',
    '"type": "value"': '"type": MappingType.ValueToText',
}
"""Values that a type names, where the file has their text."""
OF_PROMETHEUS: Final = ("tagKeys", "target", "titleFormat")
"""Of annotations: they are the data source's, and not in Grafana's own types."""


def main() -> int:
    """Compile, and say what is wrong; return how the command ends."""
    if shutil.which("npm") is None:
        sys.stderr.write("npm is not there: install Node.js\n")
        return 2
    with TemporaryDirectory() as name:
        folder = Path(name)
        types = [f"grafana{major}@npm:@grafana/schema@{full}" for major, full in VERSIONS.items()]
        subprocess.run([*NPM, *types, COMPILER], cwd=folder, check=True)
        for major in VERSIONS:
            (folder / f"grafana{major}.ts").write_text(_module(major), encoding="utf-8")
        planted = _module(13).replace('"uid": "ml-', '"planted": 1, "uid": "ml-')
        (folder / "planted.ts").write_text(planted, encoding="utf-8")
        found = _compile(folder, *(f"grafana{major}.ts" for major in VERSIONS))
        blind = not _compile(folder, "planted.ts")
    for line in found:
        sys.stdout.write(f"{line}\n")
    checked = ", ".join(VERSIONS.values())
    sys.stdout.write(f"{len(NAMES)} dashboards, types of {checked}: {len(found)} errors\n")
    if blind:
        sys.stdout.write("a key that no type knows was not found\n")
    return int(bool(found) or blind)


def _module(major: int) -> str:
    lines = [f'import {{ Dashboard, MappingType, ThresholdsMode }} from "grafana{major}";']
    for name in NAMES:
        text = files("flask_mlmonitor.dashboards").joinpath(f"{name}.json").read_text("utf-8")
        dashboard: dict[str, Any] = json.loads(text)
        for annotation in dashboard["annotations"]["list"]:
            for key in OF_PROMETHEUS:
                del annotation[key]
        literal = json.dumps(dashboard, indent=1)
        for written, typed in ENUMS.items():
            literal = literal.replace(written, typed)
        lines.append(f"export const {name}: Dashboard = {literal};")
    return "\n".join(lines)


def _compile(folder: Path, *names: str) -> list[str]:
    compiler = folder / "node_modules" / ".bin" / "tsc"
    done = subprocess.run(
        [compiler, *OPTIONS, *MODULES, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
