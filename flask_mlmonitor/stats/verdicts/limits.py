"""From where on a figure matters."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """From where on a figure matters, as the app configured it for the model.

    :param accuracy_set: whether the absolute limits of the accuracy were configured, so that they
        hold even where the baseline knows its own.
    """

    psi_warning: float
    psi_critical: float
    missing_warning: float
    missing_critical: float
    outlier_warning: float
    accuracy_warning: float
    accuracy_critical: float
    accuracy_set: bool
    accuracy_drop_warning: float
    accuracy_drop_critical: float
    min_samples: int
