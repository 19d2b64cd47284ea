"""What could not be recorded, kept until it is written down and reported."""

from collections.abc import Iterable

from flask_mlmonitor.journal.frames import encode
from flask_mlmonitor.records import Gap


class Losses:
    """Gaps by reason; overlapping or not, two of one reason become one.

    >>> losses = Losses()
    >>> losses.add(Gap(1.0, 2.0, 3, "write_error"))
    >>> losses.add(Gap(4.0, 4.0, 1, "write_error"))
    >>> list(losses.gaps())
    [Gap(start=1.0, end=4.0, count=4, reason='write_error')]
    """

    def __init__(self) -> None:
        self._gaps: dict[str, Gap] = {}
        self.unreported: list[tuple[str, int]] = []
        """Reasons and counts that nobody took yet."""

    def __bool__(self) -> bool:
        return bool(self._gaps)

    def add(self, gap: Gap) -> None:
        """Keep *gap*, to be written and reported."""
        self.keep(gap)
        self.unreported.append((gap.reason, gap.count))

    def keep(self, gap: Gap) -> None:
        """Keep *gap*, to be written: somebody reported it before."""
        known = self._gaps.get(gap.reason)
        if known is not None:
            gap = Gap(
                min(known.start, gap.start),
                max(known.end, gap.end),
                known.count + gap.count,
                gap.reason,
            )
        self._gaps[gap.reason] = gap

    def gaps(self) -> Iterable[Gap]:
        """Return what is still to be written."""
        return self._gaps.values()

    def frames(self) -> bytes:
        """Return the frames of what is still to be written."""
        return b"".join(map(encode, self.gaps()))

    def written(self) -> None:
        """Forget the gaps: they stand in a segment."""
        self._gaps.clear()

    def take_unreported(self) -> list[tuple[str, int]]:
        """Return reasons and counts, each once."""
        unreported, self.unreported = self.unreported, []
        return unreported
