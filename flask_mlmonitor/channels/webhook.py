"""JSON of the app's own, signed as Standard Webhooks are (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac

import msgspec

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.channel import HttpChannel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.wording import tidy
from flask_mlmonitor.clock import Clock, now

SECRET_PREFIX = "whsec_"


class Webhook(HttpChannel):
    """Posts every message to a URL.

    :param secret: signs them; with ``whsec_`` before it, the rest is Base64.
    """

    def __init__(self, url: str, secret: str | None = None, *, clock: Clock = now) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Post the message; its id lets the receiver know it again."""
        body = payload(notification)
        headers = {"webhook-id": notification.id, "webhook-timestamp": str(int(self._clock()))}
        secrets: tuple[str, ...] = ()
        if self._secret is not None:
            headers["webhook-signature"] = signature(self._secret, headers, body)
            secrets = (self._secret,)
        return self._post(self._url, body, timeout, headers=headers, secrets=secrets)


def payload(notification: Notification) -> bytes:
    """Return the message as JSON; every field is there, also when it is empty."""
    said = tidy(notification)
    data = msgspec.structs.asdict(said)
    for name in ("alerts", "resolved"):
        data[name] = [msgspec.structs.asdict(alert) for alert in data[name]]
    kind = "alert.resolved" if said.action == "resolve" else "alert.triggered"
    return msgspec.json.encode({"type": kind, "timestamp": said.time, "data": data})


def signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    """Return the signature of a message under its id and its time."""
    bare = secret.removeprefix(SECRET_PREFIX)
    key = secret.encode() if bare == secret else base64.b64decode(bare)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
