"""SQL types: what a column can hold, how types are shown, and which widens to which (ksqlDB reference, "Types")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

Row = tuple[Any, ...]


@dataclass(frozen=True)
class SqlType:
    """A type; `item` of ARRAY and MAP values, `key` of MAP keys, `fields` of STRUCT, precision and scale of DECIMAL."""

    base: str
    precision: int = 0
    scale: int = 0
    item: SqlType | None = None
    key: SqlType | None = None
    fields: tuple[tuple[str, SqlType], ...] = ()

    def __str__(self) -> str:
        """Return the display form, such as `ARRAY<STRUCT<`A` INTEGER>>` or `DECIMAL(4, 2)`."""
        if self.base == "DECIMAL":
            return f"DECIMAL({self.precision}, {self.scale})"
        if self.base == "ARRAY":
            return f"ARRAY<{self.item}>"
        if self.base == "MAP":
            return f"MAP<{self.key}, {self.item}>"
        if self.base == "STRUCT":
            inner = ", ".join(f"`{name}` {kind}" for name, kind in self.fields)
            return f"STRUCT<{inner}>"
        return self.base

    @property
    def inner(self) -> tuple[SqlType, ...]:
        """Return the types directly inside: of items, map values and fields."""
        held = () if self.item is None else (self.item,)
        return held + tuple(kind for _, kind in self.fields)

    def field(self, name: str) -> tuple[int, SqlType] | None:
        """Return position and type of the STRUCT field called `name`, or None."""
        for position, (field_name, field_type) in enumerate(self.fields):
            if field_name == name:
                return position, field_type
        return None


BOOLEAN: Final = SqlType("BOOLEAN")
INTEGER: Final = SqlType("INTEGER")
BIGINT: Final = SqlType("BIGINT")
DOUBLE: Final = SqlType("DOUBLE")
STRING: Final = SqlType("STRING")
BYTES: Final = SqlType("BYTES")
TIME: Final = SqlType("TIME")
DATE: Final = SqlType("DATE")
TIMESTAMP: Final = SqlType("TIMESTAMP")
NULL: Final = SqlType("null")
INTERVALUNIT: Final = SqlType("INTERVALUNIT")

PRIMITIVES: Final = {
    "BOOLEAN": BOOLEAN,
    "INTEGER": INTEGER,
    "INT": INTEGER,
    "BIGINT": BIGINT,
    "DOUBLE": DOUBLE,
    "STRING": STRING,
    "VARCHAR": STRING,
    "BYTES": BYTES,
    "TIME": TIME,
    "DATE": DATE,
    "TIMESTAMP": TIMESTAMP,
}
_NUMBER_ORDER: Final = {"INTEGER": 0, "BIGINT": 1, "DECIMAL": 2, "DOUBLE": 3}


def decimal_type(precision: int, scale: int) -> SqlType:
    """Return DECIMAL(precision, scale)."""
    return SqlType("DECIMAL", precision=precision, scale=scale)


def array_type(item: SqlType) -> SqlType:
    """Return ARRAY<item>."""
    return SqlType("ARRAY", item=item)


def map_type(key: SqlType, value: SqlType) -> SqlType:
    """Return MAP<key, value>."""
    return SqlType("MAP", key=key, item=value)


def struct_type(*fields: tuple[str, SqlType]) -> SqlType:
    """Return STRUCT<fields>."""
    return SqlType("STRUCT", fields=fields)


def is_number(kind: SqlType) -> bool:
    """Tell whether `kind` is INTEGER, BIGINT, DECIMAL or DOUBLE."""
    return kind.base in _NUMBER_ORDER


def is_temporal(kind: SqlType) -> bool:
    """Tell whether `kind` is DATE, TIME or TIMESTAMP."""
    return kind.base in ("DATE", "TIME", "TIMESTAMP")


def as_decimal(kind: SqlType) -> SqlType:
    """Return the DECIMAL that holds every value of an integer type; a DECIMAL is returned as it is."""
    if kind.base == "INTEGER":
        return decimal_type(10, 0)
    if kind.base == "BIGINT":
        return decimal_type(19, 0)
    return kind


def wider_number(left: SqlType, right: SqlType) -> SqlType:
    """Return the number type both operands widen to: INTEGER, BIGINT, DECIMAL, DOUBLE in this order."""
    if (left.base == "DECIMAL" and right.base == "DECIMAL") or (
        "DECIMAL" in (left.base, right.base) and "DOUBLE" not in (left.base, right.base)
    ):
        a, b = as_decimal(left), as_decimal(right)
        scale = max(a.scale, b.scale)
        return decimal_type(max(a.precision - a.scale, b.precision - b.scale) + scale, scale)
    return left if _NUMBER_ORDER[left.base] >= _NUMBER_ORDER[right.base] else right


def common_type(left: SqlType, right: SqlType) -> SqlType | None:
    """Return the type that holds values of both, or None; an unknown (null) type takes the other side."""
    if left == right or NULL in (left, right):
        return right if left is NULL else left
    if is_number(left) and is_number(right):
        return wider_number(left, right)
    if left.base != right.base or left.base not in ("ARRAY", "MAP", "STRUCT"):
        return None
    return _common_struct(left, right) if left.base == "STRUCT" else _common_items(left, right)


def _common_items(left: SqlType, right: SqlType) -> SqlType | None:
    item = common_type(left.item or NULL, right.item or NULL)
    key = common_type(left.key or NULL, right.key or NULL)
    if item is None or key is None:
        return None
    return array_type(item) if left.base == "ARRAY" else map_type(key, item)


def _common_struct(left: SqlType, right: SqlType) -> SqlType | None:
    fields = dict(left.fields)
    for name, kind in right.fields:
        common = common_type(fields.get(name, NULL), kind)
        if common is None:
            return None
        fields[name] = common
    return struct_type(*fields.items())


def accepted_as(source: SqlType, target: SqlType, casts: bool) -> bool:
    """Tell whether a function with a parameter of `target` takes a value of `source`.

    With `casts` numbers widen and text becomes a time, inside arrays and maps too.
    """
    if source == target:
        return True
    if source.base == target.base == "ARRAY" and source.item and target.item:
        return accepted_as(source.item, target.item, casts)
    if source.base == target.base == "MAP" and source.item and target.item:
        return source.key == target.key and accepted_as(source.item, target.item, casts)
    if not casts:
        return False
    if source.base == "STRING":
        return is_temporal(target)
    return is_number(source) and is_number(target) and _NUMBER_ORDER[source.base] <= _NUMBER_ORDER[target.base]


def widens_to(source: SqlType, target: SqlType) -> bool:
    """Tell whether a value of `source` is accepted, without a cast, where `target` is declared."""
    if source == target or source is NULL:
        return True
    if not (is_number(source) and is_number(target)):
        return False
    if target.base == "DECIMAL":
        held = as_decimal(source)
        return (
            held.base == "DECIMAL"
            and held.precision - held.scale <= target.precision - target.scale
            and held.scale <= target.scale
        )
    return _NUMBER_ORDER[source.base] <= _NUMBER_ORDER[target.base]
