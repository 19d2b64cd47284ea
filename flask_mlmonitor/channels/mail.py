"""E-mail, by any SMTP server."""

import html
import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.channels.leash import READ_SECONDS, Leash
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.secrets import parts_of, told
from flask_mlmonitor.channels.wording import color, heading, lines, link_line, moment, tidy

_PORTS: Final = {"smtp": 25, "smtps": 465}
_SUBMISSION: Final = 587
NO_TLS: Final = "the server offers no TLS: the password is not sent"


class _Plain(smtplib.SMTP):
    def __init__(self, leash: Leash, host: str, port: int, name: str) -> None:
        self._leash = leash
        super().__init__(host, port, local_hostname=name, timeout=READ_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._leash.connect(host, port)


class _Secure(smtplib.SMTP_SSL, _Plain):
    def __init__(self, leash: Leash, host: str, port: int, name: str) -> None:
        self._leash = leash
        context = ssl.create_default_context()
        smtplib.SMTP_SSL.__init__(
            self, host, port, local_hostname=name, timeout=READ_SECONDS, context=context
        )


class Mail(Channel):
    """Sends mail to some people.

    :param url: ``smtp://`` or ``smtps://user:password@host:port``; the sender is ``?from=``, else
        the user where that is an address, else a name in the domain of the first recipient.
    :ivar sender: whom the mail comes from.
    :ivar host: of the server, and its *port*.
    :ivar has_user: whether the server asks for a user and password.
    """

    def __init__(self, url: str, recipients: Sequence[str]) -> None:
        parts = urlsplit(url)
        self._secrets = parts_of(url)
        self._tls = parts.scheme == "smtps"
        self.host = parts.hostname or ""
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        default = _SUBMISSION if self._user and not self._tls else _PORTS[parts.scheme]
        self.port = parts.port or default
        self.has_user = bool(self._user)
        self._recipients = tuple(recipients)
        given = parse_qs(parts.query).get("from", [self._user])[0]
        domain = recipients[0].rpartition("@")[2]
        self.sender = given if "@" in given else f"mlmonitor@{domain}"

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Send the mail to all recipients at once."""
        message = compose(notification, self.sender, self._recipients)
        progress = _Progress()
        with Leash(timeout) as leash:
            try:
                return self._judge_refused(self._deliver(message, leash, progress))
            except smtplib.SMTPRecipientsRefused as error:
                return self._judge_refused(error.recipients, nobody=True)
            except smtplib.SMTPResponseException as error:
                return self._judge(error.smtp_code, error.smtp_error)
            except smtplib.SMTPNotSupportedError as error:
                return Outcome("clientError", detail=told(str(error), self._secrets))
            except (OSError, smtplib.SMTPException) as error:
                why = getattr(error, "strerror", None) or error
                detail = told(str(why) or type(error).__name__, self._secrets)
                return Outcome("noAnswer", retry=True, taken=progress.sending, detail=detail)

    def _deliver(
        self, message: EmailMessage, leash: Leash, progress: "_Progress"
    ) -> dict[str, tuple[int, bytes]]:
        kind = _Secure if self._tls else _Plain
        server = kind(leash, self.host, self.port, self.sender.rpartition("@")[2])
        try:
            server.ehlo_or_helo_if_needed()
            encrypted = self._tls
            if not encrypted and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                encrypted = True
            if self._user and not encrypted and not _is_here(self.host):
                raise smtplib.SMTPNotSupportedError(NO_TLS)
            if self._user:
                server.login(self._user, self._password)
            progress.sending = True
            return server.send_message(message)
        finally:
            server.close()

    def _judge(self, code: int, said: bytes | str) -> Outcome:
        if not 400 <= code < 600:
            return Outcome("noAnswer", retry=True, detail="that is no mail server")
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        detail = told(f"{code} {text}", self._secrets)
        if code in (530, 534, 535, 538):
            return Outcome("authError", detail=detail)
        if code >= 500:
            return Outcome("clientError", detail=detail)
        return Outcome("serverError", retry=True, detail=detail)

    def _judge_refused(self, refused: dict[str, Any], *, nobody: bool = False) -> Outcome:
        if not refused:
            return Outcome("delivered", taken=True)
        codes = sorted({code for code, _ in refused.values()})
        of = f"{len(refused)} of {len(self._recipients)} recipients refused"
        if not nobody:
            detail = f"{of}: {', '.join(map(str, codes))}"
            return Outcome("delivered", taken=True, detail=detail)
        _, said = next(reply for reply in refused.values() if reply[0] == codes[0])
        outcome = self._judge(codes[0], said)
        return Outcome(outcome.reason, outcome.retry, detail=f"{of}: {outcome.detail}")


class _Progress:
    """How far a delivery came.

    :ivar sending: whether the server may have got the mail.
    """

    sending = False


def compose(notification: Notification, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Return the mail; all of one group of alerts are one thread."""
    said = tidy(notification)
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["Subject"] = heading(said)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(said.time)
    message["Message-ID"] = f"<{_word(said.id)}@{domain}>"
    message["References"] = message["In-Reply-To"] = f"<mlmonitor.{_word(said.key)}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    rows = [f"{said.model} {said.version}, {moment(said.time)}", *lines(said)]
    plain = (heading(said), "", said.text, "", *rows, *link_line(said))
    message.set_content("\n".join(plain) + "\n")
    message.add_alternative(_html(said, rows), subtype="html")
    return message


def _html(said: Notification, rows: Sequence[str]) -> str:
    listed = "".join(f"<li>{html.escape(row)}</li>" for row in rows)
    url = said.runbook_url
    link = "" if url is None else f'<p><a href="{html.escape(url)}">Runbook</a></p>'
    return (
        f'<!doctype html><html><body><div style="border-left: 4px solid {color(said)}; '
        f'padding-left: 12px"><h2>{html.escape(heading(said))}</h2>'
        f"<p>{html.escape(said.text)}</p><ul>{listed}</ul>{link}</div></body></html>\n"
    )


def _word(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()[:32]


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
