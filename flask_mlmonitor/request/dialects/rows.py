"""What every dialect comes down to: rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

RawRow = Mapping[str, Any] | Sequence[Any]


class Unreadable(ValueError):
    """A body of a known dialect that is not well formed.

    Its text goes to the sender: it names what to mend, and no value.
    """


class Inference(msgspec.Struct, frozen=True, gc=False):
    """What a V2 request says of its answer.

    :param id: the caller's id of the request, as it was sent.
    :param output: the name of the output that was asked for first.
    """

    id: str | None
    output: str


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The rows of a request.

    :param rows: mappings, or sequences in the baseline's order; empty when unreadable.
    :param batch: whether the dialect is one for several rows.
    :param inference: only of V2 requests.
    :param problem: why a body of a known dialect is unreadable.
    """

    rows: Sequence[RawRow]
    batch: bool
    inference: Inference | None = None
    problem: str | None = None


UNREADABLE: Final = Payload((), False)


def listed(value: Any) -> Any:
    """Return arrays, series and tuples as the lists that a parsed body would have.

    >>> listed(({"age": 41}, (1, 2)))
    [{'age': 41}, [1, 2]]
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [listed(one) for one in value] if isinstance(value, list | tuple) else value


def names_of(names: Sequence[Any]) -> list[str]:
    """Return the names of columns as text; numbers are those of a frame that was given none.

    >>> names_of(["age", 0])
    ['age', '0']
    """
    if not all(isinstance(name, str | int) and not isinstance(name, bool) for name in names):
        raise Unreadable("the name of a column must be a text")
    texts = list(map(str, names))
    if len(set(texts)) < len(texts):
        raise Unreadable("two columns have the same name")
    return texts


def rows_of_columns(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Turn columns of one length into rows.

    >>> rows_of_columns({"age": [41, 42], "plan": ["free", "paid"]})
    [{'age': 41, 'plan': 'free'}, {'age': 42, 'plan': 'paid'}]
    """
    lengths = set(map(len, columns.values()))
    if len(lengths) > 1:
        raise Unreadable(f"the columns have {min(lengths)} to {max(lengths)} values, not as many")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
