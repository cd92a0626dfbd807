"""Which columns a format can hold, and how a single column stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ksql_engine.dialect.statements import Properties
from ksql_engine.errors import StatementError
from ksql_engine.plan.model import Column, FormatSpec, Schema
from ksql_engine.types import SqlType

WRAPPING: Final = ("JSON", "AVRO")
_UNWRAPPED_ONLY: Final = ("KAFKA", "DELIMITED")
_KAFKA_TYPES: Final = ("INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES")


def features(spec: FormatSpec, columns: Sequence[Column], is_key: bool) -> tuple[str, ...]:
    """Return what is special about a format's use: WRAP_SINGLES or UNWRAP_SINGLES, or nothing."""
    if len(columns) != 1 or spec.name not in WRAPPING:
        return ()
    return ("UNWRAP_SINGLES",) if is_key or not spec.wrap else ("WRAP_SINGLES",)


def check_wrapping(properties: Properties, spec: FormatSpec, schema: Schema) -> None:
    """Raise StatementError when WRAP_SINGLE_VALUE is given for a format or a schema that has no choice."""
    wrap = properties.get("WRAP_SINGLE_VALUE")
    if wrap is None:
        return
    text = str(wrap).lower()
    if spec.name not in WRAPPING and not (spec.name in _UNWRAPPED_ONLY and text == "false"):
        raise StatementError(f"Format '{spec.name}' does not support 'WRAP_SINGLE_VALUE' set to '{text}'.")
    if len(schema.value) != 1:
        raise StatementError("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas")


def check_formats(key: FormatSpec, value: FormatSpec, schema: Schema) -> None:
    """Raise StatementError when a source's formats cannot hold its columns."""
    check_key_types(schema.key)
    _check(key, schema.key, is_key=True)
    _check(value, schema.value, is_key=False)


def check_key_types(columns: Sequence[Column]) -> None:
    """Raise StatementError when a key column holds a map: equal maps may have different bytes."""
    for column in columns:
        if _has_map(column.type):
            raise StatementError(
                "Map keys, including types that contain maps, are not supported as they may lead to unexpected "
                f"behavior due to inconsistent serialization. Key column name: `{column.name}`. "
                f"Column type: {column.type}. See https://github.com/confluentinc/ksql/issues/6621 for more."
            )


def _check(spec: FormatSpec, columns: Sequence[Column], *, is_key: bool) -> None:
    reason = _problem(spec, columns, is_key)
    if reason is None:
        return
    shown = _shown(columns, is_key)
    raise StatementError(
        f"{'Key' if is_key else 'Value'} format does not support schema.\nformat: {spec.name}\n"
        f"schema: Persistence{{columns=[{shown}], features=[{', '.join(features(spec, columns, is_key))}]}}\n"
        f"reason: {reason}"
    )


def _shown(columns: Sequence[Column], is_key: bool) -> str:
    mark = " KEY" if is_key else ""
    return ", ".join(f"`{column.name}` {column.type}{mark}" for column in columns)


def _problem(spec: FormatSpec, columns: Sequence[Column], is_key: bool) -> str | None:
    """Return why a format cannot hold `columns`, or None."""
    if spec.name == "NONE" and columns:
        return f"The 'NONE' format can only be used when no columns are defined. Got: [{_shown(columns, is_key)}]"
    if spec.name == "KAFKA" and len(columns) > 1:
        return f"The 'KAFKA' format only supports a single field. Got: [{_shown(columns, is_key)}]"
    for column in columns:
        problem = _COLUMN_RULES.get(spec.name, lambda _column: None)(column)
        if problem is not None:
            return problem
    return None


def _kafka_problem(column: Column) -> str | None:
    if column.type.base in _KAFKA_TYPES:
        return None
    return f"The 'KAFKA' format does not support type '{column.type.base}'"


def _delimited_problem(column: Column) -> str | None:
    if column.type.base not in ("ARRAY", "MAP", "STRUCT"):
        return None
    return f"The 'DELIMITED' format does not support type '{column.type.base}', column: `{column.name}`"


def _json_problem(column: Column) -> str | None:
    return "JSON only supports MAP types with STRING keys" if _has_other_keys(column.type) else None


def _avro_problem(column: Column) -> str | None:
    if _has_other_keys(column.type):
        return "Avro only supports MAPs with STRING keys"
    illegal = next((problem for name in _names(column) if (problem := _avro_name_problem(name))), None)
    return f"Schema is not compatible with Avro: {illegal}" if illegal else None


_COLUMN_RULES: Final = {
    "KAFKA": _kafka_problem,
    "DELIMITED": _delimited_problem,
    "JSON": _json_problem,
    "AVRO": _avro_problem,
}


def _avro_name_problem(name: str) -> str | None:
    """Return why Avro does not take `name` for a field: it wants a letter or `_`, then also digits."""
    if name == "":
        return "Empty name"
    if not (name[0].isalpha() or name[0] == "_"):
        return f"Illegal initial character: {name}"
    if not all(character.isalnum() or character == "_" for character in name):
        return f"Illegal character in: {name}"
    return None


def _names(column: Column) -> list[str]:
    return [column.name, *_field_names(column.type)]


def _field_names(kind: SqlType) -> list[str]:
    names = [name for name, _ in kind.fields]
    return names + [name for inner in kind.inner for name in _field_names(inner)]


def _has_other_keys(kind: SqlType) -> bool:
    if kind.base == "MAP" and kind.key is not None and kind.key.base != "STRING":
        return True
    return any(map(_has_other_keys, kind.inner))


def _has_map(kind: SqlType) -> bool:
    return kind.base == "MAP" or any(map(_has_map, kind.inner))
