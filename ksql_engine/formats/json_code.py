"""JSON objects read and written by msgspec, with a struct made for each list of columns.

A struct takes only what its columns hold as it is; for anything else the general reader or writer is asked, which
converts or refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from ksql_engine.formats.base import Reader
from ksql_engine.plan.model import Column
from ksql_engine.types import Row

_HELD: Final[dict[str, Any]] = {
    "STRING": str,
    "BOOLEAN": bool,
    "INTEGER": Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
    "BIGINT": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "DOUBLE": float,
}
"""What a decoded value is that a column of a type holds as it is."""

_SHOWN: Final = ("STRING", "BOOLEAN", "INTEGER", "BIGINT")
"""The types that msgspec writes as ksqlDB's text has them; of a double it writes another form."""


def object_reader(columns: Sequence[Column], general: Reader) -> Reader:
    """Return a reader of objects that does in fewer steps what `general` does."""
    struct = _struct_of(_named(columns)) if all(column.type.base in _HELD for column in columns) else None
    if struct is None:
        return general
    decode, values = msgspec.json.Decoder(struct).decode, msgspec.structs.astuple

    def read(data: bytes) -> Row | None:
        try:
            # Text, because msgspec does not look at the UTF-8 of what it passes over.
            return values(decode(data.decode()))
        except Exception:
            return general(data)

    return read


def object_writer(
    columns: Sequence[Column], encoders: Sequence[Callable[[Any], str]], general: Callable[[Row], bytes | None]
) -> Callable[[Row], bytes | None]:
    """Return a writer of objects that does in fewer steps what `general` does; `encoders` write columns as text."""
    struct = _struct_of(_named(columns))
    if struct is None:
        return general
    names: dict[str, Any] = {"encode": msgspec.json.Encoder().encode, "struct": struct, "raw": msgspec.Raw}
    names |= {"general": general, **{f"e{place}": encode for place, encode in enumerate(encoders)}}
    shown = [column.type.base in _SHOWN for column in columns]
    parts = [f"r[{place}]" if plain else f"raw(e{place}(r[{place}]).encode())" for place, plain in enumerate(shown)]
    lines = [
        "def write(r):",
        "    try:",
        f"        return encode(struct({'*r' if all(shown) else ', '.join(parts)}))",
        "    except Exception:",
        "        return general(r)",
    ]
    exec("\n".join(lines), names)  # noqa: S102 - written here; names of columns stay out of it
    write: Callable[[Row], bytes | None] = names["write"]
    return write


def _named(columns: Sequence[Column]) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.type.base) for column in columns)


@lru_cache(maxsize=256)
def _struct_of(columns: tuple[tuple[str, str], ...]) -> type[msgspec.Struct] | None:
    """Return the struct with the fields c0, c1, ..., named as the columns in JSON; None where JSON escapes a name.

    A class takes a millisecond to make and 9 KB, so readers and writers of the same columns share it.
    """
    fields = [(f"c{place}", _HELD.get(base, Any) | None) for place, (_, base) in enumerate(columns)]
    names = {f"c{place}": name for place, (name, _) in enumerate(columns)}
    try:
        return msgspec.defstruct("Row", fields, rename=names, gc=False)
    except ValueError:
        return None
