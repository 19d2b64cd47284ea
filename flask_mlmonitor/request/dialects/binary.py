"""The binary extension of the Open Inference Protocol: raw tensors behind the JSON."""

import struct
from collections.abc import Callable, Iterable
from typing import Any, Final

from flask_mlmonitor.request.dialects.rows import Unreadable
from flask_mlmonitor.request.dialects.tensors import parameter

HEADER: Final = "Inference-Header-Content-Length"
"""The HTTP header that says how long the JSON is."""

SIZE: Final = "binary_data_size"
_CODES: Final = {
    "BOOL": "?",
    **{"INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q"},
    **{"UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q"},
    **{"FP16": "e", "FP32": "f", "FP64": "d"},
}
_LENGTH: Final = struct.Struct("<I")


def joined(data: bytes, length: str, loads: Callable[[bytes], Any]) -> Any:
    """Return the body as plain JSON would have been, each tensor with its ``data``.

    :param length: of the JSON, as the header says it.
    :param loads: what parses JSON.
    """
    try:
        end = int(length)
        body = loads(data[:end])
    except (ValueError, RecursionError):
        raise Unreadable(f"no JSON of the length that {HEADER} says") from None
    if end < 0 or not isinstance(body, dict):
        raise Unreadable(f"no JSON object of the length that {HEADER} says")
    for key in ("inputs", "outputs"):
        tensors = body.get(key)
        for tensor in tensors if isinstance(tensors, list) else ():
            size = parameter(tensor, SIZE) if isinstance(tensor, dict) else None
            if size is None:
                continue
            if type(size) is not int or not 0 <= size <= len(data) - end:
                raise Unreadable(f"{key}: a {SIZE} does not fit the body")
            tensor["data"] = _values(str(tensor.get("datatype")), data[end : end + size])
            end += size
    return body


def _values(datatype: str, raw: bytes) -> list[Any]:
    if datatype == "BYTES":
        return list(_texts(raw))
    code = _CODES.get(datatype)
    if code is None:
        raise Unreadable("a binary tensor has a datatype that is not known")
    width = struct.calcsize(f"<{code}")
    if len(raw) % width:
        raise Unreadable(f"a binary tensor of {datatype} is no multiple of {width} bytes long")
    return list(struct.unpack(f"<{len(raw) // width}{code}", raw))


def _texts(raw: bytes) -> Iterable[str]:
    """Yield the texts, each behind its length."""
    place = 0
    while place < len(raw):
        start = place + _LENGTH.size
        end = start + (_LENGTH.unpack_from(raw, place)[0] if start <= len(raw) else 0)
        if start > len(raw) or end > len(raw):
            raise Unreadable("a binary tensor of BYTES ends within a value")
        yield raw[start:end].decode(errors="replace")
        place = end
