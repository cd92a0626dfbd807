"""The WITH clause: which properties exist, and what they come to."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final

from ksql_engine.dialect.statements import Properties
from ksql_engine.errors import EvaluationError, PrepareError, StatementError
from ksql_engine.functions.java_time import format_time
from ksql_engine.plan.model import TABLE, FormatSpec, Schema, TimeColumn

FORMATS: Final = ("JSON", "AVRO", "KAFKA", "DELIMITED", "NONE")
WINDOW_PROPERTIES: Final = frozenset({"WINDOW_TYPE", "WINDOW_SIZE"})
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
        "KEY_SCHEMA_ID",
        "VALUE_SCHEMA_ID",
        "KEY_SCHEMA_FULL_NAME",
        "VALUE_SCHEMA_FULL_NAME",
        "VALUE_AVRO_SCHEMA_FULL_NAME",
        "KEY_PROTOBUF_NULLABLE_REPRESENTATION",
        "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
    }
)
SOURCE_NAMES: Final = _SHARED | WINDOW_PROPERTIES | {"SOURCED_BY_CONNECTOR"}
SINK_NAMES: Final = _SHARED
INSERT_NAMES: Final = frozenset({"QUERY_ID"})
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)
_DELIMITERS: Final = {"SPACE": " ", "TAB": "\t"}
_WHOLE: Final = {
    "PARTITIONS": ("INT", 31),
    "REPLICAS": ("SHORT", 15),
    "RETENTION_MS": ("LONG", 63),
    "KEY_SCHEMA_ID": ("INT", 31),
    "VALUE_SCHEMA_ID": ("INT", 31),
}


def check(properties: Properties, names: frozenset[str]) -> None:
    """Raise PrepareError for a property that does not exist, or whose value cannot be one."""
    unknown = sorted(name for name in properties if name not in names)
    if unknown:
        raise PrepareError(f"Invalid config variable(s) in the WITH clause: {','.join(unknown)}")
    for format_name in ("KEY_FORMAT", "VALUE_FORMAT"):
        if "FORMAT" in properties and format_name in properties:
            raise PrepareError(
                f"Cannot supply both '{format_name}' and 'FORMAT' properties, as 'FORMAT' sets both key and value "
                f"formats. Either use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'."
            )
    for name in properties:
        if name in _WHOLE:
            integer(properties, name)
    for name in ("KEY_DELIMITER", "VALUE_DELIMITER"):
        _delimiter(properties, name, ",")
    _check_pattern(properties)
    _check_wrap(properties)
    _check_protobuf(properties)


def check_retention(kind: str, properties: Properties) -> None:
    """Raise StatementError for RETENTION_MS of a table, whose topic is compacted; a windowed query's is not checked."""
    if kind == TABLE and "RETENTION_MS" in properties:
        raise StatementError(
            "Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables do not support retention."
        )


def _check_pattern(properties: Properties) -> None:
    pattern = properties.get("TIMESTAMP_FORMAT")
    if pattern is None:
        return
    try:
        format_time(_ANY_TIME, str(pattern))
    except EvaluationError as error:
        raise PrepareError(f"Invalid datetime format for config:TIMESTAMP_FORMAT, reason:{error}") from error


def _check_wrap(properties: Properties) -> None:
    wrap = properties.get("WRAP_SINGLE_VALUE")
    if wrap is not None and str(wrap).lower() not in ("true", "false"):
        raise PrepareError(
            f"Invalid value {wrap} for property WRAP_SINGLE_VALUE: Expected value to be either true or false"
        )


def _check_protobuf(properties: Properties) -> None:
    """Refuse what only PROTOBUF has: that format is not among those of this engine."""
    for name in ("KEY_PROTOBUF_NULLABLE_REPRESENTATION", "VALUE_PROTOBUF_NULLABLE_REPRESENTATION"):
        if name in properties:
            raise PrepareError(f"Property {name} can only be enabled with protobuf format")


def integer(properties: Properties, name: str) -> int | None:
    """Return a whole number, or None when it is not given. Raises PrepareError when it is something else."""
    value = properties.get(name)
    if value is None:
        return None
    kind, bits = _WHOLE[name]
    try:
        number = int(str(value))
    except ValueError:
        number = 2**bits
    if isinstance(value, bool) or not -(2**bits) <= number < 2**bits:
        raise PrepareError(f"Invalid value {value} for property {name}: Not a number of type {kind}")
    return number


def key_format(properties: Properties, default: FormatSpec) -> FormatSpec:
    """Return the format of keys; `default` where nothing is said. Raises StatementError when they do not fit."""
    name = properties.get("KEY_FORMAT", properties.get("FORMAT"))
    chosen = _format(default.name if name is None else name)
    full_name = _full_name(properties, "KEY_SCHEMA_FULL_NAME")
    _check_options(chosen, full_name, properties, "KEY")
    delimiter = _delimiter(properties, "KEY_DELIMITER", default.delimiter if chosen == default.name else ",")
    return FormatSpec(chosen, delimiter, False, full_name, integer(properties, "KEY_SCHEMA_ID"))


def value_format(properties: Properties, default: FormatSpec | None, wraps: bool) -> FormatSpec:
    """Return the format of values; `wraps` is what a single column does when nothing is said.

    Raises StatementError when no format is given and there is no `default`, or when options do not fit.
    """
    name = properties.get("VALUE_FORMAT", properties.get("FORMAT"))
    if name is None and default is None:
        raise StatementError(
            "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. Either provide one or set a "
            "default via the 'ksql.persistence.default.format.value' config."
        )
    chosen = _format(name if name is not None else (default or FormatSpec("JSON")).name)
    given = "VALUE_AVRO_SCHEMA_FULL_NAME" in properties
    full_name = _full_name(properties, "VALUE_AVRO_SCHEMA_FULL_NAME" if given else "VALUE_SCHEMA_FULL_NAME")
    _check_options(chosen, full_name, properties, "VALUE")
    inherited = default.delimiter if default is not None and chosen == default.name else ","
    delimiter = _delimiter(properties, "VALUE_DELIMITER", inherited)
    wrap = properties.get("WRAP_SINGLE_VALUE")
    wrapped = wraps if wrap is None else str(wrap).lower() == "true"
    return FormatSpec(chosen, delimiter, wrapped, full_name, integer(properties, "VALUE_SCHEMA_ID"))


def _full_name(properties: Properties, name: str) -> str | None:
    value = properties.get(name)
    return None if value is None else str(value).strip()


def _check_options(chosen: str, full_name: str | None, properties: Properties, part: str) -> None:
    options = []
    if full_name is not None and chosen != "AVRO":
        options.append("fullSchemaName")
    if f"{part}_DELIMITER" in properties and chosen != "DELIMITED":
        options.append("delimiter")
    if f"{part}_SCHEMA_ID" in properties and chosen != "AVRO":
        options.append("schemaId")
    if options:
        raise StatementError(f"{chosen} does not support the following configs: [{', '.join(options)}]")
    if full_name == "":
        raise StatementError("fullSchemaName cannot be empty. Format configuration: {fullSchemaName=}")


def _format(name: Any) -> str:
    upper = str(name).upper()
    if upper not in FORMATS:
        raise StatementError(f"Unknown format: {upper}")
    return upper


def _delimiter(properties: Properties, name: str, default: str) -> str:
    value = properties.get(name)
    if value is None:
        return default
    text = _DELIMITERS.get(str(value), str(value))
    if text == "":
        problem = (
            "Delimiter cannot be empty, if you meant to have a tab or space for delimiter, please use the special "
            "values 'TAB' or 'SPACE'"
        )
    elif len(text) != 1:
        problem = f"Invalid delimiter value: '{value}'. Delimiter must be a single character or TAB,SPACE"
    else:
        return text
    raise PrepareError(f"Configuration {name} is invalid: {problem}\nExample valid value: ';'")


def time_column(properties: Properties, schema: Schema, strict: bool) -> TimeColumn | None:
    """Return the TIMESTAMP property; `strict` as in TimeColumn. Raises StatementError when it cannot be one."""
    name = properties.get("TIMESTAMP")
    if name is None:
        return None
    text = str(name)
    text = text[1:-1] if text[:1] in ("`", '"') and len(text) > 1 else text.upper()
    pattern = properties.get("TIMESTAMP_FORMAT")
    found = next((column for column in schema.columns if column.name == text), None)
    if found is None:
        raise StatementError(f"The TIMESTAMP column set in the WITH clause does not exist in the schema: '{text}'")
    if found.type.base == "STRING" and pattern is None:
        raise StatementError("A String timestamp field has been specified without also specifying the timestamp_format")
    if found.type.base not in ("BIGINT", "TIMESTAMP", "STRING"):
        raise StatementError(
            f"Timestamp column, `{text}`, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format "
            f"specified"
        )
    if found.type.base != "STRING" and pattern is not None:
        raise StatementError(
            "'TIMESTAMP_FORMAT' set in the WITH clause can only be used when the timestamp column is of type STRING."
        )
    return TimeColumn(text, str(pattern) if pattern is not None else None, strict)
