"""From a record to a row of a view. Avro is decoded with the schema whose id the record carries."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import fastavro

from contracts.marketing import GOLD_VIEW, LIVE_VIEW, PROPENSITY_VIEW, SEGMENT_VIEW
from contracts.model import Format, Topic, View
from webapp.errors import UndecodableRecord
from webapp.kafka_reader import Record

SHORT_NAMES = {LIVE_VIEW: "live", SEGMENT_VIEW: "segment", GOLD_VIEW: "gold", PROPENSITY_VIEW: "propensity"}
"""What a change message calls each view."""


class Row(NamedTuple):
    """A row of a view, one per customer and view; `value` is None where the row was deleted."""

    view: View
    customer_id: str
    value: dict[str, Any] | None
    record: Record


def source_of(view: View) -> Topic:
    """The topic whose rows `view` shows."""
    if view.source is None:
        raise UndecodableRecord(f"view {view.key} has no source topic")
    return view.source


class Decoder:
    """Decodes the records of every view's topic.

    Args:
        schema_by_id: the parsed Avro schema of an id; raises LookupError for an id that does not exist.
    """

    def __init__(self, schema_by_id: Callable[[int], Any]) -> None:
        self._schema_by_id = schema_by_id
        self._views = {source_of(view).name: view for view in SHORT_NAMES}

    @property
    def topics(self) -> list[Topic]:
        """The topics it knows."""
        return [source_of(view) for view in SHORT_NAMES]

    def row(self, record: Record) -> Row:
        """The row that `record` carries.

        Raises:
            UndecodableRecord: it is not what the topic's contract says.
            RegistryUnavailable: its schema is not known yet and the registry does not answer.
        """
        view = self._views[record.topic]
        try:
            customer_id = _customer_id(record.key)
            value = None if record.value is None else self._value(source_of(view), record.value)
            if value is not None:
                _check(view, customer_id, value)
        except (ValueError, LookupError, TypeError, EOFError) as error:
            place = f"{record.topic}:{record.partition} offset {record.offset}"
            raise UndecodableRecord(f"{place}: {error}") from error
        return Row(view, customer_id, value, record)

    def _value(self, topic: Topic, data: bytes) -> dict[str, Any]:
        value = json.loads(data) if topic.format is Format.JSON else self._avro(data)
        if not isinstance(value, dict):
            raise ValueError(f"the value is a {type(value).__name__}, not an object")
        return value

    def _avro(self, data: bytes) -> Any:
        if len(data) < 5 or data[0] != 0:
            raise ValueError("no schema id before the value")
        schema = self._schema_by_id(int.from_bytes(data[1:5], "big"))
        return fastavro.schemaless_reader(BytesIO(data[5:]), schema, None)


def _customer_id(key: bytes | None) -> str:
    if not key:
        raise ValueError("no key")
    return key.decode("utf-8")


def _check(view: View, customer_id: str, value: dict[str, Any]) -> None:
    if value.get("customer_id") != customer_id:
        raise ValueError(f"the key is {customer_id!r}, the value's customer_id {value.get('customer_id')!r}")
    if view is GOLD_VIEW and not isinstance(value.get("version"), int):
        raise ValueError(f"version is {value.get('version')!r}, not a number")
