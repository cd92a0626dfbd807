"""Stands in for the stations behind the topics: what bronze, silver, gold and every view hold when all goes well.

Its judgement of records is the generator's, its stages are the contract's: nothing here comes from the audit.
"""

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

import fastavro
import pyarrow as pa
import redis
import requests
from confluent_kafka import Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from deltalake import write_deltalake
from topic_reading import records_of

from contracts import marketing
from contracts.faults import REPLAYED_FROM, Kind
from contracts.lifecycle import stage_of
from contracts.model import Cleanup, Table, Topic, View
from contracts.settings import Settings
from scripts.generate.contract_check import broken_rules
from scripts.generate.records import TOPIC_OF, Record
from webapp.commands.publisher import producer_config

EVENT_TOPICS = tuple(TOPIC_OF.values())
VIEWS = (marketing.LIVE_VIEW, marketing.SEGMENT_VIEW, marketing.GOLD_VIEW, marketing.PROPENSITY_VIEW)
SEGMENT_SCHEMA = {
    "type": "record",
    "name": "Segment",
    "fields": [
        {"name": "customer_id", "type": ["null", "string"]},
        {"name": "segment", "type": ["null", "string"]},
        {"name": "score", "type": ["null", "double"]},
        {"name": "materialized_at", "type": ["null", "long"]},
    ],
}
BRONZE = {
    Kind.PROFILE: marketing.BRONZE_PROFILES,
    Kind.ORDER: marketing.BRONZE_ORDERS,
    Kind.ACTIVATION: marketing.BRONZE_ACTIVATIONS,
}
TEXT, LONG, INT, BOOL, REAL, RAW = pa.string(), pa.int64(), pa.int32(), pa.bool_(), pa.float64(), pa.binary()
PLACE = {"_topic": TEXT, "_partition": INT, "_offset": LONG}
PROFILE = {
    "event_id": TEXT,
    "occurred_at_ms": LONG,
    "customer_id": TEXT,
    "email": TEXT,
    "first_name": TEXT,
    "last_name": TEXT,
    "created_at_ms": LONG,
    "lifecycle_stage": TEXT,
    "is_active": BOOL,
}
EVENT = {"event_id": TEXT, "occurred_at_ms": LONG, "customer_id": TEXT}
ORDER = EVENT | {"order_id": TEXT, "order_total_cents": LONG, "currency": TEXT, "channel": TEXT, "placed_at_ms": LONG}
ACTIVATION = EVENT | {"activation_id": TEXT, "channel": TEXT, "status": TEXT, "attempts": INT}
FIELDS = {Kind.PROFILE: PROFILE, Kind.ORDER: ORDER, Kind.ACTIVATION: ACTIVATION}
EXTRA = {"_key": TEXT, "_timestamp_ms": LONG, "_schema_id": INT, "_is_tombstone": BOOL, "_replayed_from": TEXT}
QUARANTINE = {"topic": TEXT, "partition": INT, "offset": LONG, "timestamp_ms": LONG, "key": RAW, "value": RAW}
QUARANTINE |= {"reason": TEXT, "detail": TEXT, "schema_id": INT, "quarantined_at_ms": LONG, "replayed_from": TEXT}
GOLD = {"customer_id": TEXT, "email": TEXT, "first_name": TEXT, "last_name": TEXT, "created_at_ms": LONG}
GOLD |= {"is_active": BOOL, "lifecycle_stage": TEXT, "order_count": LONG, "lifetime_value_cents": LONG}
GOLD |= {"average_order_value_cents": LONG, "first_order_at_ms": LONG, "last_order_at_ms": LONG, "delivered": LONG}
GOLD |= {"failed": LONG, "engagement_rate": REAL, "last_event_id": TEXT, "last_event_at_ms": LONG, "version": LONG}
PROPENSITY = {"customer_id": TEXT, "score": REAL, "scored_at_ms": LONG, "as_of_ms": LONG}
Row = dict[str, Any]


class PlayedLab:
    """Plays every station once over what the event topics hold; `rows` are the tables, for a test to spoil."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redis = redis.Redis.from_url(settings.redis_url)
        self._producer = Producer(producer_config(settings, 60))
        self._schemas: dict[int, Any] = {}
        self.tables: dict[Table, list[Row]] = {}

    # ---- topics

    def empty_topics(self) -> None:
        """Remove what earlier tests left: facts are deleted, every key of a compacted topic gets a null value."""
        admin = AdminClient(self.settings.kafka_client)
        ends = [
            TopicPartition(t.name, p, -1)
            for t in EVENT_TOPICS
            if t.cleanup is Cleanup.DELETE
            for p in range(t.partitions)
        ]
        for future in admin.delete_records(ends).values():
            future.result()
        for topic in (marketing.CUSTOMER_PROFILE, *(view.source for view in VIEWS if view.source)):
            for key in {message.key() for message in self.read(topic)}:
                self.send(topic, key, None)
        self.flush()
        self.redis.flushdb()

    def send(self, topic: Topic, key: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        """Produce one record."""
        where = {} if partition is None else {"partition": partition}
        self._producer.produce(topic.name, value, key, **where)
        if len(self._producer) > 50_000:
            self._producer.poll(0.1)

    def flush(self) -> None:
        """Wait until everything produced is acknowledged."""
        assert self._producer.flush(60) == 0

    def read(self, topic: Topic) -> Iterator[Message]:
        """Every record of a topic."""
        return records_of(self.settings, topic)

    # ---- stations

    def play(self) -> None:
        """Play every station: tables, topics of the views, Redis."""
        self._bronze()
        self._silver()
        self._gold()
        for table in self.tables:
            self.write(table)
        self._views()

    def _bronze(self) -> None:
        for bronze in BRONZE.values():
            self.tables[bronze] = []
        self.tables[marketing.QUARANTINE] = []
        for kind, topic in TOPIC_OF.items():
            for message in self.read(topic):
                self._land(kind, message)

    def _land(self, kind: Kind, message: Message) -> None:
        key, value, at_ms = message.key(), message.value(), message.timestamp()[1]
        schema_id = int.from_bytes(value[1:5], "big", signed=True) if value and len(value) >= 5 else None
        if schema_id is not None and value[0] == 0:
            self._learn(schema_id)
        record = Record(message.topic(), key, value, kind, "", "", "")
        reasons = broken_rules(record, at_ms, self._schemas)
        place = {"partition": message.partition(), "offset": message.offset()}
        replaced = dict(message.headers() or []).get(REPLAYED_FROM)
        source = replaced.decode() if replaced else None
        if reasons:
            wrong = {"topic": message.topic(), **place, "timestamp_ms": at_ms, "key": key, "value": value}
            wrong["replayed_from"] = source
            self.tables[marketing.QUARANTINE].append(
                wrong | {"reason": reasons[0].value, "detail": "", "schema_id": None, "quarantined_at_ms": at_ms}
            )
            return
        row = {} if value is None else fastavro.schemaless_reader(io.BytesIO(value[5:]), self._schemas[schema_id], None)
        landed = {"_topic": message.topic(), "_partition": message.partition(), "_offset": message.offset()}
        landed |= {
            "_key": key.decode(),
            "_timestamp_ms": at_ms,
            "_schema_id": schema_id,
            "_is_tombstone": value is None,
            "_replayed_from": source,
        }
        self.tables[BRONZE[kind]].append(row | landed)

    def _learn(self, schema_id: int) -> None:
        if schema_id not in self._schemas and 0 <= schema_id < 1_000_000:
            answer = requests.get(f"{self.settings.registry_url}/schemas/ids/{schema_id}", timeout=10)
            if answer.ok:
                self._schemas[schema_id] = fastavro.parse_schema(json.loads(answer.json()["schema"]))

    def _silver(self) -> None:
        newest: dict[str, Row] = {}
        for row in self.tables[marketing.BRONZE_PROFILES]:
            if row["_offset"] >= newest.get(row["_key"], row)["_offset"]:
                newest[row["_key"]] = row
        self.tables[marketing.SILVER_CUSTOMERS] = [row for row in newest.values() if not row["_is_tombstone"]]
        self.tables[marketing.SILVER_ORDERS] = _first(self.tables[marketing.BRONZE_ORDERS], "order_id")
        self.tables[marketing.SILVER_ACTIVATIONS] = _first(self.tables[marketing.BRONZE_ACTIVATIONS], "activation_id")

    def _gold(self) -> None:
        orders, activations = (
            _by_customer(self.tables[marketing.SILVER_ORDERS]),
            _by_customer(self.tables[marketing.SILVER_ACTIVATIONS]),
        )
        self.tables[marketing.GOLD_CUSTOMER_360] = golds = [
            _gold_row(row, orders.get(row["customer_id"], []), activations.get(row["customer_id"], []))
            for row in self.tables[marketing.SILVER_CUSTOMERS]
        ]
        self.tables[marketing.GOLD_PROPENSITY] = [
            {"customer_id": row["customer_id"], "score": 0.25, "scored_at_ms": 1, "as_of_ms": 1} for row in golds
        ]

    def keep_stages(self, frame: Any) -> None:
        """Publish the profiles whose stage or activity differs, as the stage keeper does, and land them."""
        self._bronze()
        self._silver()
        self._gold()
        golds = {row["customer_id"]: row for row in self.tables[marketing.GOLD_CUSTOMER_360]}
        for row in self.tables[marketing.SILVER_CUSTOMERS]:
            gold = golds[row["customer_id"]]
            stage, is_active = gold["lifecycle_stage"], gold["order_count"] > 0
            if (row["lifecycle_stage"], row["is_active"]) != (stage, is_active):
                value = {name: row[name] for name in PROFILE} | {"lifecycle_stage": stage, "is_active": is_active}
                value |= {"event_id": gold["last_event_id"], "occurred_at_ms": gold["last_event_at_ms"]}
                self.send(
                    marketing.CUSTOMER_PROFILE, row["customer_id"].encode(), frame(marketing.CUSTOMER_PROFILE, value)
                )
        self.flush()

    def replay(self, topic: Topic, key: bytes, value: bytes | None) -> None:
        """Send a record that replaces the first one of `topic` in quarantine, and say so in its header."""
        wrong = next(row for row in self.tables[marketing.QUARANTINE] if row["topic"] == topic.name)
        source = f"{topic.name}:{wrong['partition']}:{wrong['offset']}"
        self._producer.produce(topic.name, value, key, headers={REPLAYED_FROM: source.encode()})
        self.flush()

    def write(self, table: Table) -> None:
        """Write a table's rows anew."""
        columns = self._columns(table)
        rows = [{name: row.get(name) for name in columns} for row in self.tables[table]]
        data = pa.Table.from_pylist(rows, pa.schema(list(columns.items())))
        write_deltalake(f"{self.settings.delta_root}/{table.path}", data, mode="overwrite")

    @staticmethod
    def _columns(table: Table) -> dict[str, Any]:
        for kind, bronze in BRONZE.items():
            if table is bronze:
                return FIELDS[kind] | PLACE | EXTRA
        return {
            marketing.QUARANTINE: QUARANTINE,
            marketing.SILVER_CUSTOMERS: PROFILE | PLACE,
            marketing.SILVER_ORDERS: ORDER | PLACE,
            marketing.SILVER_ACTIVATIONS: ACTIVATION | PLACE,
            marketing.GOLD_CUSTOMER_360: GOLD,
            marketing.GOLD_PROPENSITY: PROPENSITY,
        }[table]

    # ---- views

    def _views(self) -> None:
        segment_id = self._segment_schema_id()
        for gold, score in zip(
            self.tables[marketing.GOLD_CUSTOMER_360], self.tables[marketing.GOLD_PROPENSITY], strict=True
        ):
            live = {
                k: v for k, v in gold.items() if k not in ("version", "average_order_value_cents", "engagement_rate")
            }
            rows = {
                marketing.LIVE_VIEW: json.dumps(live | {"last_channel": None}).encode(),
                marketing.SEGMENT_VIEW: _avro(segment_id, _segment(gold)),
                marketing.GOLD_VIEW: json.dumps(gold).encode(),
                marketing.PROPENSITY_VIEW: json.dumps(score).encode(),
            }
            for view, value in rows.items():
                self.send(_source(view), gold["customer_id"].encode(), value)
        self.flush()
        for view in VIEWS:
            self._project(view, segment_id)

    def _project(self, view: View, segment_id: int) -> None:
        topic = _source(view)
        pipe = self.redis.pipeline(transaction=False)
        for message in self.read(topic):
            customer_id, value = message.key().decode(), message.value()
            if value is None:
                pipe.delete(view.key_for(customer_id))
                continue
            row = _segment_row(value) if view is marketing.SEGMENT_VIEW else json.loads(value)
            place = {"topic": topic.name, "partition": message.partition(), "offset": message.offset()}
            envelope = {"row": row, **place, "timestamp_ms": 1, "projected_at_ms": 1}
            pipe.set(view.key_for(customer_id), json.dumps(envelope))
            if view is marketing.LIVE_VIEW:
                self._index(pipe, customer_id, row)
        pipe.execute()

    def _index(self, pipe: Any, customer_id: str, row: Row) -> None:
        pipe.zadd(marketing.RECENT_INDEX.key, {customer_id: 1})
        names = [row[name] for name in ("first_name", "last_name", "email") if row[name]]
        if names:
            pipe.zadd(marketing.SEARCH_INDEX.key, {f"{name.lower()}\0{customer_id}": 0 for name in names})

    def _segment_schema_id(self) -> int:
        url = f"{self.settings.registry_url}/subjects/{marketing.SEGMENT_MATERIALIZED.subject}/versions"
        answer = requests.post(url, json={"schema": json.dumps(SEGMENT_SCHEMA)}, timeout=10)
        answer.raise_for_status()
        found: int = answer.json()["id"]
        return found


def _source(view: View) -> Topic:
    assert view.source is not None
    return view.source


def _first(rows: Iterable[Row], key: str) -> list[Row]:
    found: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row["_partition"], row["_offset"])):
        found.setdefault(row[key], row)
    return list(found.values())


def _by_customer(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["customer_id"], []).append(row)
    return found


def _gold_row(profile: Row, orders: list[Row], activations: list[Row]) -> Row:
    cents, times = sum(row["order_total_cents"] for row in orders), [row["placed_at_ms"] for row in orders]
    delivered = sum(row["status"] == "delivered" for row in activations)
    failed = len(activations) - delivered
    newest = max((row["occurred_at_ms"], row["event_id"]) for row in (profile, *orders, *activations))
    row = {
        name: profile[name]
        for name in ("customer_id", "email", "first_name", "last_name", "created_at_ms", "is_active")
    }
    return row | {
        "lifecycle_stage": stage_of(len(orders), cents, delivered, failed),
        "order_count": len(orders),
        "lifetime_value_cents": cents,
        "average_order_value_cents": cents // len(orders) if orders else 0,
        "first_order_at_ms": min(times, default=None),
        "last_order_at_ms": max(times, default=None),
        "delivered": delivered,
        "failed": failed,
        "engagement_rate": delivered / len(activations) if activations else 0.0,
        "last_event_id": newest[1],
        "last_event_at_ms": newest[0],
        "version": 1,
    }


def _segment(gold: Row) -> Row:
    cents, orders = gold["lifetime_value_cents"], gold["order_count"]
    segment = "vip" if cents >= 20_000 else "growth" if orders >= 2 else gold["lifecycle_stage"]
    score = round(cents / 20_000 + orders / 10, 2)
    return {"customer_id": gold["customer_id"], "segment": segment, "score": score, "materialized_at": 1}


def _avro(schema_id: int, row: Row) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SEGMENT_SCHEMA, row)
    return b"\0" + schema_id.to_bytes(4, "big") + out.getvalue()


def _segment_row(value: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), SEGMENT_SCHEMA, None)
