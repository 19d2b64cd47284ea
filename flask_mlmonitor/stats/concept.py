"""Placeholder."""

from datetime import datetime
from typing import Literal

import msgspec


class ConceptDrift(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["stable", "moderate", "significant", "not_enough_data"]
    gap: float = 0.0
    low: float = 0.0
    high: float = 0.0
    n: int = 0
    reference: str = "estimate"
    since: datetime | None = None
    score: float = 0.0
    threshold: float = 0.0


def judge_concept(*args, **kw):
    return None
