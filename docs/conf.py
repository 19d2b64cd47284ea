"""How Sphinx builds these pages: `python -m sphinx -W docs docs/_build/html`."""

import tomllib
from pathlib import Path

_metadata = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))

project = "flask-mlmonitor"
project_copyright = "the flask-mlmonitor contributors"
release = _metadata["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

html_theme = "furo"
html_title = "flask-mlmonitor"
