"""What a forked child must not go on with: locks, descriptors, threads of its parent."""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final


class ProcessLock:
    """A reentrant lock of each process's own, made when that process first needs it.

    One that was made before a fork may be held in the child for ever. And one that was made
    before gevent patched :mod:`threading` is none for its greenlets: the second one to ask for it
    stops them all, or is let in. Gunicorn's gevent workers under ``--preload`` are such a case.
    """

    def __init__(self) -> None:
        self._locks: dict[int, threading.RLock] = {}

    def __enter__(self) -> None:
        self._locks.setdefault(os.getpid(), threading.RLock()).acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._locks[os.getpid()].release()


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
