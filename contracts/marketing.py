"""The marketing lab: each topic, table and Redis view, declared once, with its writer and readers."""

from contracts.expectations import Between, NotNull, OneOf, References, Unique
from contracts.faults import CHANNELS, CURRENCIES, STATUSES
from contracts.lifecycle import STAGES
from contracts.model import Cleanup, Format, Lab, Layer, Station, Table, Topic, View

WEEK_MS = 7 * 24 * 3600 * 1000

CUSTOMER_PROFILE = Topic(
    name="dom.customer.profile.upsert.v1",
    format=Format.AVRO,
    key="customer_id",
    content="a customer's full profile; a null value erases the customer",
    writers=(Station.WEBAPP, Station.GENERATOR, Station.STAGE_KEEPER),
    readers=(Station.KSQL, Station.SPARK),
    cleanup=Cleanup.COMPACT,
    schema_file="customer_profile.avsc",
)
ORDER_PLACED = Topic(
    name="dom.order.placed.v1",
    format=Format.AVRO,
    key="customer_id",
    content="an order, with its items, in integer cents",
    writers=(Station.WEBAPP, Station.GENERATOR),
    readers=(Station.KSQL, Station.SPARK),
    retention_ms=WEEK_MS,
    schema_file="order_placed.avsc",
)
ACTIVATION_STATUS = Topic(
    name="dom.activation.delivery.status.v1",
    format=Format.AVRO,
    key="customer_id",
    content="an e-mail, SMS, push or in-app message and whether it was delivered",
    writers=(Station.WEBAPP, Station.GENERATOR),
    readers=(Station.KSQL, Station.SPARK),
    retention_ms=WEEK_MS,
    schema_file="activation_status.avsc",
)


def _ksql_table(name: str, key: str, content: str) -> Topic:
    """A table that the streaming SQL keeps on the way to the consolidated customer."""
    return Topic(name, Format.JSON, key, content, (Station.KSQL,), (Station.KSQL,), Cleanup.COMPACT, internal=True)


CUSTOMER_VALID = _ksql_table("marketing.customer.valid.v1", "customer_id", "profiles that keep the contract")
ORDER_BY_ID = _ksql_table("marketing.order.by.id.v1", "order_id", "one row per order; the first record wins")
ORDER_SUMS = _ksql_table("marketing.order.sums.v1", "customer_id", "orders and lifetime value per customer")
ORDER_TIMES = _ksql_table("marketing.order.times.v1", "customer_id", "first, last and newest order per customer")
ACTIVATION_BY_ID = _ksql_table(
    "marketing.activation.by.id.v1", "activation_id", "one row per activation; the first record wins"
)
ACTIVATION_SUMS = _ksql_table("marketing.activation.sums.v1", "customer_id", "delivered and failed per customer")
ACTIVATION_LATEST = _ksql_table("marketing.activation.latest.v1", "customer_id", "newest activation per customer")

CUSTOMER_CONSOLIDATED = Topic(
    name="dom.customer.consolidated.v1",
    format=Format.JSON,
    key="customer_id",
    content="one row per customer: profile with live counts and sums",
    writers=(Station.KSQL,),
    readers=(Station.KSQL, Station.PROJECTOR, Station.STAGE_KEEPER),
    cleanup=Cleanup.COMPACT,
)
SEGMENT_MATERIALIZED = Topic(
    name="dom.segment.materialized.v1",
    format=Format.AVRO,
    key="customer_id",
    content="the customer's segment and score",
    writers=(Station.KSQL,),
    readers=(Station.PROJECTOR,),
    cleanup=Cleanup.COMPACT,
)
CUSTOMER_GOLD = Topic(
    name="dom.customer.gold.v1",
    format=Format.JSON,
    key="customer_id",
    content="the customer-360 row, with a version that only grows",
    writers=(Station.SPARK,),
    readers=(Station.PROJECTOR,),
    cleanup=Cleanup.COMPACT,
)
PROPENSITY_SCORE = Topic(
    name="dom.propensity.score.v1",
    format=Format.JSON,
    key="customer_id",
    content="how likely the customer is to order again, 0 to 1, with each input's contribution",
    writers=(Station.SPARK,),
    readers=(Station.PROJECTOR,),
    cleanup=Cleanup.COMPACT,
)

INGEST, SILVER, GOLD_JOB, PUBLISH, SCORE, COUNT_QUALITY = (
    "ingest_stream",
    "silver_customers_orders",
    "gold_c360",
    "publish_c360",
    "score_and_publish",
    "count_quality",
)

BRONZE_PROFILES = Table(
    Layer.BRONZE,
    "customer_profile_upsert",
    "one row per record of the profile topic",
    INGEST,
    (SILVER, COUNT_QUALITY),
    sources=(CUSTOMER_PROFILE,),
)
BRONZE_ORDERS = Table(
    Layer.BRONZE,
    "order_placed",
    "one row per record of the order topic",
    INGEST,
    (SILVER, COUNT_QUALITY),
    sources=(ORDER_PLACED,),
)
BRONZE_ACTIVATIONS = Table(
    Layer.BRONZE,
    "activation_delivery_status",
    "one row per record of the activation topic",
    INGEST,
    (SILVER, COUNT_QUALITY),
    sources=(ACTIVATION_STATUS,),
)
QUARANTINE = Table(
    Layer.BRONZE,
    "quarantine",
    "one row per record that broke the contract, raw bytes kept",
    INGEST,
    (COUNT_QUALITY,),
    sources=(CUSTOMER_PROFILE, ORDER_PLACED, ACTIVATION_STATUS),
)
SILVER_CUSTOMERS = Table(
    Layer.SILVER,
    "customers",
    "one row per customer: the profile of the highest offset",
    SILVER,
    (GOLD_JOB, COUNT_QUALITY),
    sources=(BRONZE_PROFILES,),
    expects=(Unique("customer_id"), NotNull("customer_id"), NotNull("event_id"), NotNull("created_at_ms")),
)
SILVER_ORDERS = Table(
    Layer.SILVER,
    "orders",
    "one row per order_id: the first position wins",
    SILVER,
    (GOLD_JOB, COUNT_QUALITY),
    sources=(BRONZE_ORDERS,),
    clustered_by="customer_id",
    expects=(
        Unique("order_id"),
        NotNull("customer_id"),
        NotNull("placed_at_ms"),
        Between("order_total_cents", low=1),
        OneOf("currency", CURRENCIES),
        References("customer_id", SILVER_CUSTOMERS, "customer_id"),
    ),
)
SILVER_ACTIVATIONS = Table(
    Layer.SILVER,
    "activations",
    "one row per activation_id: the first position wins",
    SILVER,
    (GOLD_JOB, COUNT_QUALITY),
    sources=(BRONZE_ACTIVATIONS,),
    clustered_by="customer_id",
    expects=(
        Unique("activation_id"),
        NotNull("customer_id"),
        Between("attempts", low=1),
        OneOf("channel", CHANNELS),
        OneOf("status", STATUSES),
        References("customer_id", SILVER_CUSTOMERS, "customer_id"),
        References("order_id", SILVER_ORDERS, "order_id"),
    ),
)
GOLD_CUSTOMER_360 = Table(
    Layer.GOLD,
    "customer_360",
    "one row per customer, prospects included",
    GOLD_JOB,
    (PUBLISH, SCORE, COUNT_QUALITY),
    sources=(SILVER_CUSTOMERS, SILVER_ORDERS, SILVER_ACTIVATIONS),
    topic=CUSTOMER_GOLD,
    expects=(
        Unique("customer_id"),
        NotNull("last_event_id"),
        OneOf("lifecycle_stage", STAGES),
        Between("order_count", low=0),
        Between("lifetime_value_cents", low=0),
        Between("engagement_rate", low=0, high=1),
    ),
)
GOLD_PROPENSITY = Table(
    Layer.GOLD,
    "propensity",
    "one row per customer: the score and its inputs",
    SCORE,
    (COUNT_QUALITY,),
    sources=(GOLD_CUSTOMER_360,),
    topic=PROPENSITY_SCORE,
    expects=(
        Unique("customer_id"),
        Between("score", low=0, high=1),
        References("customer_id", GOLD_CUSTOMER_360, "customer_id"),
    ),
)
_MEASURED = (
    BRONZE_PROFILES,
    BRONZE_ORDERS,
    BRONZE_ACTIVATIONS,
    QUARANTINE,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
    SILVER_ACTIVATIONS,
    GOLD_CUSTOMER_360,
    GOLD_PROPENSITY,
)
QUALITY = Table(
    Layer.OPS,
    "quality",
    "one row per expectation of a table and count: rows checked, rows that broke it",
    COUNT_QUALITY,
    sources=_MEASURED,
)

LIVE_VIEW = View("customer:live:{id}", "string", "JSON envelope of the consolidated row", CUSTOMER_CONSOLIDATED)
SEGMENT_VIEW = View("customer:segment:{id}", "string", "JSON envelope of the segment row", SEGMENT_MATERIALIZED)
GOLD_VIEW = View("customer:gold:{id}", "string", "JSON envelope of the customer-360 row", CUSTOMER_GOLD)
PROPENSITY_VIEW = View("customer:propensity:{id}", "string", "JSON envelope of the propensity row", PROPENSITY_SCORE)
RECENT_INDEX = View("customers:recent", "zset", "customer ids by the time of the last change, in ms")
SEARCH_INDEX = View("customers:search", "zset", "`term NUL customer_id` for prefix search by name and e-mail")
POSITIONS = View("projector:positions", "hash", "next offset per `topic:partition`, written with the rows")
CLUSTER = View("projector:cluster", "string", "the Kafka cluster the views were made from")
TOPIC_IDS = View("projector:topics", "hash", "id of each topic the views were made from; a topic made anew has another")
CHANGES = View("customers:changes", "channel", "JSON {customer_id, view} for every changed row")

MARKETING = Lab(
    name="marketing",
    topics=(
        CUSTOMER_PROFILE,
        ORDER_PLACED,
        ACTIVATION_STATUS,
        CUSTOMER_VALID,
        ORDER_BY_ID,
        ORDER_SUMS,
        ORDER_TIMES,
        ACTIVATION_BY_ID,
        ACTIVATION_SUMS,
        ACTIVATION_LATEST,
        CUSTOMER_CONSOLIDATED,
        SEGMENT_MATERIALIZED,
        CUSTOMER_GOLD,
        PROPENSITY_SCORE,
    ),
    tables=(*_MEASURED, QUALITY),
    views=(
        LIVE_VIEW,
        SEGMENT_VIEW,
        GOLD_VIEW,
        PROPENSITY_VIEW,
        RECENT_INDEX,
        SEARCH_INDEX,
        POSITIONS,
        CLUSTER,
        TOPIC_IDS,
        CHANGES,
    ),
)
