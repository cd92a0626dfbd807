"""What can be wrong with a record, as data: it drives the generator, the quarantine, the audit and the tests."""

from dataclasses import dataclass
from enum import Enum, unique

CHANNELS = ("email", "sms", "push", "in_app")
STATUSES = ("delivered", "failed")
CURRENCIES = ("USD",)
MAX_AHEAD_MS = 24 * 3600 * 1000
"""How far an event's time may lie after the time of its record. Beyond, the clock of the sender is wrong."""
UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

REPLAYED_FROM = "replayed-from"
"""The header of a mended record: the `topic:partition:offset` of the quarantined record that it replaces."""


@unique
class Outcome(str, Enum):
    """Where a faulty record ends."""

    QUARANTINED = "quarantined"
    KEPT = "kept"
    ERASED = "erased"


@unique
class Reason(str, Enum):
    """Why a record is in quarantine: the value of the quarantine table's `reason` column.

    A record has the first reason that holds, in this order.
    """

    NULL_KEY = "null_key"
    NULL_VALUE = "null_value"
    NOT_FRAMED = "not_framed"
    UNKNOWN_SCHEMA_ID = "unknown_schema_id"
    UNDECODABLE = "undecodable"
    KEY_MISMATCH = "key_mismatch"
    ID_NOT_UUID = "id_not_uuid"
    TIME_IN_FUTURE = "time_in_future"
    TOTAL_NOT_POSITIVE = "total_not_positive"
    TOTAL_NOT_SUM_OF_ITEMS = "total_not_sum_of_items"
    UNKNOWN_CURRENCY = "unknown_currency"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_STATUS = "unknown_status"


@unique
class Kind(str, Enum):
    """The kinds of record a fault can be injected into."""

    PROFILE = "profile"
    ORDER = "order"
    ACTIVATION = "activation"


@dataclass(frozen=True)
class Fault:
    """A fault the generator can inject, and what must become of the record.

    `reasons` are the quarantine reasons it may end with: random bytes can look like several of them.
    """

    name: str
    what: str
    kinds: tuple[Kind, ...]
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()


_ALL = (Kind.PROFILE, Kind.ORDER, Kind.ACTIVATION)
_FACTS = (Kind.ORDER, Kind.ACTIVATION)
_CONTRACT_RULES = tuple(Reason)[5:]

FAULTS: tuple[Fault, ...] = (
    Fault("not_framed", "no schema id before the value", _ALL, Outcome.QUARANTINED, (Reason.NOT_FRAMED,)),
    Fault(
        "unknown_schema_id",
        "a schema id the registry does not know",
        _ALL,
        Outcome.QUARANTINED,
        (Reason.UNKNOWN_SCHEMA_ID,),
    ),
    Fault("truncated", "the value ends too early", _ALL, Outcome.QUARANTINED, (Reason.UNDECODABLE, *_CONTRACT_RULES)),
    Fault(
        "random_bytes",
        "a right schema id before random bytes",
        _ALL,
        Outcome.QUARANTINED,
        (Reason.UNDECODABLE, *_CONTRACT_RULES),
    ),
    # The profile topic is compacted: the broker itself refuses a record without a key there.
    Fault("null_key", "a record without a key", _FACTS, Outcome.QUARANTINED, (Reason.NULL_KEY,)),
    Fault("key_mismatch", "the key is not the value's customer_id", _ALL, Outcome.QUARANTINED, (Reason.KEY_MISMATCH,)),
    Fault("null_fact", "a null order or activation", _FACTS, Outcome.QUARANTINED, (Reason.NULL_VALUE,)),
    Fault(
        "total_not_positive", "a total of 0 or less", (Kind.ORDER,), Outcome.QUARANTINED, (Reason.TOTAL_NOT_POSITIVE,)
    ),
    Fault(
        "total_not_sum_of_items",
        "a total that is not the sum of the items",
        (Kind.ORDER,),
        Outcome.QUARANTINED,
        (Reason.TOTAL_NOT_SUM_OF_ITEMS,),
    ),
    Fault(
        "unknown_channel",
        "a channel that is not in the list",
        (Kind.ACTIVATION,),
        Outcome.QUARANTINED,
        (Reason.UNKNOWN_CHANNEL,),
    ),
    Fault(
        "unknown_status",
        "a status that is not in the list",
        (Kind.ACTIVATION,),
        Outcome.QUARANTINED,
        (Reason.UNKNOWN_STATUS,),
    ),
    Fault("id_not_uuid", "an id that is not a UUID", _ALL, Outcome.QUARANTINED, (Reason.ID_NOT_UUID,)),
    Fault("time_in_future", "an event time far in the future", _ALL, Outcome.QUARANTINED, (Reason.TIME_IN_FUTURE,)),
    Fault("duplicate", "the same order or activation once more", _FACTS, Outcome.KEPT),
    Fault("before_profile", "an order or activation before its customer's profile", _FACTS, Outcome.KEPT),
    Fault("without_profile", "an order or activation whose customer never gets a profile", _FACTS, Outcome.KEPT),
    Fault("late", "an event time hours before its record's", _FACTS, Outcome.KEPT),
    Fault("erase", "a null profile", (Kind.PROFILE,), Outcome.ERASED),
)
