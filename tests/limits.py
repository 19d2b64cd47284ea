"""The limits of a model whose app configured none."""

from typing import Final

from flask_mlmonitor.stats.verdicts.limits import Limits

LIMITS: Final = Limits(
    psi_warning=0.1,
    psi_critical=0.2,
    missing_warning=0.1,
    missing_critical=0.3,
    outlier_warning=0.05,
    accuracy_warning=0.85,
    accuracy_critical=0.75,
    accuracy_set=False,
    accuracy_drop_warning=0.05,
    accuracy_drop_critical=0.10,
    min_samples=200,
)
