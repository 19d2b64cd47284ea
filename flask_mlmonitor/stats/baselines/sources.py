"""Where training data comes from: a frame, or a file that need not fit into memory."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from flask_mlmonitor.exceptions import BaselineError

if TYPE_CHECKING:
    import pandas as pd
    from pyarrow.parquet import ParquetFile

Path = str | os.PathLike[str]

MEMORY: Final = 512 << 20
"""About how many bytes of a file's columns are held at a time."""
CHUNK_ROWS: Final = 100_000


class Source(ABC):
    """Columns that are read some at a time, each as a whole, or all of them by chunks of rows."""

    @property
    @abstractmethod
    def names(self) -> Sequence[Any]:
        """The columns in their order."""

    @abstractmethod
    def read(self, names: Sequence[Any]) -> "pd.DataFrame":
        """Return these columns with all rows."""

    @abstractmethod
    def chunks(self) -> "Iterator[pd.DataFrame]":
        """Yield all columns, some rows at a time."""

    @property
    @abstractmethod
    def size(self) -> int:
        """About how many bytes all columns take in memory."""

    def parts(self, names: Sequence[Any]) -> "Iterator[pd.DataFrame]":
        """Yield these columns with all rows, as many at a time as fit into :data:`MEMORY`."""
        share = self.size * len(names) / max(1, len(self.names))
        step = math.ceil(len(names) / max(1, math.ceil(share / MEMORY)))
        for start in range(0, len(names), step or 1):
            yield self.read(names[start : start + step])


class Frame(Source):
    """A data frame.

    :raises BaselineError: for anything else.
    """

    def __init__(self, df: "pd.DataFrame") -> None:
        import pandas as pd

        given: object = df
        if not isinstance(given, pd.DataFrame):
            kind = type(given).__name__
            remedy = "give pandas.DataFrame(data, columns=[...]) with the names of the features"
            raise BaselineError(f"a {kind} is no data frame; {remedy}")
        self._df = df

    @property
    def names(self) -> Sequence[Any]:
        """The columns in their order."""
        return list(self._df.columns)

    def read(self, names: Sequence[Any]) -> "pd.DataFrame":
        """Return these columns."""
        return self._df[list(names)]

    def chunks(self) -> "Iterator[pd.DataFrame]":
        """Yield the frame."""
        yield self._df

    @property
    def size(self) -> int:
        """It is in memory: nothing is gained by parts."""
        return 0


class Csv(Source):
    """A CSV file with a header.

    :raises BaselineError: when it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def names(self) -> Sequence[Any]:
        """The header."""
        import pandas as pd

        with self._readable():
            return list(pd.read_csv(self._path, nrows=0).columns)

    def read(self, names: Sequence[Any]) -> "pd.DataFrame":
        """Return these columns, typed by what all their rows hold."""
        import pandas as pd

        with self._readable():
            return pd.read_csv(self._path, usecols=list(names), low_memory=False)[list(names)]

    def chunks(self) -> "Iterator[pd.DataFrame]":
        """Yield all columns as texts: what a number is, the baseline knows better than a chunk."""
        import pandas as pd

        with (
            self._readable(),
            pd.read_csv(self._path, dtype="object", chunksize=CHUNK_ROWS) as reader,
        ):
            yield from reader

    @property
    def size(self) -> int:
        """A number takes about as much in memory as in the file, a text more."""
        return 2 * os.stat(self._path).st_size

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            message = f"{os.fspath(self._path)}: {error}; give a CSV file with a header"
            raise BaselineError(message) from error


class Parquet(Source):
    """A Parquet file.

    :raises BaselineError: when it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _file(self) -> "ParquetFile":
        with self._readable():
            from pyarrow.parquet import ParquetFile

            return ParquetFile(self._path)

    @cached_property
    def names(self) -> Sequence[Any]:
        """The columns in their order; a frame's index is none."""
        schema = self._file.schema_arrow
        stored = (schema.pandas_metadata or {}).get("index_columns", ())
        return [name for name in schema.names if name not in stored]

    def read(self, names: Sequence[Any]) -> "pd.DataFrame":
        """Return these columns."""
        with self._readable():
            frame: pd.DataFrame = self._file.read(columns=list(names)).to_pandas()
            return frame[list(names)]

    def chunks(self) -> "Iterator[pd.DataFrame]":
        """Yield all columns, typed as in the file."""
        with self._readable():
            for batch in self._file.iter_batches(CHUNK_ROWS, columns=list(self.names)):
                yield batch.to_pandas()

    @property
    def size(self) -> int:
        """As the file's own statistics have it, before compression."""
        metadata = self._file.metadata
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        stored: int = sum(group.total_byte_size for group in groups)
        return 2 * stored

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            remedy = "run: pip install 'flask-mlmonitor[parquet]'"
            message = f"{os.fspath(self._path)}: Parquet needs pyarrow; {remedy}"
            raise BaselineError(message) from error
        except (OSError, ValueError) as error:
            message = f"{os.fspath(self._path)}: {error}; give a Parquet file"
            raise BaselineError(message) from error


def source_of(path: Path) -> Source:
    """Return the file as what its name says it is: ``.parquet``, or else CSV."""
    return Parquet(path) if os.fspath(path).endswith(".parquet") else Csv(path)
