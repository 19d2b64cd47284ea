"""What the monitor tells its listeners; the sender is the app.

Receivers run in the thread that has something to tell, after it is journaled or stored. What a
receiver raises is counted and logged, and never reaches the request.
"""

from typing import Final

from blinker import Namespace

_signals = Namespace()

prediction_recorded: Final = _signals.signal("prediction-recorded")
"""A prediction was journaled and will be stored. *prediction* is the
:class:`~flask_mlmonitor.records.Prediction`."""

fallback_used: Final = _signals.signal("fallback-used")
"""The fallback answered. *model*, *version*, *prediction_id* (``None`` where it is not stored) and
*reason*, one of :data:`~flask_mlmonitor.records.FALLBACK_REASONS`."""

ground_truth_recorded: Final = _signals.signal("ground-truth-recorded")
"""Ground truth was stored. *ground_truth* is a :class:`~flask_mlmonitor.records.GroundTruth`;
*result* is "accepted", "updated" or "pending"."""
