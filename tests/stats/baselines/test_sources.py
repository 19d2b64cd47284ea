"""Training data that does not fit into memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flask_mlmonitor import Baseline, BaselineError
from flask_mlmonitor.stats.baselines import sources
from flask_mlmonitor.stats.baselines.sources import Source, source_of

ROWS = 5000


@pytest.fixture
def frame() -> pd.DataFrame:
    """Columns of each kind, a target and a prediction."""
    rng = np.random.default_rng(1)
    numbers = {f"n{place}": rng.normal(size=ROWS) for place in range(7)}
    texts = {
        f"t{place}": rng.choice(np.array(["a", "b", None], object), ROWS) for place in range(3)
    }
    outcome = {"late": rng.random(ROWS) < 0.3, "guess": rng.random(ROWS) < 0.3}
    return pd.DataFrame({**numbers, **texts, "p": rng.random(ROWS), **outcome})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_large_file_is_read_by_columns(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Never more than a few at a time; the baseline is that of the whole frame."""
    path = tmp_path / f"train.{kind}"
    getattr(frame, f"to_{kind}")(path, index=False)
    source = type(source_of(path))
    read: list[int] = []
    whole = source.read

    def watched(self: Source, names: Sequence[Any]) -> pd.DataFrame:
        read.append(len(names))
        return whole(self, names)

    monkeypatch.setattr(source, "read", watched)
    monkeypatch.setattr(sources, "MEMORY", source_of(path).size // 4)
    options: dict[str, Any] = {"target": "late", "predictions": "guess", "probabilities": "p"}
    large = getattr(Baseline, f"from_{kind}")(path, **options)

    expected = Baseline.from_dataframe(frame, **options)
    assert large.columns == expected.columns
    assert large.performance == expected.performance
    assert (large.n, large.prediction, large.scores) == (ROWS, expected.prediction, expected.scores)
    assert max(read) <= 4
    assert sum(read) == len(frame.columns)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_large_file_is_compared_by_rows(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The counts of the chunks add up to those of the whole."""
    path = tmp_path / f"now.{kind}"
    getattr(frame, f"to_{kind}")(path, index=False)
    monkeypatch.setattr(sources, "CHUNK_ROWS", 700)
    baseline = Baseline.from_dataframe(frame.iloc[:3000])

    assert baseline.drift_of(source_of(path)) == baseline.drift(frame)


def test_an_index_is_no_column(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Frames are often saved with one."""
    path = tmp_path / "train.parquet"
    frame.set_index("n0").to_parquet(path)

    assert "n0" not in Baseline.from_parquet(path).features


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The error says what to give."""
    with pytest.raises(BaselineError, match="give a CSV file"):
        Baseline.from_csv(tmp_path)
    with pytest.raises(BaselineError, match="Parquet"):
        Baseline.from_parquet(tmp_path / "none.parquet")
