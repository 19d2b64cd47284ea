"""An app's figures, minute by minute, for CloudWatch."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.cloudwatch.figures import Datum, Whose, evaluation_figures, request_figures
from flask_mlmonitor.cloudwatch.sender import Sender
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import HOUR, MINUTE, floor
from flask_mlmonitor.store.results import read_latest, read_latest_measured
from flask_mlmonitor.store.windows import read_windows

SETTLE_SECONDS: Final = 5.0
"""How long after its end a minute is read: what was predicted in it is stored by then."""
REACH_SECONDS: Final = HOUR
"""How many minutes are made up for at most, after the store was away."""


class CloudWatch:
    """Reads the figures of one app's models once a minute, and has them sent.

    :param subjects: returns the app's models.
    :param waits: returns whether this host has predictions of before a moment to store.
    :param on_fault: called with what was wrong with a model's figures.
    """

    def __init__(
        self,
        database: Database,
        subjects: Callable[[], Sequence[Subject]],
        sender: Sender,
        *,
        waits: Callable[[float], bool],
        on_fault: Callable[[Exception], object],
        clock: Clock = now,
    ) -> None:
        self._database = database
        self._subjects = subjects
        self._sender = sender
        self._waits = waits
        self._on_fault = on_fault
        self._clock = clock
        self._epoch = 0
        self._until = 0
        """Up to where the minutes were read."""

    def turn(self, epoch: int) -> None:
        """Read the minutes that are over and were not read yet; a sender is not waited for.

        A process that is newly in office begins with the next minute: those before may have been
        told by another.

        :param epoch: of the office, which rises with each change of its holder.
        :raises StoreError: when the store does not answer; these minutes are read later.
        """
        end = floor(self._clock() - SETTLE_SECONDS, MINUTE)
        try:
            self._turn(epoch, end)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  alerts are looked after in the same loop
            self._until = end  # another try in a minute, not in a second
            self._on_fault(error)

    def _turn(self, epoch: int, end: int) -> None:
        if epoch != self._epoch or end < self._until:  # or the clock was put back
            self._epoch, self._until = epoch, end
        late = end - self._until >= REACH_SECONDS
        if end == self._until or (self._waits(end) and not late):
            return
        start = max(self._until, end - REACH_SECONDS)
        data = [one for subject in self._subjects() for one in self._of(subject, start, end)]
        self._until = end
        self._sender.send(data)

    def _of(self, subject: Subject, start: int, end: int) -> list[Datum]:
        try:
            return list(self._read(subject, start, end))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  one model is not in the way of others
            self._on_fault(error)
            return []

    def _read(self, subject: Subject, start: int, end: int) -> Iterator[Datum]:
        owner = (subject.model, subject.version)
        bounds = range(start, end + 1, MINUTE)
        for minute in read_windows(self._database, *owner, bounds, blocks=("operations",)):
            rollups = list(minute.rollups.values())
            yield from request_figures(Whose(*owner, minute.start), rollups)
        latest = read_latest(self._database, owner)
        measured = read_latest_measured(self._database, owner)
        yield from evaluation_figures(Whose(*owner, end - MINUTE), latest, measured)
