"""What sums over predictions and their ground truth mean."""

import hashlib
from functools import cached_property
from typing import Self

import msgspec

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.cells.binning import Binning, FeatureBins


class TruthLayout(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """What the sums mean: those of different layouts never add.

    :param classes: in the order that a list of probabilities follows.
    :param positive: the class whose probability a single number means.
    :param target: the cells of the ground truth.
    :param task: "classification", "regression", or ``None``: then the values say.
    """

    classes: tuple[str, ...] = ()
    positive: str | None = None
    target: FeatureBins | None = None
    task: str | None = None

    @classmethod
    def of(cls, baseline: Baseline | None, task: str | None) -> Self:
        """Return the layout of a model.

        :param task: as declared; the baseline's goes first.

        >>> TruthLayout.of(None, "regression").scored
        ()
        """
        if baseline is None:
            return cls(task=task)
        target = None if baseline.target is None else baseline.target.bins
        return cls(baseline.classes, baseline.positive, target, baseline.task or task)

    @cached_property
    def id(self) -> str:
        """The name of this meaning: equal for equal layouts, in every process."""
        encoded = msgspec.msgpack.encode([self, Binning.SCORE_CELLS])
        # Twice: a bound given as 1 is read back as 1.0, and the id must not tell them apart.
        read = msgspec.msgpack.decode(encoded, type=tuple[TruthLayout, int])
        return hashlib.blake2s(msgspec.msgpack.encode(read), digest_size=8).hexdigest()

    @cached_property
    def binning(self) -> Binning:
        """The classes as predictions are counted in them."""
        return Binning(classes=self.classes, positive=self.positive)

    @property
    def scored(self) -> tuple[str, ...]:
        """The classes whose probabilities are counted."""
        return self.binning.scored
