"""Children to lose: processes that do a piece of work and die as they are told."""

import json
import os
import signal
import traceback
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Any, NoReturn, Self

SECONDS = 30
"""After that a child that nobody ended ends itself."""


def run_in_child(work: Callable[[], object]) -> int:
    """Run *work* in a forked child; return how it ended: 0, its status, or minus a signal."""
    pid = os.fork()
    if pid == 0:
        _end(work)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Child:
    """A forked child that runs *work*, then waits to be killed; a context manager.

    The block of a ``with`` begins when the work is done, and at its end the child is dead.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            _end(lambda: _tell(writer, work))
        os.close(writer)
        self._pipe = os.fdopen(reader, "rb")

    @cached_property
    def told(self) -> Any:
        """What *work* returned, through JSON."""
        told = self._pipe.readline()
        if not told:
            raise AssertionError("the child failed; its traceback stands in stderr")
        return json.loads(told)

    def __enter__(self) -> Self:
        try:
            self.told  # noqa: B018  waits for it
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill it with -9, if it lives, and wait until it is dead."""
        self._pipe.close()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


def _tell(writer: int, work: Callable[[], object]) -> None:
    os.write(writer, json.dumps(work()).encode() + b"\n")
    signal.pause()


def _end(work: Callable[[], object]) -> NoReturn:
    signal.alarm(SECONDS)
    status = 1
    try:
        work()
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)
