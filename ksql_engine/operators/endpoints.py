"""Between bytes and records: the reader at a query's source and the writer at its sink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from ksql_engine.errors import DeserializationError, EvaluationError, KsqlError, SerializationError
from ksql_engine.formats.base import Formats
from ksql_engine.formats.window_keys import BOUNDS, bounds_size, windowed_reader, windowed_writer
from ksql_engine.functions.java_time import parse_time
from ksql_engine.plan.model import HeaderColumn, Source, SourceStep
from ksql_engine.types import Row

Headers = tuple[tuple[str, "bytes | None"], ...]
"""A record's headers in order, names may repeat."""


class AbsentKey(tuple[Any, ...]):
    """The key of a record that has none: nulls for all columns, and no bytes where it is written unchanged."""


class Message(NamedTuple):
    """A record of a topic; `timestamp` in ms since the epoch.

    `routing` is what chooses the partition of a record to be written, None for its key.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    partition: int = 0
    offset: int = 0
    headers: Headers = ()
    routing: bytes | None = None


Decoded = tuple[Row, "Row | None", int]
"""A record as key, value and time; the value None is a null value."""

Decode = Callable[[Message], "Decoded | None"]
"""A message to a record; None when a table's record has no key. Raises DeserializationError or EvaluationError."""


def decoder(step: SourceStep, formats: Formats) -> Decode:
    """Return the decoder of a source's messages."""
    source = step.source
    read_key = formats.reader(source.key_format, source.schema.key, True)
    read_value = formats.reader(source.value_format, source.schema.value, False)
    no_key = AbsentKey((None,) * (len(source.schema.key) + (BOUNDS if source.window else 0)))
    if source.window is not None:
        read_key = windowed_reader(read_key, source.window)
    time_of = _time_reader(source)
    table, pseudo, headers = source.is_table, step.pseudo, source.headers

    def decode(message: Message) -> Decoded | None:
        _, key_data, data, time, partition, offset, given, _ = message
        try:
            key = (read_key(key_data) if key_data is not None else None) or no_key
        except DeserializationError as error:
            raise _KeyError(str(error)) from error
        if table and None in key:
            return None
        if data is None:
            return key, None, time
        value = read_value(data)
        if value is not None:
            if time_of is not None:
                time = time_of(key, value)
            if headers:
                value = (*value, *_header_values(headers, given))
            if pseudo:
                value = (*value, time, partition, offset)
        return key, value, time

    return decode


class InvalidTimeError(KsqlError):
    """Raised when a record has no valid time and its query is to stop then."""


class _KeyError(DeserializationError):
    """Raised when a key, not a value, cannot be read."""


def is_key_error(error: Exception) -> bool:
    """Tell whether a decoder failed on the key."""
    return isinstance(error, _KeyError)


def _header_values(columns: Sequence[HeaderColumn], headers: Headers) -> Row:
    """Return the values of header columns: all headers as structs, or the last one of a name."""
    last = dict(headers)
    return tuple(list(headers) if column.key is None else last.get(column.key) for column in columns)


def _time_reader(source: Source) -> Callable[[Row, Row], int] | None:
    if source.time is None:
        return None
    names = [column.name for column in source.schema.columns]
    place, keys = names.index(source.time.name), len(source.schema.key)
    pattern, strict = source.time.pattern, source.time.strict

    def time_of(key: Row, value: Row) -> int:
        found = key[place] if place < keys else value[place - keys]
        try:
            return _millis(found, pattern, names[place])
        except EvaluationError as error:
            if strict:
                raise InvalidTimeError(
                    f"Fatal user code error in TimestampExtractor callback for record: {error}"
                ) from error
            raise

    return time_of


def _millis(found: Any, pattern: str | None, name: str) -> int:
    if found is None:
        raise EvaluationError(f"Timestamp column {name} is null")
    millis = int(parse_time(found, pattern).timestamp() * 1000) if pattern else int(found)
    if millis < 0:
        raise EvaluationError(f"Timestamp column {name} is negative: {millis}")
    return millis


class Encode(Protocol):
    """A record to a message of its sink. Raises SerializationError."""

    def __call__(self, key: Row, value: Row | None, time: int, headers: Headers = (), /) -> Message:
        """Return the message."""


def encoder(sink: Source, formats: Formats) -> Encode:
    """Return the encoder of a sink's records; registers schemas at once where the format has them."""
    write_key = formats.writer(sink.key_format, sink.schema.key, True, f"{sink.topic}-key", sink.name)
    write_value = formats.writer(sink.value_format, sink.schema.value, False, f"{sink.topic}-value", sink.name)
    if sink.window is not None:
        write_key = windowed_writer(write_key, sink.window)
    time_of = _time_reader(sink)
    topic, width, windowed = sink.topic, len(sink.schema.key), sink.window is not None
    single = width == 1 and not windowed
    suffix = bounds_size(sink.window) if sink.window is not None else 0
    # A named tuple's own constructor takes twice as long.
    new_tuple = tuple.__new__

    def no_key(key: Row) -> bool:
        """Several columns are a record even when all are null; a single null is no key, nor is one without a window."""
        return (
            width == 0
            or isinstance(key, AbsentKey)
            or (width == 1 and key[0] is None)
            or (windowed and key[-1] is None)
        )

    def encode(key: Row, value: Row | None, time: int, headers: Headers = ()) -> Message:
        if time_of is not None and value is not None:
            try:
                time = time_of(key, value)
            except EvaluationError as error:
                raise SerializationError(str(error)) from error
        absent = key[0] is None if single else no_key(key)
        key_bytes = None if absent else write_key(key)
        # All windows of a key lie in one partition, as Kafka Streams writes them.
        routing = key_bytes[:-suffix] if suffix and key_bytes is not None else None
        data = None if value is None else write_value(value)
        return new_tuple(Message, (topic, key_bytes, data, time, 0, 0, headers, routing))

    return encode
