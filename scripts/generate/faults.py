"""How each fault of contracts/faults.py is made. One function per fault, all in one table.

Faulty profiles that can be decoded, or whose key can be read, belong to customers of their own that are used for
nothing else: a wrong profile must not take the place of a good customer's.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.faults import MAX_AHEAD_MS, Fault, Kind, Outcome
from scripts.generate.contract_check import HEADER_BYTES, TIME_FIELDS, broken_rules
from scripts.generate.day_curve import HOUR_MS
from scripts.generate.errors import InjectorBroken
from scripts.generate.population import Population
from scripts.generate.records import ID_FIELD, TOPIC_OF, Record, record_of
from webapp.commands.events import Event, erase_event
from webapp.commands.framing import AvroFramer, header

FIRST_UNKNOWN_SCHEMA_ID = 2_000_000_000
UNKNOWN_SCHEMA_IDS = 16
PROFILE_FOLLOWS_AFTER = (20, 400)
ERASE_FOLLOWS_AFTER = (50, 600)
LATE_HOURS = (25, 72)
MAX_TRIES = 1_000


@dataclass(frozen=True)
class Later:
    """A record that must follow after `after_steps` more steps; `joins` lets others be about its customer."""

    event: Event
    after_steps: int
    joins: bool = False
    fault: str = ""


@dataclass(frozen=True)
class Made:
    """What an injector made: records for now, and those that must follow."""

    records: list[Record]
    later: list[Later] = field(default_factory=list)


class Bench:
    """Where faults are made: the population, the framer, and the check of what was made."""

    def __init__(self, population: Population, framer: AvroFramer) -> None:
        self.population = population
        self.rng = population.rng
        self.new_id = population.new_id
        self._framer = framer
        self._schemas: dict[int, Any] = {}

    def good(self, kind: Kind, now_ms: int) -> Event:
        """A good event that is to be spoiled: of a customer of its own for a profile, of any for a fact."""
        if kind is Kind.PROFILE:
            return self.population.new_profile(now_ms)
        return self.population.unrecorded_fact(kind, self.population.a_customer_id(), now_ms)

    def record(self, event: Event, fault: str) -> Record:
        """The record of `event`, marked with the fault."""
        return record_of(event, self._framer, fault)

    def check(self, fault: Fault, records: list[Record], now_ms: int) -> None:
        """Make sure that what was made is as wrong as its fault says, and nothing else is.

        Raises:
            InjectorBroken: it is not.
        """
        for record in records:
            reasons = self.broken_rules(record, now_ms)
            quarantined = fault.outcome is Outcome.QUARANTINED and record.fault == fault.name
            if quarantined != bool(reasons) or (quarantined and reasons[0] not in fault.reasons):
                raise InjectorBroken(f"a record made for {fault.name} breaks {reasons or 'nothing'}: {record}")

    def broken_rules(self, record: Record, now_ms: int) -> list[Any]:
        """The contract's reasons against `record`."""
        if not self._schemas:
            topics = TOPIC_OF.values()
            self._schemas = {self._framer.schema_id(t): self._framer.parsed_schema(t) for t in topics}
        return broken_rules(record, now_ms, self._schemas)


Injector = Callable[[Bench, Kind, int], Made]


def _spoil(fault: str, change: Callable[[Bench, Kind, dict[str, Any], int], dict[str, Any]]) -> Injector:
    """An injector that changes fields of a good event; a changed customer_id is the record's key too."""

    def inject(bench: Bench, kind: Kind, now_ms: int) -> Made:
        event = bench.good(kind, now_ms)
        value = event.value or {}
        value = {**value, **change(bench, kind, value, now_ms)}
        return Made([bench.record(replace(event, key=value["customer_id"], value=value), fault)])

    return inject


def _garble(fault: str, change: Callable[[Bench, bytes, dict[str, Any]], bytes]) -> Injector:
    """An injector that changes the bytes of a good record, until they break the contract."""

    def inject(bench: Bench, kind: Kind, now_ms: int) -> Made:
        event = bench.good(kind, now_ms)
        record = bench.record(event, fault)
        for _ in range(MAX_TRIES):
            garbled = record._replace(value=change(bench, record.value or b"", event.value or {}))
            if bench.broken_rules(garbled, now_ms):
                return Made([garbled])
        raise InjectorBroken(f"{fault}: {MAX_TRIES} tries all kept the contract")

    return inject


def _not_framed(bench: Bench, value: bytes, row: dict[str, Any]) -> bytes:
    return bench.rng.choice((value[HEADER_BYTES:], json.dumps(row).encode(), value[: HEADER_BYTES - 2]))


def _unknown_schema_id(bench: Bench, value: bytes, _row: dict[str, Any]) -> bytes:
    return header(FIRST_UNKNOWN_SCHEMA_ID + bench.rng.randrange(UNKNOWN_SCHEMA_IDS)) + value[HEADER_BYTES:]


def _truncated(bench: Bench, value: bytes, _row: dict[str, Any]) -> bytes:
    return value[: bench.rng.randrange(HEADER_BYTES, len(value))]


def _random_bytes(bench: Bench, value: bytes, _row: dict[str, Any]) -> bytes:
    return value[:HEADER_BYTES] + bench.rng.randbytes(bench.rng.randint(1, 300))


def _null_key(bench: Bench, kind: Kind, now_ms: int) -> Made:
    return Made([bench.record(bench.good(kind, now_ms), "null_key")._replace(key=None)])


def _key_mismatch(bench: Bench, kind: Kind, now_ms: int) -> Made:
    return Made([bench.record(bench.good(kind, now_ms), "key_mismatch")._replace(key=bench.new_id().encode())])


def _null_fact(bench: Bench, kind: Kind, _now_ms: int) -> Made:
    event = Event(TOPIC_OF[kind], bench.population.a_customer_id(), None)
    return Made([bench.record(event, "null_fact")])


def _total_not_positive(bench: Bench, _kind: Kind, row: dict[str, Any], _now_ms: int) -> dict[str, Any]:
    sign = bench.rng.choice((0, -1))
    items = [{**item, "price_cents": sign * item["price_cents"]} for item in row["items"]]
    return {"items": items, "order_total_cents": sign * row["order_total_cents"]}


def _total_not_sum(bench: Bench, _kind: Kind, row: dict[str, Any], _now_ms: int) -> dict[str, Any]:
    return {"order_total_cents": row["order_total_cents"] + bench.rng.choice((1, 100, 99_999))}


def _unknown_channel(bench: Bench, _kind: Kind, _row: dict[str, Any], _now_ms: int) -> dict[str, Any]:
    return {"channel": bench.rng.choice(("fax", "EMAIL", "pigeon", ""))}


def _unknown_status(bench: Bench, _kind: Kind, _row: dict[str, Any], _now_ms: int) -> dict[str, Any]:
    return {"status": bench.rng.choice(("bounced", "Delivered", "unknown", ""))}


def _id_not_uuid(bench: Bench, kind: Kind, row: dict[str, Any], _now_ms: int) -> dict[str, Any]:
    name = bench.rng.choice(sorted({"event_id", "customer_id", ID_FIELD[kind]}))
    uuid = row[name] if name != "customer_id" else bench.new_id()
    return {name: bench.rng.choice((uuid.upper(), uuid.replace("-", ""), f"x{uuid[1:]}", f"id-{uuid[:8]}"))}


def _time_in_future(bench: Bench, kind: Kind, _row: dict[str, Any], now_ms: int) -> dict[str, Any]:
    ahead_ms = MAX_AHEAD_MS + bench.rng.randint(1, 24 * 400) * HOUR_MS
    return {bench.rng.choice(TIME_FIELDS[kind]): now_ms + ahead_ms}


def _duplicate(bench: Bench, kind: Kind, now_ms: int) -> Made:
    """An earlier fact once more: the same record, or one with its id and other content (the first counts)."""
    earlier = bench.population.a_recent_fact(kind)
    before = [] if earlier else [bench.population.new_fact(kind, now_ms)]
    first = earlier or before[0]
    again = first
    if bench.rng.random() < 0.5:
        other = bench.population.unrecorded_fact(kind, first.key, now_ms)
        again = replace(other, value={**(other.value or {}), ID_FIELD[kind]: (first.value or {})[ID_FIELD[kind]]})
    return Made([*(bench.record(event, "") for event in before), bench.record(again, "duplicate")])


def _before_profile(bench: Bench, kind: Kind, now_ms: int) -> Made:
    profile = bench.population.new_profile(now_ms)
    fact = bench.population.unrecorded_fact(kind, profile.key, now_ms)
    follows = Later(profile, bench.rng.randint(*PROFILE_FOLLOWS_AFTER), joins=True)
    return Made([bench.record(fact, "before_profile")], [follows])


def _without_profile(bench: Bench, kind: Kind, now_ms: int) -> Made:
    return Made([bench.record(bench.population.unrecorded_fact(kind, bench.new_id(), now_ms), "without_profile")])


def _late(bench: Bench, kind: Kind, now_ms: int) -> Made:
    late_ms = now_ms - int(bench.rng.uniform(*LATE_HOURS) * HOUR_MS)
    return Made(
        [bench.record(bench.population.unrecorded_fact(kind, bench.population.a_customer_id(), late_ms), "late")]
    )


def _erase(bench: Bench, _kind: Kind, now_ms: int) -> Made:
    """A customer of its own comes, and is erased later.

    It never orders: a first order makes the stage keeper publish the profile again, which could cross the erase.
    """
    profile = bench.population.new_profile(now_ms)
    activation = bench.population.unrecorded_fact(Kind.ACTIVATION, profile.key, now_ms)
    follows = Later(erase_event(profile.key), bench.rng.randint(*ERASE_FOLLOWS_AFTER), fault="erase")
    return Made([bench.record(profile, ""), bench.record(activation, "")], [follows])


INJECTORS: dict[str, Injector] = {
    "not_framed": _garble("not_framed", _not_framed),
    "unknown_schema_id": _garble("unknown_schema_id", _unknown_schema_id),
    "truncated": _garble("truncated", _truncated),
    "random_bytes": _garble("random_bytes", _random_bytes),
    "null_key": _null_key,
    "key_mismatch": _key_mismatch,
    "null_fact": _null_fact,
    "total_not_positive": _spoil("total_not_positive", _total_not_positive),
    "total_not_sum_of_items": _spoil("total_not_sum_of_items", _total_not_sum),
    "unknown_channel": _spoil("unknown_channel", _unknown_channel),
    "unknown_status": _spoil("unknown_status", _unknown_status),
    "id_not_uuid": _spoil("id_not_uuid", _id_not_uuid),
    "time_in_future": _spoil("time_in_future", _time_in_future),
    "duplicate": _duplicate,
    "before_profile": _before_profile,
    "without_profile": _without_profile,
    "late": _late,
    "erase": _erase,
}
