"""Readers and writers of Avro records as one generated function for each schema, with nothing between row and bytes.

A generated reader knows plain types, unions with null, arrays and records; a writer plain types and unions with null.
Both refuse with an error of any kind what they do not expect: the general reader and writer then have the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Final

from ksql_engine.formats.avro_types import inlined
from ksql_engine.plan.model import Column
from ksql_engine.types import Row, SqlType

RowReader = Callable[[bytes, int], Row]
"""Reads a row from bytes at a position. May raise any error, and then says nothing about the bytes."""

_HELD: Final = {
    "string": ("STRING",),
    "boolean": ("BOOLEAN",),
    "int": ("INTEGER", "BIGINT"),
    "long": ("BIGINT",),
    "double": ("DOUBLE",),
}
"""The types of columns that hold a value of an Avro type as it is."""


class _UnknownError(Exception):
    """The schema has something that only the general reader knows."""


def row_reader(schema: Any, columns: Sequence[Column]) -> RowReader | None:
    """Return the reader of `columns` from records of `schema`, or None when only the general reader can read them."""
    code = _Code()
    kind = SqlType("STRUCT", fields=tuple((column.name, column.type) for column in columns))
    try:
        code.value("row", inlined(schema), kind)
    except _UnknownError:
        return None
    lines = ["def read(d, p):", *code.lines, "    if p > len(d):", "        raise EOFError", "    return row"]
    names: dict[str, Any] = {"varint": _varint, "double": Struct("<d").unpack_from}
    exec("\n".join(lines), names)  # noqa: S102 - written here from a schema; names of fields stay out of it
    reader: RowReader = names["read"]
    return reader


class _Code:
    """Lines that read one value after the other from the bytes `d` at `p`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 1
        self._names = 0

    def _add(self, *lines: str) -> None:
        self.lines += ["    " * self._depth + line for line in lines]

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def value(self, name: str, schema: Any, kind: SqlType | None) -> None:
        """Read a value into a variable; `kind` None passes over it. Raises _UnknownError."""
        if isinstance(schema, list):
            self._union(name, schema, kind)
        elif isinstance(schema, dict) and isinstance(schema.get("type"), (dict, list)):
            self.value(name, schema["type"], kind)
        elif isinstance(schema, dict) and schema.get("type") == "record":
            self._record(name, schema, kind)
        elif isinstance(schema, dict) and schema.get("type") == "array":
            self._array(name, schema, kind)
        elif isinstance(schema, str) or set(schema) <= {"type", "connect.doc", "doc"}:
            self._plain(name, schema if isinstance(schema, str) else schema["type"], kind)
        else:
            raise _UnknownError

    def _plain(self, name: str, base: str, kind: SqlType | None) -> None:
        if base not in _HELD or (kind is not None and kind.base not in _HELD[base]):
            raise _UnknownError
        if base == "string":
            self._whole("n")
            self._add("if n < 0:", "    raise ValueError", "p += n")
            if kind is not None:
                self._add(f"{name} = d[p - n:p].decode()")
        elif base == "boolean":
            self._add(f"{name} = bool(d[p])", "p += 1")
        elif base == "double":
            self._add(f"{name} = double(d, p)[0]", "p += 8")
        else:
            self._whole(name)
            if base == "int":
                self._add(f"if not -0x80000000 <= {name} <= 0x7FFFFFFF:", "    raise ValueError")

    def _whole(self, name: str) -> None:
        """Read a number of 7 bits in a byte, the sign in the lowest bit."""
        self._add("b = d[p]", "p += 1", "if b > 127:", "    b, p = varint(d, p, b)")
        self._add(f"{name} = ~(b >> 1) if b & 1 else b >> 1")

    def _union(self, name: str, branches: list[Any], kind: SqlType | None) -> None:
        if len(branches) != 2 or "null" not in branches:
            raise _UnknownError
        null = branches.index("null")
        self._add("u = d[p]", "p += 1", f"if u == {null * 2}:", f"    {name} = None", f"elif u == {2 - null * 2}:")
        self._depth += 1
        self.value(name, branches[1 - null], kind)
        self._depth -= 1
        self._add("else:", "    raise ValueError")

    def _array(self, name: str, schema: Any, kind: SqlType | None) -> None:
        if kind is not None and kind.base != "ARRAY":
            raise _UnknownError
        items, item, left = self._name(), self._name(), self._name()
        self._add(f"{items} = []", "while True:")
        self._depth += 1
        self._whole(left)
        self._add(f"if {left} == 0:", "    break", f"if {left} < 0:", "    raise ValueError")
        self._add(f"for _ in range({left}):")
        self._depth += 1
        self.value(item, schema["items"], kind.item if kind else None)
        if kind is not None:
            self._add(f"{items}.append({item})")
        self._depth -= 2
        self._add(f"{name} = {items}")

    def _record(self, name: str, schema: Any, kind: SqlType | None) -> None:
        """Read all fields in their order; columns take theirs by name, in any case where none has the exact one."""
        if kind is not None and kind.base != "STRUCT":
            raise _UnknownError
        fields = [field["name"] for field in schema["fields"]]
        upper = {field.upper(): field for field in fields}
        wanted = dict(kind.fields) if kind else {}
        chosen = {column: column if column in fields else upper.get(column.upper()) for column in wanted}
        variables: dict[str, str] = {}
        for field in schema["fields"]:
            takers = [column for column, chosen_field in chosen.items() if chosen_field == field["name"]]
            if len(takers) > 1:
                raise _UnknownError
            variables[field["name"]] = self._name()
            self.value(variables[field["name"]], field["type"], wanted[takers[0]] if takers else None)
        parts = [variables[field] if field else "None" for field in chosen.values()]
        self._add(f"{name} = ({''.join(part + ', ' for part in parts)})")


def _varint(data: bytes, place: int, first: int) -> tuple[int, int]:
    """Return a number that goes on after its first byte, and the place after it. Raises ValueError over 64 bits."""
    byte = data[place]
    if byte < 128:
        return first - 128 | byte << 7, place + 1
    found, shift = first - 128 | byte - 128 << 7, 14
    while shift < 70:
        place += 1
        byte = data[place]
        if byte < 128:
            found |= byte << shift
            if found >> 64:
                break
            return found, place + 1
        found |= byte - 128 << shift
        shift += 7
    raise ValueError("a number of more than 64 bits")


def record_writer(schema: Any, columns: Sequence[Column], header: bytes) -> Callable[[Row], bytes] | None:
    """Return the writer of records of `schema` after `header`, or None when only the general writer can write them."""
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    if [field["name"] for field in fields] != [column.name for column in columns]:
        return None
    names: dict[str, Any] = {"header": header, "double": Struct("<d").pack}
    for mark in _MARKS:
        names |= {f"text{mark.hex()}": _text_writer(mark), f"whole{mark.hex()}": _whole_writer(mark)}
    parts = [
        _written(field["type"], column.type, f"r[{place}]")
        for place, (field, column) in enumerate(zip(fields, columns, strict=True))
    ]
    if None in parts:
        return None
    code = f"lambda r: b''.join((header, {''.join(f'{part}, ' for part in parts)}))"
    write: Callable[[Row], bytes] = eval(code, names)  # noqa: S307 - written here from a schema
    return write


_MARKS: Final = (b"", b"\0", b"\2")
"""What stands before a value: nothing, or its place in a union with null."""


def _written(schema: Any, kind: SqlType, value: str, mark: bytes = b"") -> str | None:
    """Return the code of a mark and a value's bytes, or None for what the general writer does."""
    if isinstance(schema, list):
        if len(schema) != 2 or "null" not in schema or mark:
            return None
        null = schema.index("null")
        inner = _written(schema[1 - null], kind, value, _MARKS[2 - null])
        return inner and f"({_MARKS[1 + null]!r} if {value} is None else {inner})"
    if not isinstance(schema, str) or kind.base not in _HELD.get(schema, ()):
        return None
    if schema == "boolean":
        return f"({mark + bytes([1])!r} if {value} else {mark + bytes([0])!r})"
    if schema == "double":
        return f"{mark!r} + double({value})"
    return f"{'text' if schema == 'string' else 'whole'}{mark.hex()}({value})"


def _whole_writer(mark: bytes) -> Callable[[int], bytes]:
    """Return the function from a number of up to 64 bits to `mark` and the number as Avro writes it."""

    small = [mark + bytes([byte]) for byte in range(128)]

    def write(value: int) -> bytes:
        left = value << 1 ^ value >> 63
        if left < 128:
            return small[left]
        if 1 << 35 <= left < 1 << 42:  # a time in ms: without a loop
            low, high = left & 0x1FFFFF, left >> 21
            three = (low & 127 | 128, low >> 7 & 127 | 128, low >> 14 | 128)
            return mark + bytes((*three, high & 127 | 128, high >> 7 & 127 | 128, high >> 14))
        out = bytearray(mark)
        while left > 127:
            out.append(left & 127 | 128)
            left >>= 7
        out.append(left)
        return bytes(out)

    return write


def _text_writer(mark: bytes) -> Callable[[str], bytes]:
    """Return the function from a text to `mark`, its size in bytes, and these."""
    size_of = _whole_writer(mark)
    sizes = [size_of(size) for size in range(64)]

    def write(value: str) -> bytes:
        data = value.encode()
        size = len(data)
        return (sizes[size] if size < 64 else size_of(size)) + data

    return write
