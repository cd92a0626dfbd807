"""Formats by name."""

from __future__ import annotations

from collections.abc import Sequence

from ksql_engine.errors import StatementError
from ksql_engine.formats.avro_format import avro_reader, avro_writer
from ksql_engine.formats.avro_schema import NAMESPACE, VALUE_NAME
from ksql_engine.formats.base import Reader, SchemaRegistry, Writer
from ksql_engine.formats.json_format import json_reader, json_writer
from ksql_engine.formats.plain_formats import (
    delimited_reader,
    delimited_writer,
    kafka_reader,
    kafka_writer,
    none_reader,
    none_writer,
)
from ksql_engine.plan.model import Column, FormatSpec


class StandardFormats:
    """Makes the readers and writers of every known format; AVRO needs a registry."""

    def __init__(self, registry: SchemaRegistry | None) -> None:
        """Use `registry` for AVRO; None refuses AVRO."""
        self._registry = registry

    def reader(self, spec: FormatSpec, columns: Sequence[Column], is_key: bool) -> Reader:
        """Return the reader of `columns`. Raises StatementError without a registry for AVRO."""
        wrapped = _wrapped(spec, columns, is_key)
        if spec.name == "AVRO":
            return avro_reader(columns, wrapped, self._need_registry())
        if spec.name == "JSON":
            return json_reader(columns, wrapped)
        if spec.name == "KAFKA":
            return kafka_reader(columns)
        return none_reader() if spec.name == "NONE" else delimited_reader(columns, spec.delimiter)

    def writer(self, spec: FormatSpec, columns: Sequence[Column], is_key: bool, subject: str, name: str) -> Writer:
        """Return the writer of `columns`; `name` is the source's, for the record name of Avro keys."""
        wrapped = _wrapped(spec, columns, is_key)
        if spec.name == "AVRO":
            default = f"{NAMESPACE}.{_camel(name)}Key" if is_key else VALUE_NAME
            return avro_writer(columns, wrapped, self._need_registry(), subject, spec.full_name or default)
        if spec.name == "JSON":
            return json_writer(columns, wrapped) if columns else none_writer()
        if spec.name == "KAFKA":
            return kafka_writer(columns)
        return none_writer() if spec.name == "NONE" else delimited_writer(columns, spec.delimiter)

    def _need_registry(self) -> SchemaRegistry:
        if self._registry is None:
            raise StatementError(
                "KSQL is not configured to use a schema registry. To enable it, please set ksql.schema.registry.url"
            )
        return self._registry


def _wrapped(spec: FormatSpec, columns: Sequence[Column], is_key: bool) -> bool:
    if len(columns) != 1:
        return True
    return spec.wrap and not is_key


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
