"""Distances between two vectors of counts, for use without a server."""

from flask_mlmonitor.stats.drift.comparing import FeatureDrift
from flask_mlmonitor.stats.drift.distances import (
    Distance,
    chi_square,
    jensen_shannon,
    ks,
    psi,
    wasserstein,
)

__all__ = [
    "Distance",
    "FeatureDrift",
    "chi_square",
    "jensen_shannon",
    "ks",
    "psi",
    "wasserstein",
]
