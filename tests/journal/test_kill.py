"""What was acknowledged survives any death of its writer."""

import os
import random
import select
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from flask_mlmonitor.journal.spool import Segment, Spool, State
from flask_mlmonitor.journal.writer import Journal
from flask_mlmonitor.records import Schema, Served

Make = Callable[..., Served]

ROUNDS = 50
MOST_ROUNDS = 400
"""Torn tails are a matter of luck: rounds go on until there was one."""


class Found(NamedTuple):
    """What stands in a spool: the ids of its requests, and how many tails were torn."""

    ids: list[bytes]
    torn: int


def found_in(folder: Path) -> Found:
    """Read a spool whose writers are dead, and empty it."""
    ids, torn = [], 0
    for path in Spool(folder).segments():
        with Segment(path) as segment:
            assert segment.sealed
            for chunk in segment.chunks(limit=500):
                assert chunk.lost is None
                ids += [r.id.encode() for r in chunk.records if isinstance(r, Served)]
            assert chunk.state in (State.DONE, State.TORN)
            torn += chunk.state is State.TORN
            segment.remove()
    return Found(ids, torn)


def refuse(reason: str, count: int) -> NoReturn:
    """Stand in for whoever counts drops: there must be none."""
    raise AssertionError(reason, count)


def write_for_ever(folder: Path, record: Callable[[int], Served], acknowledged: int) -> None:
    """Append in four threads; tell the id of each append that succeeded."""
    journal = Journal(folder, on_drop=refuse, segment_bytes=1 << 20)

    def work(first: int) -> None:
        number = first
        while True:
            request = record(number)
            if journal.append(request):
                os.write(acknowledged, request.id.encode())
            number += 1

    for n in range(4):
        threading.Thread(target=work, args=(n << 32,)).start()
    signal.pause()


def until_killed(work: Callable[[int], None], seconds: float) -> bytes:
    """Kill a child that runs *work* after *seconds*; return what it told through its pipe."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            work(writer)
        finally:
            os._exit(1)
    os.close(writer)
    told = bytearray(os.read(reader, 1))  # it is at work
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reader], [], [], left)[0]:
            told += os.read(reader, 1 << 16)
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    while rest := os.read(reader, 1 << 16):
        told += rest
    os.close(reader)
    return bytes(told)


@pytest.mark.slow
@pytest.mark.parametrize("size", [20, 200_000])
def test_a_killed_writer_loses_nothing_that_was_acknowledged(
    tmp_path: Path, served: Make, size: int
) -> None:
    """SIGKILL at random moments, while four threads append and segments rotate."""
    dice = random.Random(7)
    pool = [served(values=[dice.randbytes(size)]) for _ in range(4)]

    def record(number: int) -> Served:
        return served(number, rows=pool[number % 4].rows)

    rounds, total, torn = 0, 0, 0
    while rounds < ROUNDS or (size > 4096 and not torn and rounds < MOST_ROUNDS):
        told = until_killed(
            lambda writer: write_for_ever(tmp_path, record, writer), dice.uniform(0, 0.06)
        )
        acknowledged = [told[at : at + 16] for at in range(0, len(told), 16)]
        found = found_in(tmp_path)

        assert set(acknowledged) - set(found.ids) == set()
        assert len(found.ids) == len(set(found.ids))
        rounds += 1
        total += len(acknowledged)
        torn += found.torn
    assert total > 10 * ROUNDS
    assert torn or size < 4096


class Crashing:
    """The functions of :mod:`os`, the last of which never returns.

    :param step: the call that is the last one.
    :param moment: ``before`` it is made, ``after``, or ``amid``: a write is cut in half.
    """

    def __init__(self, step: int, moment: str) -> None:
        self.step = step
        self.moment = moment

    def __getattr__(self, name: str) -> Any:
        function = getattr(os, name)

        def call(*args: Any) -> Any:
            self.step -= 1
            if self.step:
                return function(*args)
            if self.moment == "after":
                function(*args)
            if self.moment == "amid" and name == "write":
                function(args[0], args[1][: len(args[1]) // 2])
            os._exit(99)

        return call


def write_a_little(journal: Journal, served: Make, acknowledged: int) -> None:
    """Append, rotate, learn a schema, look after the segment, close."""
    for number in range(8):
        if number == 4:
            journal.schema(Schema("shop", "fraud", "3", b""))
            journal.heartbeat()
        if journal.append(served(number)):
            os.write(acknowledged, bytes([number]))
    journal.close()


def crashed(work: Callable[[int], None]) -> tuple[int, list[int]]:
    """Run *work* in a child; return its exit code and what it told through its pipe."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work(writer)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    told = os.read(reader, 1 << 16)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    told += os.read(reader, 1 << 16)
    os.close(reader)
    return status, list(told)


@pytest.mark.parametrize("moment", ["before", "amid", "after"])
def test_a_crash_at_any_step_loses_nothing_that_was_acknowledged(
    tmp_path: Path, served: Make, moment: str
) -> None:
    """At each system call in turn; the next process finds what was acknowledged and goes on."""
    step, status, torn = 0, 99, 0
    while status == 99:
        step += 1
        system = Crashing(step, moment)
        journal = Journal(tmp_path, on_drop=refuse, segment_bytes=250, system=system)
        status, acknowledged = crashed(partial(write_a_little, journal, served))

        unfinished = list(tmp_path.glob("*.tmp"))
        assert len(unfinished) <= 1
        assert Spool(tmp_path).sweep(older_than=0) == len(unfinished)
        restarted = Journal(tmp_path, on_drop=refuse)
        assert restarted.append(served(99))
        restarted.close()
        found = found_in(tmp_path)
        numbers = [int(identity) for identity in found.ids]
        # What was written but not acknowledged is the one that the crash fell upon.
        assert numbers in (
            [*acknowledged, 99],
            [*acknowledged, len(acknowledged), 99],
        )
        assert list(tmp_path.iterdir()) == []
        torn += found.torn
    assert status == 0
    assert acknowledged == list(range(8))
    assert step > 30
    assert (torn > 0) is (moment == "amid")
