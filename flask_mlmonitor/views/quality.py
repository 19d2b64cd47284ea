"""What is wrong with the values of a window."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from flask_mlmonitor.stats.cells.quality import FeatureQuality
from flask_mlmonitor.stats.verdicts.evaluation import Flaw
from flask_mlmonitor.views.choosing import Chosen


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the values of one window.

    :param windows: those that can be asked for.
    :param extra: the share of predictions with fields that the baseline does not know.
    :param lost: predictions of this time that could not be recorded, at least.
    :param features: shares of each feature's values.
    :param baseline: likewise, of the training data.
    :param flaws: the shares that matter, or nearly so.
    """

    model: str
    version: str
    window: str
    windows: tuple[str, ...]
    start: datetime
    end: datetime
    n: int
    extra: float
    lost: int
    features: Mapping[str, FeatureQuality]
    baseline: Mapping[str, FeatureQuality]
    flaws: tuple[Flaw, ...]


def quality_of(chosen: Chosen) -> Quality:
    """Return what is wrong with the values of a window."""
    one, baseline = chosen.evaluation, chosen.subject.baseline
    return Quality(
        model=one.model,
        version=one.version,
        window=one.window,
        windows=chosen.windows,
        start=one.start,
        end=one.end,
        n=one.n,
        extra=one.extra,
        lost=one.lost,
        features=one.quality,
        baseline={} if baseline is None else {c.name: c.quality for c in baseline.columns},
        flaws=one.flaws,
    )
