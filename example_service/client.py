"""Speaks HTTP with the service: predictions, ground truth and metrics."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import urllib3

TIMEOUT: Final = urllib3.Timeout(connect=5, read=30)
NO_RETRIES: Final = urllib3.Retry(0, redirect=0)
# A report that found no store is worth another try; a prediction sent twice would be two.
WHEN_UNAVAILABLE: Final = urllib3.Retry(
    5, status_forcelist=[503], allowed_methods=["POST"], backoff_factor=0.2
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request of predictions.

    :param id: the id of the request's first or only prediction, without a row number.
    :param source: ``primary``, ``fallback``, or empty where no prediction was made.
    """

    status: int
    id: str
    source: str

    @property
    def ending(self) -> str:
        """Say how its predictions ended, in the words of ``ml_predictions_total``."""
        if self.status >= 500:
            return "error"
        if self.status >= 400:
            return "invalid"
        return "fallback" if self.source == "fallback" else "success"


class Client:
    """A pool of connections to one service."""

    def __init__(self, host: str, port: int, *, token: str, connections: int = 8) -> None:
        self.url = f"http://{host}:{port}"
        self._token = token
        self._pool = urllib3.HTTPConnectionPool(
            host, port, maxsize=connections, block=True, timeout=TIMEOUT
        )

    def predict(self, body: bytes) -> Answer:
        """Send one request of predictions, once."""
        response = self._pool.request(
            "POST",
            "/predict",
            body=body,
            headers={"Content-Type": "application/json"},
            retries=NO_RETRIES,
        )
        headers = response.headers
        prediction_id = headers.get("X-Prediction-ID", "").partition(":")[0]
        return Answer(response.status, prediction_id, headers.get("X-Prediction-Source", ""))

    def send_ground_truth(self, truths: Sequence[Mapping[str, str]]) -> dict[str, int]:
        """Report outcomes; return how many were accepted, updated, pending and invalid."""
        response = self._pool.request(
            "POST",
            "/mlmonitor/ground-truth",
            body=json.dumps(truths).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self._token}",
            },
            retries=WHEN_UNAVAILABLE,
        )
        if response.status != 200:
            msg = f"ground truth was answered {response.status}: {response.data[:300]!r}"
            raise ConnectionError(msg)
        return {name: _count(value) for name, value in response.json().items()}

    def metrics(self) -> str:
        """Scrape ``/metrics``."""
        return self._pool.request("GET", "/metrics", retries=NO_RETRIES).data.decode()

    def is_ready(self) -> bool:
        """Tell whether the service answers."""
        try:
            return self._pool.request("GET", "/", retries=NO_RETRIES).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _count(value: Any) -> int:
    return len(value) if isinstance(value, list) else int(value)
