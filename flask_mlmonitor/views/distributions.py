"""What a feature was in the baseline and is now, bin by bin."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Self

import msgspec

from flask_mlmonitor.background.counted import Counted
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.stats.binning import FeatureBins
from flask_mlmonitor.stats.counts import FeatureCounts
from flask_mlmonitor.stats.judging import WindowCounts
from flask_mlmonitor.store.levels import finest
from flask_mlmonitor.views.choosing import Chosen

_BETWEEN: Final = "between "


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Rows per bin, as the PSI compares them; without what nothing lies in between few values.

    :param bins: what each bin holds; the last two are of the missing and the invalid values.
    :param baseline: rows of the training data.
    :param now: rows of the window.
    """

    bins: tuple[str, ...]
    baseline: tuple[int, ...]
    now: tuple[int, ...]

    @classmethod
    def of(cls, expected: FeatureCounts, observed: FeatureCounts) -> Self:
        """Return two counts over the same cells, side by side."""
        names = (*bin_names(expected.bins), "missing", "invalid")
        shown = [
            one
            for one in zip(names, expected.groups, observed.groups, strict=True)
            if any(one[1:]) or not one[0].startswith(_BETWEEN)
        ]
        bins, baseline, now = zip(*shown, strict=True)
        return cls(bins=bins, baseline=baseline, now=now)


def bin_names(bins: FeatureBins) -> tuple[str, ...]:
    """Return what each bin of the PSI holds, for people.

    >>> bin_names(FeatureBins("age", "numeric", quantiles=(20.0, 30.0, 40.0, 50.0, 60.0)))
    ('below 30', '30 to 50', 'from 50')
    >>> bin_names(FeatureBins("seats", "numeric", values=(2.0, 5.0), low=2.0, high=5.0))
    ('below 2', '2', 'between 2 and 5', '5', 'above 5')
    """
    if bins.kind != "numeric":
        return (*bins.categories, "other", "unseen")
    if bins.values:
        return tuple(_names_of_values(bins))
    ends = _texts([bins.edges[cells.start - 1] for cells in bins.groups[1:]])
    if not ends:
        return ("any",)
    inner = (f"{low} to {high}" for low, high in pairwise(ends))
    return (f"below {ends[0]}", *inner, f"from {ends[-1]}")


def _names_of_values(bins: FeatureBins) -> Iterator[str]:
    texts = _texts(bins.values)
    yield f"below {texts[0]}"
    for cells in bins.groups[1:-1]:
        place = bisect_left(bins.values, bins.edges[cells.start - 1])
        known = place < len(texts) and bins.values[place] < bins.edges[cells.stop - 1]
        yield texts[place] if known else f"{_BETWEEN}{texts[place - 1]} and {texts[place]}"
    yield f"above {texts[-1]}"


def _texts(numbers: Sequence[float]) -> list[str]:
    """Return numbers with as few digits as tell them apart.

    >>> _texts([5.62966, 8.61971]), _texts([20130101.0, 20130102.0])
    (['5.63', '8.62'], ['20130101', '20130102'])
    """
    for digits in (3, 6, 9):
        texts = [format(number, f".{digits}g") for number in numbers]
        if len({*texts}) == len(numbers):
            return texts
    return [repr(number) for number in numbers]


def read_counts(counted: Counted, chosen: Chosen, clock: Clock = now) -> WindowCounts:
    """Return what was counted in a window; of long ago, where it is not kept any more, nothing.

    :raises StoreUnavailable: when the store does not answer.
    """
    start, end = (int(at.timestamp()) for at in (chosen.evaluation.start, chosen.evaluation.end))
    if end - start < finest(start, clock()):
        return WindowCounts(0)
    return counted.counts(counted.read(start, end))
