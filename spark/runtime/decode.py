"""Kafka records → decoded fields and, for those that break the contract, the reason. No Python per row."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.avro.functions import from_avro
from pyspark.sql.types import ArrayType, DataType, MapType, NullType, StructType, TimestampNTZType

from contracts.faults import REPLAYED_FROM, Reason
from spark.runtime.steps import Source

UNRESOLVED = "unresolved_schema_id"
"""Stands in `reason` for a schema id that has to be asked for; never stored."""
HEADER_BYTES = 5
PERMISSIVE = {"mode": "PERMISSIVE"}
"""A record that cannot be read becomes a struct of nulls; it never fails the query."""

Schemas = Mapping[int, str | None]
"""Writer schemas by id, as JSON; None for an id that is unknown to the registry or not Avro."""


def spark_type(spark: SparkSession, schema: str) -> StructType:
    """Spark's type of the records of an Avro schema; every field can be null, at every depth."""
    empty = spark.range(0).select(from_avro(sf.lit(None).cast("binary"), schema, PERMISSIVE).alias("value"))
    return cast(StructType, empty.schema["value"].dataType)


def fits_a_table(spark: SparkSession, schema: str) -> bool:
    """Whether a Delta table can have the fields of an Avro schema as columns."""
    try:
        return _is_storable(spark_type(spark, schema))
    except (PySparkException, Py4JError):
        # a type that refers to itself, for one
        return False


def _is_storable(kind: DataType) -> bool:
    """Whether Delta has the type: names of a struct differ in more than case, and none of the types it lacks."""
    if isinstance(kind, StructType):
        names = {name.lower() for name in kind.names}
        return 0 < len(names) == len(kind.names) and all(_is_storable(each.dataType) for each in kind)
    if isinstance(kind, ArrayType):
        return _is_storable(kind.elementType)
    if isinstance(kind, MapType):
        return _is_storable(kind.keyType) and _is_storable(kind.valueType)
    return not isinstance(kind, NullType | TimestampNTZType)


def value_name(number: int) -> str:
    """The column that holds the decoded value of the source with this number."""
    return f"value_{number}"


@dataclass(frozen=True)
class Classifier:
    """The columns that decode and judge records, built once for a set of schemas: building them costs many calls.

    `known` and `unknown` are the ids they were built for.
    """

    known: frozenset[int]
    unknown: frozenset[int]
    record: tuple[Column, ...]
    values: dict[str, Column]
    reason: Column

    def __call__(self, records: DataFrame) -> DataFrame:
        """Kafka's columns → record columns, one decoded struct per source (value_0, value_1, …) and `reason`."""
        return records.select(*self.record).withColumns(self.values).withColumn("reason", self.reason)


def classifier(
    sources: tuple[Source, ...],
    readers: tuple[str, ...],
    writers: Schemas,
    unknown: frozenset[int] = frozenset(),
) -> Classifier:
    """How to classify the records of `sources`.

    `readers` are the project's schemas of the sources, `writers` the schemas found so far, `unknown` the ids that
    the registry does not have. A record whose id is in neither gets the reason UNRESOLVED.
    """
    known = {number: text for number, text in writers.items() if number not in unknown}
    bytes_ = sf.expr(f"substring(value, {HEADER_BYTES + 1})")
    return Classifier(
        frozenset(known),
        unknown,
        (
            sf.col("key").alias("raw_key"),
            sf.col("key").cast("string").alias("key"),
            sf.col("value"),
            sf.col("topic"),
            sf.col("partition"),
            sf.col("offset"),
            sf.unix_millis("timestamp").alias("timestamp_ms"),
            _schema_id(sf.col("value")).alias("schema_id"),
            sf.expr(f"get(filter(headers, each -> each.key = '{REPLAYED_FROM}'), 0).value")
            .cast("string")
            .alias("replayed_from"),
        ),
        {
            value_name(place): _decoded(bytes_, source, reader, known)
            for place, (source, reader) in enumerate(zip(sources, readers, strict=True))
        },
        _reason(sources, readers, set(known), unknown),
    )


def _schema_id(value: Column) -> Column:
    """The id in a value framed as 0, four bytes of id, Avro; null for anything else. Signed, as written."""
    number = sf.conv(sf.hex(sf.substring(value, 2, 4)), 16, 10).cast("bigint")
    signed = sf.when(number < 2**31, number).otherwise(number - 2**32).cast("int")
    is_framed = (sf.length(value) >= HEADER_BYTES) & (sf.substring(value, 1, 1) == sf.lit(b"\x00"))
    return sf.when(is_framed, signed)


def _decoded(bytes_: Column, source: Source, reader: str, writers: Schemas) -> Column:
    """The value of `source`'s records, read with each record's own writer schema; fields null when it fails."""
    options = {**PERMISSIVE, "avroSchema": reader}
    chosen = None
    for number, writer in sorted(writers.items()):
        if writer is None or not _is_record(writer):
            continue
        matches = (sf.col("topic") == source.topic.name) & (sf.col("schema_id") == number)
        value = from_avro(bytes_, writer, options)
        chosen = sf.when(matches, value) if chosen is None else chosen.when(matches, value)
    return from_avro(sf.lit(None).cast("binary"), reader, options) if chosen is None else chosen


def _is_record(schema: str) -> bool:
    """Whether a schema is a record's: nothing else can be read as one of ours."""
    parsed = json.loads(schema)
    return isinstance(parsed, dict) and parsed.get("type") == "record"


def _reason(sources: tuple[Source, ...], readers: tuple[str, ...], known: set[int], unknown: frozenset[int]) -> Column:
    """The first reason that holds, in the order of Reason; null for a record that keeps the contract."""
    number = sf.col("schema_id")
    erasable = sf.col("topic").isin([source.topic.name for source in sources if source.erasable])
    is_null = sf.col("value").isNull()
    rules = sf.lit(None).cast("string")
    for place, (source, reader) in enumerate(zip(sources, readers, strict=True)):
        rules = sf.when(sf.col("topic") == source.topic.name, _broken(place, source, reader)).otherwise(rules)
    return (
        sf.when(sf.col("key").isNull(), Reason.NULL_KEY.value)
        .when(is_null & ~erasable, Reason.NULL_VALUE.value)
        .when(is_null, sf.lit(None).cast("string"))
        .when(number.isNull(), Reason.NOT_FRAMED.value)
        .when(number.isin(list(unknown)), Reason.UNKNOWN_SCHEMA_ID.value)
        .when(~number.isin(list(known)), UNRESOLVED)
        .otherwise(rules)
    )


def _broken(place: int, source: Source, reader: str) -> Column:
    """The first rule of `source` that its record breaks. A failed decoding leaves even a required field null."""
    value = sf.col(value_name(place))
    required = next(field["name"] for field in json.loads(reader)["fields"] if not isinstance(field["type"], list))
    found = sf.when(value[required].isNull(), Reason.UNDECODABLE.value)
    for rule in source.rules:
        found = found.when(sf.coalesce(rule.broken(value, sf.col), sf.lit(True)), rule.reason.value)
    return found.otherwise(sf.lit(None))
