"""What people are told together, and what they should do: the sections of the runbook."""

from collections.abc import Mapping
from typing import Final

import msgspec

from flask_mlmonitor.alerts.alert import Severity

IMMEDIATELY: Final = "immediately"
HOUR: Final = "within 1 hour"
SAME_DAY: Final = "within 4 hours"
DAY: Final = "within 24 hours"


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Rules whose alerts of one model and version are one message, and one section of the runbook.

    :param name: the last part of a link to the section.
    :param meaning: what has happened when one of its alerts fires.
    :param respond: how soon somebody should look, by severity.
    :param steps: five, in the order in which they help most often.
    """

    name: str
    title: str
    meaning: str
    respond: Mapping[Severity, str]
    steps: tuple[str, str, str, str, str]


def _respond(warning: str, critical: str) -> dict[Severity, str]:
    return {"critical": critical, "warning": warning}


FAMILIES: Final = (
    Family(
        name="latency",
        title="Slow predictions",
        meaning="Callers wait longer for a prediction than was promised.",
        respond=_respond(DAY, HOUR),
        steps=(
            "See since when it is slow, and whether a deployment or a change of the input came "
            "right before.",
            "Look at the host: processor, memory, swapping, and other work on the same machine.",
            "Compare the requests per second and the sizes of the batches with those of a good "
            "hour.",
            "Relieve it: add workers or hosts, bound the batches, or set `timeout=` so that the "
            "fallback answers.",
            "Profile one slow request, and cache or precompute what it spends its time on.",
        ),
    ),
    Family(
        name="errors",
        title="Failed predictions",
        meaning="Requests that were valid got no prediction from model or fallback.",
        respond=_respond(SAME_DAY, IMMEDIATELY),
        steps=(
            "Read the error types: `model_error` and `timeout` point at the model, "
            "`nan_prediction` at its input or weights.",
            "Find one traceback in the log of the app, by the prediction's id.",
            "Roll back, if the errors began with a deployment.",
            "Let a fallback answer until the cause is known: `fallback=` at the decorator.",
            "Send the failing input to the new version before it is deployed again, and keep it "
            "as a test.",
        ),
    ),
    Family(
        name="throughput",
        title="Unusual traffic",
        meaning="Fewer or more requests arrive than this model is made for.",
        respond=_respond(SAME_DAY, HOUR),
        steps=(
            "Tell a change of the callers from a fault: is it one caller, one route, or all?",
            "With too few, send a request yourself, then look at the proxy and at the callers' "
            "errors.",
            "With too many, find the caller, and whether they are repetitions after errors or "
            "timeouts.",
            "Watch latency and errors meanwhile; add workers, or limit the caller's rate.",
            "If this is the new normal, set `MLMONITOR_MIN_THROUGHPUT` and "
            "`MLMONITOR_MAX_THROUGHPUT` anew.",
        ),
    ),
    Family(
        name="performance",
        title="Wrong predictions",
        meaning="By the ground truth that came, the model is wrong more often, or further off, "
        "than it should be.",
        respond=_respond(DAY, IMMEDIATELY),
        steps=(
            "Make sure of the ground truth first: its source, its delay, and whether it covers "
            "all classes.",
            "Look for missing values, wrong types and drift that began at the same time.",
            "Find where it is wrong: export the predictions with their truth, and compare classes "
            "and groups.",
            "Roll back to the last good version, or let the fallback answer, if decisions depend "
            "on it.",
            "Retrain on data that holds the new situation, and compare both versions side by side.",
        ),
    ),
    Family(
        name="data_drift",
        title="Drifted input",
        meaning="Features are not distributed any more as in the training data: the model "
        "answers questions that it was not trained on.",
        respond=_respond(DAY, SAME_DAY),
        steps=(
            "See which features moved, how far, and whether all of them moved at the same moment.",
            "Compare the distributions of now and of the baseline: a shift, a new unit, a default "
            "value, or nulls?",
            "Ask whoever delivers these fields what changed; a broken sensor or join is repaired, "
            "not learned.",
            "Look at the performance, measured or estimated: does the drift do harm?",
            "If the world has changed for good, retrain on recent data and build a new baseline "
            "from it.",
        ),
    ),
    Family(
        name="prediction_drift",
        title="Drifted predictions",
        meaning="The model answers with other shares of its values than on the training data.",
        respond=_respond(DAY, SAME_DAY),
        steps=(
            "See which answers grew and which shrank.",
            "Look for drifted features that began at the same time: they are the usual cause.",
            "Without any, look for a deployment: another model file, threshold or preprocessing.",
            "Ask whether the world explains it, such as a campaign, a season, or a new group of "
            "users.",
            "Tell whoever acts on the predictions what to expect, and compare with the ground "
            "truth as it comes.",
        ),
    ),
    Family(
        name="concept_drift",
        title="A changed world",
        meaning="The same input now means something else: the model errs more than its own "
        "confidence lets expect.",
        respond=_respond(DAY, SAME_DAY),
        steps=(
            "Make sure of the ground truth: a changed definition of it looks the same.",
            "Date the change, and ask what happened then: prices, rules, products, behaviour.",
            "Find out for which classes or groups the errors grew.",
            "Rely on the model less where it errs: a higher threshold, a human, or the fallback.",
            "Retrain on truth from after the change; older data teaches the old world.",
        ),
    ),
    Family(
        name="data_quality",
        title="Flawed input",
        meaning="Values are missing, of a wrong type, out of range or unknown, more often than "
        "in the training data.",
        respond=_respond(DAY, SAME_DAY),
        steps=(
            "See which field it is, since when, and whether it is one caller's or all callers'.",
            "Read some of these rows: export the predictions of that hour.",
            "Repair the source: the form, the join, the unit, the sensor, or the client's release.",
            "Until then reject such input or let the fallback answer: `on_invalid=` at the "
            "decorator.",
            "If the new values are right, retrain with them and build a new baseline.",
        ),
    ),
    Family(
        name="fallback",
        title="The fallback answers",
        meaning="More answers than usual come from the fallback instead of the model.",
        respond=_respond(DAY, HOUR),
        steps=(
            "Read the reasons: `error` and `circuit_open` mean that the model fails, `timeout` "
            "that it is slow, `invalid_input` that the callers changed.",
            "Do what the runbook says of that cause: failed predictions, slow predictions, or "
            "refused input.",
            "Tell whoever acts on the predictions that simpler ones are served.",
            "See that the fallback bears the load: its latency and its errors.",
            "Once the model works again, see that the circuit closes and the share falls.",
        ),
    ),
    Family(
        name="invalid_input",
        title="Refused input",
        meaning="Callers send what cannot be read, or what breaks the rules of the baseline.",
        respond=_respond(DAY, SAME_DAY),
        steps=(
            "See which rule is broken in which field: `ml_validation_failures_total`.",
            "Find the caller, and what it released or changed when it began.",
            "Reproduce one request, and read the answer as the caller does.",
            "Repair the caller, or accept the new form in the view or with `features=`.",
            "If the rule is wrong, build the baseline anew from data that has such values.",
        ),
    ),
    Family(
        name="ground_truth",
        title="No news of the truth",
        meaning="No ground truth has come for longer than usual: whether the model is right is "
        "not known any more.",
        respond=_respond(DAY, DAY),
        steps=(
            "See when the last one came, and what should have sent it since.",
            "Run the import or call by hand, and read its answer.",
            "Look for refused ones: unknown ids, a wrong token, values that cannot be read.",
            "Send what was missed: late truth is counted for the time of its prediction.",
            "If it always takes so long, set `MLMONITOR_GROUND_TRUTH_STALE` to what is usual.",
        ),
    ),
    Family(
        name="monitor",
        title="The monitor itself",
        meaning="The monitor cannot see or say everything. Predictions are served as ever.",
        respond=_respond(DAY, SAME_DAY),
        steps=(
            "Ask `flask mlmonitor doctor` and `/mlmonitor/health`: they name the part and the "
            "remedy.",
            "Look at the disk and at the store: free space, permissions, who holds a lock.",
            "Read the log of the elected process; each fault is named there once.",
            "For messages that do not arrive, check the channel's URL, key and network.",
            "See that the journal is drained again: `flask mlmonitor status`.",
        ),
    ),
)
FAMILY: Final = {family.name: family for family in FAMILIES}
