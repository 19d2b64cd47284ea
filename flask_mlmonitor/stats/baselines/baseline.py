"""The baseline: what the training data looked like, kept as readable JSON."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict, Unpack

import msgspec

from flask_mlmonitor._quantities import Unreadable, per_day
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.exceptions import BaselineError, ConfigError
from flask_mlmonitor.stats.baselines.features import FeatureBaseline, ReferenceScores
from flask_mlmonitor.stats.baselines.sources import Csv, Frame, Parquet, Source
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.drift.comparing import MIN_SAMPLES, FeatureDrift, compare, level_of

if TYPE_CHECKING:
    import pandas as pd

FORMAT: Final = "flask-mlmonitor baseline"
VERSION: Final = 1
CHECKS_PER_DAY: Final = 24

_REBUILD: Final = "build it again with Baseline.from_dataframe(...).save(path)"


class BaselineOptions(TypedDict, total=False):
    """The keyword arguments of :meth:`Baseline.from_dataframe`, for files as well."""

    target: Any
    predictions: Any
    probabilities: Any
    positive: Any
    categorical: Sequence[str]
    exclude: Sequence[str]
    bins: int


class _Header(msgspec.Struct):
    format: str
    version: int


class Baseline(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, dict=True):
    """What the training data looked like: the model's features, predictions and performance.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": range(100), "plan": ["free", "paid"] * 50})
    >>> baseline = Baseline.from_dataframe(frame)
    >>> baseline.features["age"].mean, baseline.features["plan"].bins.categories
    (49.5, ('free', 'paid'))
    >>> baseline
    <Baseline: 2 features, 100 rows>

    :param n: rows.
    :param created: when it was built.
    :param columns: the features, in the order of the training data.
    :param task: "classification", "regression", or ``None`` without target and predictions.
    :param classes: ascending, as scikit-learn orders them.
    :param positive: the class that a single probability is about, of two classes.
    :param prediction: the distribution of the predictions, of the target where none were given.
    :param target: the distribution of the target.
    :param performance: on the training data, by scikit-learn; empty unless target and predictions
        (or probabilities) were given.
    :param scores: the probabilities, for each scored class.
    """

    n: int
    created: datetime
    columns: tuple[FeatureBaseline, ...] = msgspec.field(name="features")
    task: str | None = None
    classes: tuple[str, ...] = ()
    positive: str | None = None
    prediction: FeatureBaseline | None = None
    target: FeatureBaseline | None = None
    performance: Mapping[str, float] = msgspec.field(default_factory=dict)
    scores: tuple[ReferenceScores, ...] = ()

    def __post_init__(self) -> None:
        if self.created.tzinfo is None:
            raise ValueError("`created` has no time zone")
        if len(set(self.feature_names)) < len(self.columns):
            raise ValueError("a feature stands twice")
        if self.positive is not None and self.positive not in self.classes:
            raise ValueError(f"the positive class {self.positive!r} is none of the classes")

    @cached_property
    def features(self) -> Mapping[str, FeatureBaseline]:
        """The features by name, in the order of the training data."""
        return MappingProxyType({column.name: column for column in self.columns})

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names, in the order of the training data."""
        return tuple(column.name for column in self.columns)

    def __repr__(self) -> str:
        task = f", {self.task}" if self.task else ""
        return f"<Baseline: {len(self.columns)} features, {self.n} rows{task}>"

    def binning(self, latency_bounds: Sequence[float] = ()) -> Binning:
        """Return the cells in which production is counted.

        :param latency_bounds: upper bounds of the latency buckets, in seconds.
        """
        return Binning(
            features=tuple(column.bins for column in self.columns),
            prediction=None if self.prediction is None else self.prediction.bins,
            classes=self.classes,
            positive=self.positive,
            task=self.task,
            latency_bounds=tuple(latency_bounds),
        )

    def drift(
        self, df: "pd.DataFrame", *, alarm_budget: str = "1/month"
    ) -> Mapping[str, FeatureDrift]:
        """Compare each feature with the same column of *df*, without a server.

        A feature has drifted when chance does not explain the difference, at the level that
        *alarm_budget* leaves for one test, **and** its PSI is at least 0.1 (moderate) or 0.2
        (significant). A column that is not there counts as missing in every row.

        >>> import pandas as pd
        >>> baseline = Baseline.from_dataframe(pd.DataFrame({"age": range(1000)}))
        >>> baseline.drift(pd.DataFrame({"age": range(300, 1300)}))["age"].status
        'significant'
        >>> baseline.drift(pd.DataFrame({"age": [30, 40]}))["age"].status
        'not_enough_data'

        :param alarm_budget: how many false alarms are acceptable if such a comparison was made
            every hour, such as "1/month".
        :return: by feature, in the order of the training data.
        :raises ConfigError: for a budget that is none.
        """
        return self.drift_of(Frame(df), alarm_budget=alarm_budget)

    def drift_of(
        self,
        source: Source,
        *,
        alarm_budget: str = "1/month",
        min_samples: int = MIN_SAMPLES,
    ) -> Mapping[str, FeatureDrift]:
        """Compare each feature with a file, which may be larger than memory.

        Values of a CSV file are read as what the baseline expects; see :meth:`drift`.

        :param min_samples: the rows that each side must have.
        :raises BaselineError: when the file cannot be read.
        """
        from flask_mlmonitor.stats.baselines.frames import count_source

        try:
            budget = per_day(alarm_budget)
        except Unreadable as unreadable:
            raise ConfigError("alarm_budget", alarm_budget, str(unreadable)) from None
        alpha = level_of(budget, features=len(self.columns), decisions=CHECKS_PER_DAY)
        observed = count_source([column.bins for column in self.columns], source)
        return MappingProxyType(
            {
                column.name: compare(column.cells, counts, alpha=alpha, min_samples=min_samples)
                for column, counts in zip(self.columns, observed, strict=True)
            }
        )

    @classmethod
    def from_dataframe(
        cls,
        df: "pd.DataFrame",
        *,
        target: Any = None,
        predictions: Any = None,
        probabilities: Any = None,
        positive: Any = None,
        categorical: Sequence[str] = (),
        exclude: Sequence[str] = (),
        bins: int = 10,
    ) -> Self:
        """Build the baseline of a frame with one column per feature.

        Numbers of at most 20 values that repeat are compared value by value, others in *bins*
        quantile bins. Texts keep a cell for each of the 50 most frequent.

        :param target: the truth: a column, which then is no feature, or an array of one per row.
        :param predictions: the model's, likewise.
        :param probabilities: P(positive), or one column per class as scikit-learn gives them; of
            rows that the model was not trained on, because estimates are calibrated on them.
        :param positive: the class that a single probability is about; default: the larger of two.
        :param categorical: columns of numbers that are names (a postcode, say).
        :param exclude: columns that are no features.
        """
        return cls._of(
            Frame(df),
            target=target,
            predictions=predictions,
            probabilities=probabilities,
            positive=positive,
            categorical=categorical,
            exclude=exclude,
            bins=bins,
        )

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], **options: Unpack[BaselineOptions]) -> Self:
        """Build the baseline of a CSV file; the options are those of :meth:`from_dataframe`.

        The file may be larger than memory: of a large one some columns are read at a time.
        """
        return cls._of(Csv(path), **options)

    @classmethod
    def from_parquet(cls, path: str | os.PathLike[str], **options: Unpack[BaselineOptions]) -> Self:
        """Build the baseline of a Parquet file; the options are those of :meth:`from_dataframe`.

        The file may be larger than memory: of a large one some columns are read at a time.
        """
        return cls._of(Parquet(path), **options)

    @classmethod
    def _of(cls, source: Source, **options: Unpack[BaselineOptions]) -> Self:
        from flask_mlmonitor.stats.baselines.dataframe import profile

        names = ("target", "predictions", "probabilities")
        parts = profile(
            source,
            given={name: options.get(name) for name in names},
            positive=options.get("positive"),
            categorical=options.get("categorical", ()),
            exclude=options.get("exclude", ()),
            bins=options.get("bins", 10),
        )
        return cls(created=as_datetime(now()), **parts)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a saved baseline."""
        try:
            data = Path(path).read_bytes()
            header = msgspec.json.decode(data, type=_Header)
        except OSError as error:
            remedy = "give the path of a file that Baseline.save wrote"
            raise BaselineError(f"{os.fspath(path)}: {error.strerror}; {remedy}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BaselineError(f"{os.fspath(path)}: no baseline ({error}); {_REBUILD}") from error
        if header.format != FORMAT:
            raise BaselineError(f"{os.fspath(path)}: no baseline but {header.format!r}; {_REBUILD}")
        if header.version > VERSION:
            found = (
                f"format {header.version}, this version of flask-mlmonitor reads up to {VERSION}"
            )
            raise BaselineError(f"{os.fspath(path)}: {found}; upgrade flask-mlmonitor")
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BaselineError(f"{os.fspath(path)}: damaged ({error}); {_REBUILD}") from error

    def to_json(self) -> str:
        """Return what :meth:`save` writes: JSON with a line for each field."""
        whole = {"format": FORMAT, "version": VERSION, **msgspec.to_builtins(self)}
        return _readable(whole)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the baseline as JSON; a reader sees the old file or the new one, never a part."""
        goal = Path(path)
        part = goal.with_name(f".{goal.name}.{os.getpid()}.tmp")
        try:
            with part.open("w", encoding="utf-8") as file:
                file.write(self.to_json() + "\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(goal)
        finally:
            part.unlink(missing_ok=True)


def _readable(value: Any, indent: str = "") -> str:
    """Return JSON with a line per field, and lists of numbers or names on one line."""
    inner = indent + "  "
    if value and isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_readable(item, inner)}" for key, item in value.items()]
    elif isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        items = [_readable(item, inner) for item in value]
    else:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{closing}"
