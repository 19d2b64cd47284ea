"""Bytes to records and back: each frame is a length, a CRC and msgpack.

A segment is ``MLMJ``, the format's version, one frame with the :class:`Header`, one frame per
schema, then a frame per request, or several for a large batch. Integers are little-endian,
32 bits, unsigned.
"""

import os
import struct
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec
from msgspec.structs import replace

from flask_mlmonitor.journal.plain import convert, plain
from flask_mlmonitor.records import Gap, Row, Schema, Served

MAGIC: Final = b"MLMJ"
FORMAT_VERSION: Final = 1
MAX_RECORD: Final = 1 << 20
MAX_REQUEST: Final = 8 << 20
MAX_HEADER: Final = 4096

_PREAMBLE = struct.Struct("<4sI")
_FRAME = struct.Struct("<II")
FRAME_HEAD: Final = _FRAME.size

_encoder = msgspec.msgpack.Encoder(enc_hook=convert, decimal_format="number")


class Header(msgspec.Struct, frozen=True, array_like=True, tag="h"):
    """Who wrote a segment.

    :param boot: the kernel's boot id; empty where there is none.
    :param schema_bytes: how long the frames of its schemas are together.
    """

    host: str
    boot: str
    pid: int
    schema_bytes: int


class RecordTooLarge(ValueError):
    """A request that exceeds :data:`MAX_REQUEST` even without its rows' values."""


class Verdict(Enum):
    """How a run of frames ended."""

    COMPLETE = "the last frame is whole"
    SHORT = "the last frame is unfinished"
    ZERO = "the rest is zeros"
    CORRUPT = "a frame is damaged"


class Frames(NamedTuple):
    """A run of decoded frames.

    :param records: the whole and readable ones.
    :param offset: where the first frame begins that was not decoded.
    :param unreadable: frames with a right CRC that hold no record of this format.
    """

    records: list[Served | Gap]
    offset: int
    verdict: Verdict
    unreadable: int


_records = msgspec.msgpack.Decoder(Served | Gap)
_header = msgspec.msgpack.Decoder(Header)
_schema = msgspec.msgpack.Decoder(Schema)
_SERVED = _encoder.encode(Served(0, "", 0.0, 0, None, False, ()))[:3]


def encode(record: Served | Schema | Gap | Header) -> bytes:
    """Return the frame of *record*, whatever values its rows hold.

    A :class:`Served` above :data:`MAX_RECORD` becomes several frames, each with a part of its
    rows. A single row above it loses its values and is marked *truncated*, and if that is not
    enough, its prediction too; all rows do where they together exceed :data:`MAX_REQUEST`.

    :raises RecordTooLarge: if it has so many rows that even this does not help.
    """
    payload = _payload(record)
    if len(payload) > MAX_RECORD and isinstance(record, Served):
        return _large(record, len(payload))
    return _framed(payload)


def carried(value: Any) -> Any:
    """Return what a reader of the journal gets in place of *value*, of plain types only.

    >>> carried({"id": 2**70, "tags": (1, "a")})
    {'id': 1.1805916207174113e+21, 'tags': [1, 'a']}
    """
    try:
        return msgspec.msgpack.decode(_encoder.encode(value))
    except Exception:  # noqa: BLE001 as below
        return msgspec.msgpack.decode(_encoder.encode(plain(value)))


def _framed(payload: bytes) -> bytes:
    return _FRAME.pack(len(payload), crc32(payload)) + payload


def _payload(record: Served | Schema | Gap | Header) -> bytes:
    try:
        return _encoder.encode(record)
    except Exception:  # noqa: BLE001 a foreign value's own code may raise anything
        clean = type(record)(*(plain(field) for field in msgspec.structs.astuple(record)))
        return _encoder.encode(clean)


def _large(record: Served, size: int) -> bytes:
    for shorten in (_without_values, _without_outputs):
        if size <= MAX_REQUEST:
            break
        record = shorten(record)
        size = len(_payload(record))
    if size > MAX_REQUEST:
        msg = f"{len(record.rows)} rows take {size} bytes, {MAX_REQUEST} are allowed"
        raise RecordTooLarge(msg)
    return b"".join(_parts(record))


def _parts(record: Served) -> Iterator[bytes]:
    """Yield a frame for each part of *record* that fits into one."""
    payload = _payload(record)
    if len(payload) <= MAX_RECORD:
        yield _framed(payload)
    elif len(record.rows) > 1:
        half = len(record.rows) // 2
        for start, rows in ((0, record.rows[:half]), (half, record.rows[half:])):
            first = record.first + start
            yield from _parts(replace(record, rows=rows, first=first, batch=True))
    else:
        shorten = _without_outputs if record.truncated else _without_values
        yield from _parts(shorten(record))


def _without_values(record: Served) -> Served:
    rows = [Row((), row.prediction, row.probability) for row in record.rows]
    return replace(record, rows=rows, truncated=True)


def _without_outputs(record: Served) -> Served:
    return replace(record, rows=[Row(())] * len(record.rows), truncated=True)


def decode_frames(buffer: bytes, start: int = 0, *, limit: int = sys.maxsize) -> Frames:
    """Decode the frames of *buffer* from *start* on, until one is not whole.

    :param limit: stop behind the frame that completes this many rows.
    """
    view = memoryview(buffer)
    records: list[Served | Gap] = []
    offset, size, rows, unreadable = start, len(view), 0, 0
    verdict = Verdict.COMPLETE
    while rows < limit and offset < size:
        payload = _next_payload(view, offset)
        if isinstance(payload, Verdict):
            verdict = payload
            break
        offset += FRAME_HEAD + len(payload)
        try:
            record = _records.decode(payload)
        except Exception:  # noqa: BLE001 whatever is in this frame, the next one is whole
            unreadable += 1
            continue
        records.append(record)
        rows += rows_of(record)
    return Frames(records, offset, verdict, unreadable)


def _next_payload(view: memoryview, offset: int, largest: int = MAX_RECORD) -> memoryview | Verdict:
    if len(view) - offset < FRAME_HEAD:
        return Verdict.SHORT
    length, crc = _FRAME.unpack_from(view, offset)
    if not 0 < length <= largest:
        return Verdict.CORRUPT if any_set(view[offset:]) else Verdict.ZERO
    payload = view[offset + FRAME_HEAD : offset + FRAME_HEAD + length]
    if len(payload) < length:
        return Verdict.SHORT
    return payload if crc32(payload) == crc else Verdict.CORRUPT


def any_set(data: bytes | memoryview) -> bool:
    """Tell whether a byte of *data* is not zero.

    >>> any_set(bytes(9)), any_set(b"\\0\\1")
    (False, True)
    """
    return bytes(data).count(0) != len(data)


def rows_in(data: bytes) -> int:
    """Count the rows of the whole frames in *data*, wherever they begin."""
    rows, at = 0, data.find(_SERVED, FRAME_HEAD)
    while at >= 0:
        found = decode_frames(data, at - FRAME_HEAD)
        rows += sum(rows_of(record) for record in found.records)
        at = data.find(_SERVED, max(at + 1, found.offset))
    return rows


def rows_of(record: Served | Gap) -> int:
    """Return how many predictions *record* holds; a request that was unreadable is one.

    >>> rows_of(Gap(0.0, 1.0, 5, "write_error"))
    0
    """
    return len(record.rows) or 1 if isinstance(record, Served) else 0


def encode_head(schemas: Sequence[Schema]) -> bytes:
    """Return the bytes that a segment of this process begins with."""
    frames = b"".join(map(encode, schemas))
    header = Header(os.uname().nodename, _boot_id(), os.getpid(), len(frames))
    return _PREAMBLE.pack(MAGIC, FORMAT_VERSION) + encode(header) + frames


def is_foreign(buffer: bytes) -> bool:
    """Tell whether *buffer*, a file's beginning, is of another format or version than this.

    >>> is_foreign(b"PK"), is_foreign(b"MLMJ" + bytes([2, 0, 0, 0])), is_foreign(b"MLM")
    (True, True, False)
    """
    expected = _PREAMBLE.pack(MAGIC, FORMAT_VERSION)
    return not expected.startswith(buffer[: len(expected)]) and any_set(buffer)


def decode_header(buffer: bytes) -> tuple[Header, int] | Verdict:
    """Decode the header of a segment of this format, and where it ends.

    :param buffer: the first :data:`MAX_HEADER` bytes, or all that there are.
    """
    if not any_set(buffer):
        return Verdict.ZERO
    payload = _next_payload(memoryview(buffer), _PREAMBLE.size, MAX_HEADER)
    if isinstance(payload, Verdict):
        return payload
    try:
        header = _header.decode(payload)
    except msgspec.MsgspecError:
        return Verdict.CORRUPT
    return header, _PREAMBLE.size + FRAME_HEAD + len(payload)


def decode_schemas(buffer: bytes) -> list[Schema] | Verdict:
    """Decode the frames of a segment's schemas, all of them or none."""
    view, offset, schemas = memoryview(buffer), 0, []
    while offset < len(view):
        payload = _next_payload(view, offset, len(view))
        if isinstance(payload, Verdict):
            return payload
        offset += FRAME_HEAD + len(payload)
        try:
            schemas.append(_schema.decode(payload))
        except msgspec.MsgspecError:
            return Verdict.CORRUPT
    return schemas


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
