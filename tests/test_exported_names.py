"""The public names are what the package says they are."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import flask_mlmonitor

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(flask_mlmonitor.__path__, "flask_mlmonitor.")
]


def test_the_package_lists_its_names() -> None:
    """`__all__` is there: what it does not name is private."""
    assert flask_mlmonitor.__all__


@pytest.mark.parametrize(
    "module",
    [module for module in (flask_mlmonitor, *MODULES) if hasattr(module, "__all__")],
    ids=lambda module: module.__name__,
)
def test_exported_names(module: ModuleType) -> None:
    """Each listed name is there, and the list is sorted and without repetition."""
    names = list(module.__all__)

    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(module, name)] == []
