"""The summary: three witnesses in one form."""

from collections import Counter

from example_service.replay import Tally
from example_service.summary import Totals, causes, from_callers, from_metrics, table

METRICS = """
# TYPE ml_predictions counter
ml_predictions_total{model="late-arrival",version="1",status="success"} 1200.0
ml_predictions_total{model="late-arrival",version="1",status="fallback"} 30.0
ml_predictions_total{model="late-arrival",version="1",status="invalid"} 4.0
ml_predictions_total{model="late-arrival",version="1",status="error"} 0.0
# TYPE ml_prediction_errors counter
ml_prediction_errors_total{model="late-arrival",version="1",error_type="model_error"} 30.0
ml_prediction_errors_total{model="late-arrival",version="1",error_type="timeout"} 0.0
# TYPE ml_ground_truth counter
ml_ground_truth_total{model="late-arrival",version="1",result="accepted"} 1000.0
ml_ground_truth_total{model="late-arrival",version="1",result="pending"} 100.0
ml_ground_truth_total{model="late-arrival",version="1",result="updated"} 7.0
"""


def test_callers_and_metrics_come_in_one_form() -> None:
    """A pending outcome is accepted in the end; a repeated one counts once."""
    tally = Tally(
        Counter(success=1200, fallback=30, invalid=4, unanswered=1),
        Counter(accepted=900, pending=100, updated=7),
    )

    assert from_callers(tally) == from_metrics(METRICS)
    assert from_metrics(METRICS).ground_truth == 1000


def test_a_run_is_what_came_after_the_one_before() -> None:
    """Counters go on from earlier runs, which are taken off."""
    earlier = Totals({"success": 200, "fallback": 30, "invalid": 0, "error": 0}, 500)
    run = from_metrics(METRICS).since(earlier)

    assert run == Totals({"success": 1000, "fallback": 0, "invalid": 4, "error": 0}, 500)


def test_table_and_causes_read_well() -> None:
    """Each count has a line, each witness a column, and each cause its number."""
    totals = from_metrics(METRICS)

    assert list(table({"callers": totals, "store": totals}))[1:] == [
        "success                1,200         1,200",
        "fallback                  30            30",
        "invalid                    4             4",
        "error                      0             0",
        "predictions            1,234         1,234",
        "ground truth           1,000         1,000",
    ]
    assert list(causes(METRICS)) == [
        "errors        model_error 30",
        "fallbacks     none",
        "ground truth  accepted 1,000, pending 100, updated 7",
    ]
    assert next(causes(METRICS, METRICS)) == "errors        none"
