"""The WITH clause: which properties exist, and what they come to."""

from __future__ import annotations

from typing import Any, Final

from ksql_engine.dialect.statements import Properties
from ksql_engine.errors import StatementError
from ksql_engine.plan.model import FormatSpec, Schema, TimeColumn

FORMATS: Final = ("JSON", "AVRO", "KAFKA", "DELIMITED", "NONE")
_SHARED: Final = frozenset(
    {
        "KAFKA_TOPIC",
        "PARTITIONS",
        "REPLICAS",
        "RETENTION_MS",
        "KEY_FORMAT",
        "VALUE_FORMAT",
        "FORMAT",
        "KEY_DELIMITER",
        "VALUE_DELIMITER",
        "WRAP_SINGLE_VALUE",
        "TIMESTAMP",
        "TIMESTAMP_FORMAT",
        "VALUE_AVRO_SCHEMA_FULL_NAME",
        "VALUE_SCHEMA_FULL_NAME",
        "KEY_SCHEMA_FULL_NAME",
    }
)
_DELIMITERS: Final = {"SPACE": " ", "TAB": "\t"}


def check_names(properties: Properties, extra: frozenset[str] = frozenset()) -> None:
    """Raise StatementError for a property that does not exist."""
    unknown = sorted(name for name in properties if name not in _SHARED | extra)
    if unknown:
        raise StatementError(f"Invalid config variable(s) in the WITH clause: {','.join(unknown)}")
    if "FORMAT" in properties and {"KEY_FORMAT", "VALUE_FORMAT"} & set(properties):
        raise StatementError(
            "Cannot supply both 'VALUE_FORMAT' and 'FORMAT' properties, as 'FORMAT' sets both key and value formats."
        )


def integer(properties: Properties, name: str) -> int | None:
    """Return a whole number, or None when it is not given. Raises StatementError when it is something else."""
    value = properties.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise StatementError(f"Invalid value {value} for configuration {name}: not a number") from None


def key_format(properties: Properties, default: FormatSpec) -> FormatSpec:
    """Return the format of keys; `default` where nothing is said."""
    name = properties.get("KEY_FORMAT", properties.get("FORMAT"))
    delimiter = _delimiter(properties.get("KEY_DELIMITER"), default.delimiter)
    if name is None:
        return FormatSpec(default.name, delimiter, full_name=default.full_name)
    return FormatSpec(_format(name), delimiter, full_name=properties.get("KEY_SCHEMA_FULL_NAME"))


def value_format(properties: Properties, default: FormatSpec | None) -> FormatSpec:
    """Return the format of values. Raises StatementError when none is given and there is no `default`."""
    name = properties.get("VALUE_FORMAT", properties.get("FORMAT"))
    if name is None and default is None:
        raise StatementError(
            "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. "
            "Either provide one or set a default via the 'ksql.persistence.default.format.value' "
            "config."
        )
    chosen = _format(name) if name is not None else (default or FormatSpec("JSON")).name
    delimiter = _delimiter(properties.get("VALUE_DELIMITER"), default.delimiter if default else ",")
    wrap = properties.get("WRAP_SINGLE_VALUE")
    if wrap is not None and chosen in ("DELIMITED", "KAFKA", "NONE"):
        raise StatementError(f"Format '{chosen}' does not support 'WRAP_SINGLE_VALUE' set to '{str(wrap).lower()}'.")
    full_name = properties.get("VALUE_AVRO_SCHEMA_FULL_NAME", properties.get("VALUE_SCHEMA_FULL_NAME"))
    return FormatSpec(chosen, delimiter, str(wrap).lower() != "false", full_name)


def _format(name: Any) -> str:
    upper = str(name).upper()
    if upper not in FORMATS:
        raise StatementError(f"Unknown format: {upper}")
    return upper


def _delimiter(value: Any, default: str) -> str:
    if value is None:
        return default
    text = _DELIMITERS.get(str(value).upper(), str(value))
    if len(text) != 1:
        raise StatementError(f"Invalid delimiter value: '{value}'. Delimiter must be a single character or TAB,SPACE")
    return text


def time_column(properties: Properties, schema: Schema) -> TimeColumn | None:
    """Return the TIMESTAMP property. Raises StatementError when the column cannot give a time."""
    name = properties.get("TIMESTAMP")
    if name is None:
        return None
    text = str(name)
    text = text[1:-1] if text[:1] == "`" else text.upper()
    pattern = properties.get("TIMESTAMP_FORMAT")
    found = next((column for column in schema.columns if column.name == text), None)
    if found is None:
        raise StatementError(f"The TIMESTAMP column set in the WITH clause does not exist in the schema: '{text}'")
    if found.type.base == "STRING" and pattern is None:
        raise StatementError(
            f"A String timestamp field has been specified without also specifying the {'timestamp_format'}"
        )
    if found.type.base not in ("BIGINT", "TIMESTAMP", "STRING"):
        raise StatementError(
            f"Timestamp column, {text}, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format specified"
        )
    return TimeColumn(text, str(pattern) if pattern is not None else None)


def check_format(spec: FormatSpec, schema: Schema, is_key: bool) -> None:
    """Raise StatementError when a format cannot hold the columns of a key or value."""
    columns = schema.key if is_key else schema.value
    what = "Key" if is_key else "Value"
    if spec.name == "KAFKA":
        if len(columns) > 1:
            names = ", ".join(f"`{column.name}` {column.type}" for column in columns)
            raise StatementError(f"The 'KAFKA' format only supports a single field. Got: [{names}]")
        for column in columns:
            if column.type.base not in ("INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES"):
                raise StatementError(
                    f"The 'KAFKA' format does not support type '{column.type.base}', column: `{column.name}`"
                )
    if spec.name == "DELIMITED":
        for column in columns:
            if column.type.base in ("ARRAY", "MAP", "STRUCT"):
                raise StatementError(
                    f"The 'DELIMITED' format does not support type '{column.type.base}', column: `{column.name}`"
                )
    if spec.name == "NONE" and columns:
        raise StatementError(
            f"The 'NONE' format can only be used when no columns are defined. Got: "
            f"[{', '.join(str(column.name) for column in columns)}]"
        )
    if spec.name == "JSON":
        for column in columns:
            _check_json(column.type)
    if is_key and any(_has_map(column.type) for column in columns):
        raise StatementError(f"{what} columns cannot contain maps")


def _check_json(kind: Any) -> None:
    if kind.base == "MAP" and kind.key and kind.key.base != "STRING":
        raise StatementError(f"JSON only supports MAP types with STRING keys, not {kind}")
    for inner in [kind.item, *(field for _, field in kind.fields)]:
        if inner is not None:
            _check_json(inner)


def _has_map(kind: Any) -> bool:
    inner = [kind.item, *(field for _, field in kind.fields)]
    return kind.base == "MAP" or any(one is not None and _has_map(one) for one in inner)
