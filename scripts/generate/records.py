"""A record on its way to the broker, and how an event becomes one."""

from typing import Any, NamedTuple

from contracts.faults import Kind
from contracts.marketing import ACTIVATION_STATUS, CUSTOMER_PROFILE, ORDER_PLACED
from contracts.model import Topic
from webapp.commands.events import Event
from webapp.commands.framing import AvroFramer

TOPIC_OF: dict[Kind, Topic] = {
    Kind.PROFILE: CUSTOMER_PROFILE,
    Kind.ORDER: ORDER_PLACED,
    Kind.ACTIVATION: ACTIVATION_STATUS,
}
KIND_OF: dict[str, Kind] = {topic.name: kind for kind, topic in TOPIC_OF.items()}
ID_FIELD: dict[Kind, str] = {
    Kind.PROFILE: "customer_id",
    Kind.ORDER: "order_id",
    Kind.ACTIVATION: "activation_id",
}


class Record(NamedTuple):
    """One record, and what the ledger says about it.

    `entity_id` is the id of the customer, order or activation; "" where the record carries none. `fault` is the name
    of the fault it was made for, "" for a good one.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    kind: Kind
    entity_id: str
    event_id: str
    customer_id: str
    fault: str = ""


def record_of(event: Event, framer: AvroFramer, fault: str = "") -> Record:
    """The record of `event`: key in UTF-8, value in Avro with the registry's header."""
    kind = KIND_OF[event.topic.name]
    value: dict[str, Any] = event.value or {}
    return Record(
        event.topic.name,
        event.key.encode(),
        framer.frame(event.topic, event.value),
        kind,
        value.get(ID_FIELD[kind], event.key if kind is Kind.PROFILE else ""),
        value.get("event_id", ""),
        value.get("customer_id", event.key),
        fault,
    )
