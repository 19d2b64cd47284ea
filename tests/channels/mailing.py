"""A real SMTP server that keeps what it gets, and refuses as it is told."""

import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class MailServer:
    """A context manager.

    :param answers: what it says to a recipient, or, for "data", to a whole mail.
    :param login: the user and password that it asks for.
    :ivar mails: the recipients and the bytes of each.
    """

    def __init__(
        self,
        answers: Mapping[str, str] | None = None,
        *,
        login: tuple[str, str] | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        self.encrypted: list[bool] = []
        self._answers = answers or {}
        self._login = login
        self._tls = tls is not None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        options: dict[str, Any] = {"auth_require_tls": False, "auth_required": login is not None}
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            ssl_context=tls,
            tls_context=starttls,
            authenticator=self._authenticate,
            **options,
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._controller.stop()

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        """Answer for one recipient."""
        answer = self._answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a mail, or not."""
        answer = self._answers.get("data", "250 OK")
        if answer.startswith("250"):
            self.mails.append((envelope.rcpt_tos, envelope.content))
            self.encrypted.append(self._tls or session.ssl is not None)
        return answer

    def _authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        given = (data.login, data.password) if isinstance(data, LoginPassword) else None
        wanted = self._login and tuple(part.encode() for part in self._login)
        return AuthResult(success=given == wanted, handled=False)
