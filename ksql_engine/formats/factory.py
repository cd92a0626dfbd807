"""Formats by name."""

from __future__ import annotations

from collections.abc import Sequence

from ksql_engine.errors import StatementError
from ksql_engine.formats.avro_format import avro_reader, avro_writer
from ksql_engine.formats.avro_schema import VALUE_NAME, columns_schema, key_name
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
from ksql_engine.plan.model import Column, FormatSpec, Source


class StandardFormats:
    """Makes the readers and writers of every known format; AVRO needs a registry."""

    def __init__(self, registry: SchemaRegistry | None) -> None:
        """Use `registry` for AVRO; None refuses AVRO."""
        self._registry = registry

    def reader(self, spec: FormatSpec, columns: Sequence[Column], is_key: bool) -> Reader:
        """Return the reader of `columns`. Raises StatementError without a registry for AVRO."""
        wrapped = is_wrapped(spec, columns, is_key)
        if spec.name == "AVRO":
            return avro_reader(columns, wrapped, self._need_registry())
        if spec.name == "JSON":
            return json_reader(columns, wrapped)
        if spec.name == "KAFKA":
            return kafka_reader(columns)
        return none_reader() if spec.name == "NONE" else delimited_reader(columns, spec.delimiter)

    def register_new(self, source: Source) -> None:
        """Register the schemas of a declared source under subjects that have none yet.

        Raises StatementError when the registry refuses one, or RegistryUnavailableError.
        """
        for spec, columns, is_key in (
            (source.key_format, source.schema.key, True),
            (source.value_format, source.schema.value, False),
        ):
            subject = f"{source.topic}-{'key' if is_key else 'value'}"
            if spec.name == "AVRO" and spec.schema_id is None and self._need_registry().latest(subject) is None:
                self.writer(spec, columns, is_key, subject, source.name)

    def writer(self, spec: FormatSpec, columns: Sequence[Column], is_key: bool, subject: str, name: str) -> Writer:
        """Return the writer of `columns`; `name` is the source's, for the record name of Avro keys."""
        wrapped = is_wrapped(spec, columns, is_key)
        if spec.name == "AVRO":
            default = key_name(name) if is_key else VALUE_NAME
            return self._avro_writer(spec, columns, wrapped, subject, spec.full_name or default)
        if spec.name == "JSON":
            return json_writer(columns, wrapped) if columns else none_writer()
        if spec.name == "KAFKA":
            return kafka_writer(columns)
        return none_writer() if spec.name == "NONE" else delimited_writer(columns, spec.delimiter)

    def _avro_writer(
        self, spec: FormatSpec, columns: Sequence[Column], wrapped: bool, subject: str, full_name: str
    ) -> Writer:
        registry = self._need_registry()
        if spec.schema_id is not None:
            return avro_writer(columns, wrapped, spec.schema_id, registry.schema_by_id(spec.schema_id))
        schema = columns_schema(columns, wrapped, full_name)
        return avro_writer(columns, wrapped, registry.register(subject, schema), schema)

    def _need_registry(self) -> SchemaRegistry:
        if self._registry is None:
            raise StatementError(
                "KSQL is not configured to use a schema registry. To enable it, please set ksql.schema.registry.url"
            )
        return self._registry


def is_wrapped(spec: FormatSpec, columns: Sequence[Column], is_key: bool) -> bool:
    """Tell whether columns stand in a record; a single key column never does."""
    if len(columns) != 1:
        return True
    return spec.wrap and not is_key
