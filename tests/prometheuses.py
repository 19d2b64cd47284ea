"""The real programs of Prometheus and Alertmanager, and what they say of files."""

import shutil
import subprocess
from typing import Final

from tests.missing import missing

PACKAGES: Final = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}
"""The packages of Debian that they are in."""


def program(name: str) -> str:
    """Return the path of one of them."""
    found = shutil.which(name)
    if found is None:
        missing(f"install {name}: apt-get install {PACKAGES[name]}")
    return found


def ask(name: str, *arguments: object, given: bytes = b"") -> str:
    """Return what a program says that must not complain."""
    done = subprocess.run(
        [program(name), *map(str, arguments)],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=100,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, said
    return said
