"""Posting over HTTP, in bounded time, to receivers of any manners."""

import http.client
import socket
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from flask_mlmonitor.channels.leash import READ_SECONDS, Leash
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.secrets import parts_of, told
from flask_mlmonitor.clock import Clock, now

HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "flask-mlmonitor"}
MOST_READ: Final = 2000
"""Bytes of an answer that are looked at."""
MAYBE_TAKEN: Final = (502, 504)
"""Said by a gateway that does not know what became of it behind."""
_FAILURES: Final = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError)


class _Plain(HTTPConnection):
    leash: Leash

    def _new_conn(self) -> socket.socket:
        return self.leash.connect(self.host, self.port or self.default_port)


class _Secure(HTTPSConnection, _Plain):
    pass


def post(
    url: str,
    body: bytes,
    timeout: float,
    *,
    headers: dict[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    clock: Clock = now,
) -> Outcome:
    """Post JSON once; follow no redirect, which might carry it to somebody else.

    :param timeout: after how many seconds it ends in any case.
    :param secrets: what else than the parts of *url* must not be shown.
    """
    where = urllib3.util.parse_url(url)
    kind = _Secure if where.scheme == "https" else _Plain
    connection = kind(str(where.host).strip("[]"), where.port, timeout=READ_SECONDS)
    hidden = (*secrets, *parts_of(url))
    every = HEADERS | (headers or {})
    if where.auth:
        every |= urllib3.util.make_headers(basic_auth=unquote(where.auth))
    with Leash(timeout) as connection.leash:
        connected = False
        try:
            connection.connect()
            connected = True
            connection.request(
                "POST", where.request_uri, body=body, headers=every, preload_content=False
            )
            answer = connection.getresponse()
            return _judge(answer, hidden, clock)
        except _FAILURES as error:
            return Outcome(
                "noAnswer", retry=True, taken=connected, detail=told(_why(error), hidden)
            )
        finally:
            connection.close()


def _judge(answer: urllib3.HTTPResponse, hidden: tuple[str, ...], clock: Clock) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Outcome("delivered", taken=True)
    detail = told(f"{status} {_text(answer)}", hidden)
    if status == 429:
        return Outcome("rateLimited", retry=True, after=_wait(answer, clock), detail=detail)
    if status >= 500:
        taken, after = status in MAYBE_TAKEN, _wait(answer, clock)
        return Outcome("serverError", retry=True, after=after, taken=taken, detail=detail)
    reason = "authError" if status in (401, 403) else "clientError"
    return Outcome(reason, retry=status == 408, detail=detail)


def _text(answer: urllib3.HTTPResponse) -> str:
    try:
        return answer.read(MOST_READ).decode(errors="replace")
    except _FAILURES:
        return ""


def _wait(answer: urllib3.HTTPResponse, clock: Clock) -> float | None:
    """Return how long to wait, which may be said in seconds or as a date."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said[:9])
    try:
        date = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - clock())


def _why(error: BaseException) -> str:
    """Return what the system says of a failure; nonsense of a receiver is not repeated."""
    while not isinstance(error, OSError) and (error.__cause__ or error.__context__):
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return type(error).__name__
