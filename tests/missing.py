"""What a test needs and this machine may not have."""

import os
from typing import NoReturn

import pytest

ON_CI = bool(os.environ.get("CI"))


def missing(what: str) -> NoReturn:
    """Skip the test and say what to install; on CI nothing may be missing."""
    if ON_CI:
        pytest.fail(what)
    pytest.skip(what)
