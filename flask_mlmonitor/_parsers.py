"""Readers of configured values, one for each kind: from what was written to what it means."""

import math
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from flask_mlmonitor._quantities import Unreadable, seconds, whole, within
from flask_mlmonitor.exceptions import one_of

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a model and a version may be called."""

MINUTE: Final = 60
"""Rollups are of minutes, so windows are whole numbers of them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: its name in the docs and how to read it.

    :param none: whether ``None`` is a value of its own, not an unset key.
    """

    name: str
    parse: Callable[[object], Any]
    none: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """One span of predictions that is judged as a whole.

    :param text: as configured.
    :param seconds: how long it is; ``None`` for a window by count.
    :param count: how many predictions it holds at least; ``None`` for a window by time.
    """

    text: str
    seconds: float | None = None
    count: int | None = None


def flag(value: object) -> bool:
    """Read a yes or no.

    >>> flag("true"), flag(0)
    (True, False)
    """
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise Unreadable("set true or false")


def text(value: object) -> str:
    """Read a text; a number is refused, for its digits may not be the ones that were written.

    >>> text("MLOps/Models")
    'MLOps/Models'
    """
    if not isinstance(value, str):
        raise Unreadable("quote it: it must be a text (in an environment variable '\"…\"')")
    return value


def token(value: object) -> str:
    """Read a secret text."""
    read = text(value)
    if read.split() != [read]:
        raise Unreadable("remove the white space from it")
    return read


def signing_key(value: object) -> str:
    """Read the secret of signatures: any text, or Base64 behind the ``whsec_`` of a generator."""
    read = token(value)
    prefix, found, encoded = read.partition("whsec_")
    if found and not prefix:
        try:
            b64decode(encoded, validate=True)
        except ValueError:
            raise Unreadable("set Base64 behind whsec_, or a text that begins otherwise") from None
    return read


def texts(value: object) -> tuple[str, ...]:
    """Read a list of texts, each once.

    >>> texts("age, name,age"), texts(["age"]), texts([])
    (('age', 'name'), ('age',), ())
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple | set | frozenset):
        raise Unreadable("set a list of texts, or one text with commas between them")
    return tuple(dict.fromkeys(filter(None, (text(part).strip() for part in parts))))


def bounds(value: object) -> tuple[float, ...]:
    """Read a rising list of durations.

    >>> bounds("0.01, 500ms, .1")
    (0.01, 0.1, 0.5)
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not parts:
        raise Unreadable("set a list of durations, such as '0.1, 0.5, 2'")
    read = sorted({seconds(part) for part in parts})
    if read[0] <= 0:
        raise Unreadable("set only durations above 0")
    return tuple(read)


def windows(value: object) -> tuple[Window, ...]:
    """Read windows, the shortest first; a bare whole number is a window by count.

    >>> [window.text for window in windows("6h,1h,500")]
    ['1h', '6h', '500']
    """
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    read = {_window(part) for part in parts}
    if not read:
        raise Unreadable("set at least one window, such as '1h,6h,24h'")
    return tuple(sorted(read, key=lambda window: (window.seconds or math.inf, window.count or 0)))


def folder(value: object) -> Path:
    """Read a folder's path; ``~`` is the home of the user."""
    return Path(value if isinstance(value, Path) else text(value)).expanduser()


def store_url(value: object) -> str:
    """Read the store's SQLAlchemy URL."""
    read = text(value)
    if "://" not in read:
        raise Unreadable("set a URL such as 'sqlite:///predictions.sqlite3'")
    return read


def url_path(value: object) -> str:
    """Read the path of a URL without its last slash.

    >>> url_path("/internal/metrics/")
    '/internal/metrics'
    """
    read = text(value).rstrip("/")
    if not re.fullmatch(r"(/[\w.~-]+)+", read):
        raise Unreadable("set a path that begins with a slash, such as '/mlmonitor'")
    return read


def metric_prefix(value: object) -> str:
    """Read the first word of the metrics' names."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value):
        raise Unreadable("set letters, digits and underscores, such as 'ml'")
    return value.rstrip("_")


def namespace(value: object) -> str:
    """Read a namespace of CloudWatch."""
    read = text(value)
    if not re.fullmatch(r"(?!AWS/)[\w.#/-][\w.#/:-]{0,254}", read, re.ASCII):
        raise Unreadable("set a name such as 'MLOps/Models', not one of AWS's own")
    return read


def emails(value: object) -> tuple[str, ...]:
    """Read e-mail addresses."""
    read = texts(value)
    if wrong := [address for address in read if not re.fullmatch(r"[^@\s]+@[^@\s]+", address)]:
        raise Unreadable(f"{wrong[0]!r} is no e-mail address")
    return read


def url(*schemes: str) -> Callable[[object], str]:
    """Return a reader of URLs of *schemes*."""

    def parse(value: object) -> str:
        read = text(value)
        try:
            parts = urlsplit(read)
            valid = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise Unreadable(f"set a URL that begins with {schemes[0]}:// and names a host")
        return read

    return parse


def urls(value: object) -> tuple[str, ...]:
    """Read URLs of any scheme."""
    read = texts(value)
    if any("://" not in part for part in read):
        raise Unreadable("set URLs, each with its scheme and ://")
    return read


def models(value: object) -> dict[str, Mapping[str, object]]:
    """Read what is set for one model or another, by the model's name."""
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise Unreadable("set a mapping such as {'fraud': {'LATENCY_CRITICAL': 1.0}}")
    if wrong := [name for name in value if not NAME.fullmatch(str(name))]:
        raise Unreadable(f"{wrong[0]!r} is no model's name: use {NAME.pattern}")
    return {str(name): overrides for name, overrides in value.items()}


def choice(*names: str) -> Callable[[object], str]:
    """Return a reader of one of *names*."""

    def parse(value: object) -> str:
        if value not in names:
            raise Unreadable(f"set {one_of(names)}")
        return str(value)

    return parse


def some_of(*names: str) -> Callable[[object], tuple[str, ...]]:
    """Return a reader of a list out of *names*."""

    def parse(value: object) -> tuple[str, ...]:
        read = texts(value)
        if wrong := [name for name in read if name not in names]:
            raise Unreadable(f"{wrong[0]!r} is not {one_of(names)}")
        return read

    return parse


def _window(value: object) -> Window:
    label = str(value).strip()
    if label.isdecimal():
        return Window(label, count=within(whole, 1)(label))
    length = seconds(value)
    if length <= 0 or length % MINUTE:
        raise Unreadable("set windows of whole minutes, such as '1h,6h,24h'")
    return Window(label, seconds=length)
