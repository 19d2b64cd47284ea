"""The ids of requests and, with the row behind a colon, of a batch's predictions."""

import os
import random
import re
import time
from hashlib import blake2s
from typing import Final

LONGEST_ID: Final = 256
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
"""NUL and half characters: not every database holds them."""

_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0x2 << 62
_RANDOM: Final = ~((0xF << 76) | (0x3 << 62)) & ((1 << 80) - 1)

_generators: Final[dict[int, random.Random]] = {}
"""One of each process's own: an app may seed the shared one alike in all its workers, and uWSGI
forks without telling Python. A third of the time of os.urandom."""


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562, 5.7) as canonical text: milliseconds, then random bits.

    Ids that rise with time keep the store's key index compact.

    >>> import uuid
    >>> uuid.UUID(new_id()).version
    7
    """
    pid = os.getpid()
    generator = _generators.get(pid) or _generators.setdefault(pid, random.Random())
    bits = generator.getrandbits(80) & _RANDOM | _VERSION | _VARIANT
    x = f"{time.time_ns() // 1_000_000 << 80 | bits:032x}"
    return f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}"


def is_id(value: object) -> bool:
    """Return whether ground truth can name a prediction by this value, in any database."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and not _UNSTORABLE.search(value)


def is_sampled(prediction_id: str, rate: float) -> bool:
    """Return whether a request belongs to the share *rate*; it always does, or never.

    >>> sum(is_sampled(f"order-{number}", 0.25) for number in range(10_000))
    2440
    """
    digest = blake2s(prediction_id.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest) < rate * 2**64
