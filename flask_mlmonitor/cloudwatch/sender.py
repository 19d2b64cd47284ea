"""From this process to CloudWatch, in nobody's way."""

import threading
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any, Final

from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.cloudwatch.figures import Datum
from flask_mlmonitor.cloudwatch.payload import as_request, fitting, usable
from flask_mlmonitor.config import Settings
from flask_mlmonitor.exceptions import ConfigError

CONNECT_SECONDS: Final = 2
READ_SECONDS: Final = 3
ATTEMPTS: Final = 3
MOST_WAITING: Final = 10_000
"""How many figures wait for a CloudWatch that cannot be reached; the oldest give way."""


def check_installed(settings: Settings) -> None:
    """Say at the start what is missing, not a minute later.

    :raises ConfigError: when figures are to be sent and boto3 is not there.
    """
    if settings.cloudwatch_namespace is not None and find_spec("boto3") is None:
        remedy = "install boto3: pip install 'flask-mlmonitor[cloudwatch]'"
        raise ConfigError("MLMONITOR_CLOUDWATCH_NAMESPACE", settings.cloudwatch_namespace, remedy)


def connect() -> Any:
    """Return a client; credentials and region are where boto3 looks for them."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    return boto3.session.Session().client("cloudwatch", config=config)


class Sender:
    """Puts figures to CloudWatch from a thread of its own, which ends when none is left.

    What could not be put is put with what comes next.

    :param on_fault: called with what a try failed of.
    """

    def __init__(
        self,
        namespace: str,
        *,
        on_fault: Callable[[Exception], object],
        connect: Callable[[], Any] = connect,
        clock: Clock = now,
    ) -> None:
        self._namespace = namespace
        self._on_fault = on_fault
        self._connect = connect
        self._clock = clock
        self._client: Any = None
        self._new: list[Datum] = []
        self._left: list[Datum] = []
        self._thread: threading.Thread | None = None

    def send(self, data: Iterable[Datum]) -> None:
        """Have them put, unless some are being put: then with the next ones. It waits for nothing.

        To be called by one thread; what is :attr:`_left` is the sender's while it lives.

        :raises RuntimeError: when this process can have no more threads.
        """
        self._new = [*self._new, *data][-MOST_WAITING:]
        if self._thread is None or not self._thread.is_alive():
            self._left = [*self._left, *self._new][-MOST_WAITING:]
            self._new = []
            self._thread = threading.Thread(
                target=self._put_all, name="mlmonitor-cloudwatch", daemon=True
            )
            self._thread.start()

    def _put_all(self) -> None:
        try:
            self._client = self._client or self._connect()
            self._left = list(usable(self._left, self._clock()))
            while number := fitting(self._left):
                self._client.put_metric_data(
                    Namespace=self._namespace, MetricData=as_request(self._left[:number])
                )
                del self._left[:number]
        except Exception as error:  # noqa: BLE001  the boundary of the thread
            self._client = None  # the next one looks for credentials anew
            self._on_fault(error)
