"""What the monitor tells its listeners; the sender is the app.

Receivers run in the thread that has something to tell, after it is journaled or stored. What a
receiver raises is counted and logged, and never reaches the request.
"""

from typing import Final

from blinker import Namespace

_signals = Namespace()

prediction_recorded: Final = _signals.signal("prediction-recorded")
"""A prediction, of a request or by hand, was journaled and will be stored. *prediction* is the
:class:`~flask_mlmonitor.records.Prediction`."""

fallback_used: Final = _signals.signal("fallback-used")
"""The fallback answered. *model*, *version*, *prediction_id* (``None`` where it is not stored) and
*reason*, one of :data:`~flask_mlmonitor.records.FALLBACK_REASONS`."""

ground_truth_recorded: Final = _signals.signal("ground-truth-recorded")
"""Ground truth was stored. *ground_truth* is a :class:`~flask_mlmonitor.records.GroundTruth`;
*result* is "accepted", "updated" or "pending"."""

evaluation_finished: Final = _signals.signal("evaluation-finished")
"""A window was judged and stored, in the elected process. *evaluation* is an
:class:`~flask_mlmonitor.stats.verdicts.evaluation.Evaluation`."""

drift_detected: Final = _signals.signal("drift-detected")
"""Features that had not drifted in the window before have now. *evaluation* as above; *features*
are their names, the furthest first."""

alert_fired: Final = _signals.signal("alert-fired")
"""An alert has fired, in the elected process or in the one whose program raised it. *alert* is an
:class:`~flask_mlmonitor.alerts.alert.Alert`; one message may be about many of them. It comes after
the commit, and at most once: a process that is killed in that moment tells nobody."""

alert_resolved: Final = _signals.signal("alert-resolved")
"""An alert that had fired is over. *alert* as above."""

retraining_recommended: Final = _signals.signal("retraining-recommended")
"""A model should be trained anew. *recommendation* is a
:class:`~flask_mlmonitor.alerts.retraining.Recommendation`, with its reasons."""
