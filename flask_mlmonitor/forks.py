"""What a forked child must not go on with: locks, descriptors, threads of its parent."""

import contextlib
import os
import weakref
from collections.abc import Callable
from typing import Any, Final

_renewals: Final[set[weakref.WeakMethod[Callable[[], Any]]]] = set()


def renew_after_fork(method: Callable[[], Any]) -> None:
    """Call a bound method in every child to come, for as long as its object lives.

    Python never forgets what :func:`os.register_at_fork` was given: an app that is made and
    dropped a thousand times would leave thousands of calls to each fork.
    """
    _renewals.add(weakref.WeakMethod(method, _renewals.discard))


def _renew() -> None:
    with contextlib.ExitStack() as every:  # one that fails is not in the way of the others
        for reference in list(_renewals):
            method = reference()
            if method is not None:
                every.callback(method)


os.register_at_fork(after_in_child=_renew)
