"""What the listeners of a prediction hear."""

from flask_mlmonitor import signals
from flask_mlmonitor.records import STATUSES, Prediction, Row, Served
from flask_mlmonitor.request.route import Route


def tell_recorded(route: Route, served: Served) -> None:
    """Tell of each row that was journaled and will be stored, in this thread."""
    for number, row in enumerate(served.rows):
        prediction = _prediction(route, served, number, row)
        signals.prediction_recorded.send(route.app, prediction=prediction)


def _prediction(route: Route, served: Served, number: int, row: Row) -> Prediction:
    status = STATUSES[served.status]
    return Prediction(
        id=f"{served.id}:{number}" if served.batch else served.id,
        external_id=served.external_id,
        app=route.app.name,
        model=route.owner.model,
        version=route.owner.version,
        time=served.time,
        features=row.features(route.names),
        prediction=row.prediction,
        probability=row.probability,
        latency=served.latency,
        source="fallback" if status == "fallback" else "primary",
        status=status,
    )
