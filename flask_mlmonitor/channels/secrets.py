"""What must not be shown, and what may be instead."""

import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from flask_mlmonitor.channels.wording import cut

MASK: Final = "***"
DETAIL: Final = 200
_SHORTEST: Final = 3
_LONG_WORD: Final = re.compile(r"[^\s'\"(),;]{33,}")


def parts_of(url: str) -> tuple[str, ...]:
    """Return what of a URL may be a secret, as a receiver may repeat it: all but its host.

    >>> parts_of("https://me:pass%20word@example.com/hook/T0K3N?key=abc")[:3]
    ('https://me:pass%20word@example.com/hook/T0K3N?key=abc', 'me:pass%20word', '/hook/T0K3N')
    """
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    found = [url, login, parts.path, parts.query, *login.split(":", 1), *parts.path.split("/")]
    found += [value for _, value in parse_qsl(parts.query, keep_blank_values=True)]
    found += [unquote(part) for part in found]
    found.append(b64encode(unquote(login).encode()).decode())  # as HTTP sends it
    return tuple(dict.fromkeys(part for part in found if len(part) >= _SHORTEST))


def told(text: str, secrets: Iterable[str]) -> str:
    """Return what a receiver or the system said, in one line that shows no secret.

    >>> told("no hook T0K3N\\r\\nhere", ["T0K3N"])
    'no hook *** here'

    :param secrets: what is masked; so is every word that is long enough to be a key.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return cut(_LONG_WORD.sub(MASK, text), DETAIL)
