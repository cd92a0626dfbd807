"""Every fault of the table is made as it says, and breaks that rule alone."""

import random
import re
from collections import Counter
from io import BytesIO

import fastavro
import pytest

from contracts.faults import FAULTS, UUID_PATTERN, Fault, Kind, Outcome, Reason
from scripts.generate.day_curve import HOUR_MS
from scripts.generate.errors import InjectorBroken
from scripts.generate.faults import INJECTORS, Bench
from scripts.generate.population import Population
from scripts.generate.records import TOPIC_OF, Record
from scripts.generate.story import Story
from webapp.commands.framing import AvroFramer

NOW_MS = 1_790_000_000_000
CASES = [(fault, kind) for fault in FAULTS for kind in fault.kinds]
BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.fixture
def bench(framer: AvroFramer) -> Bench:
    population = Population(seed=7, run_id="test")
    bench = Bench(population, framer)
    for _ in range(50):
        population.next_event(NOW_MS)
    return bench


def made(bench: Bench, fault: str, kind: Kind) -> list[Record]:
    result = INJECTORS[fault](bench, kind, NOW_MS)
    return result.records


def test_every_fault_has_an_injector_and_no_other() -> None:
    assert set(INJECTORS) == set(BY_NAME)


@pytest.mark.parametrize(("fault", "kind"), CASES, ids=lambda case: getattr(case, "name", None))
def test_a_fault_breaks_its_own_rule_alone(bench: Bench, fault: Fault, kind: Kind) -> None:
    for _ in range(40):
        records = made(bench, fault.name, kind)
        bench.check(fault, records, NOW_MS)
        for record in records:
            assert record.topic in {topic.name for topic in TOPIC_OF.values()}
            if record.fault != fault.name:
                continue
            assert record.kind is kind
            reasons = bench.broken_rules(record, NOW_MS)
            if fault.outcome is not Outcome.QUARANTINED:
                assert reasons == []
            elif fault.name == "key_mismatch":
                assert reasons == [Reason.KEY_MISMATCH]
            else:
                assert reasons[0] in fault.reasons
                assert len(reasons) == 1 or fault.name in ("truncated", "random_bytes")


@pytest.mark.parametrize("kind", Kind)
def test_faulty_profiles_belong_to_customers_of_their_own(bench: Bench, kind: Kind) -> None:
    """A wrong profile must never take the place of a good one."""
    faults = [f for f in FAULTS if Kind.PROFILE in f.kinds and f.outcome is Outcome.QUARANTINED]
    wrong = [r for fault in faults for _ in range(20) for r in made(bench, fault.name, Kind.PROFILE)]
    keys = {record.key for record in wrong if record.key}
    good = {bench.population.a_customer_id().encode() for _ in range(2000)}
    assert keys
    assert not keys & good


def test_a_check_refuses_a_record_that_is_not_faulty(bench: Bench) -> None:
    event = bench.good(Kind.ORDER, NOW_MS)
    with pytest.raises(InjectorBroken, match="breaks nothing"):
        bench.check(BY_NAME["unknown_channel"], [bench.record(event, "unknown_channel")], NOW_MS)


@pytest.mark.parametrize("kind", [Kind.ORDER, Kind.ACTIVATION])
def test_a_duplicate_repeats_an_id_of_the_same_customer(bench: Bench, kind: Kind) -> None:
    seen = {}
    for _ in range(200):
        event = bench.population.new_fact(kind, NOW_MS)
        seen[(event.value or {})[f"{kind.value}_id"]] = event.key
    again = [record for _ in range(60) for record in made(bench, "duplicate", kind)]
    assert all(record.entity_id in seen or record.key for record in again)
    of_known = [record for record in again if record.entity_id in seen]
    assert of_known
    assert all(record.key == seen[record.entity_id].encode() for record in of_known)
    assert len({record.event_id for record in again}) > len({record.entity_id for record in again}), "other content too"


def test_a_first_duplicate_brings_its_original(framer: AvroFramer) -> None:
    empty = Bench(Population(1, "r"), framer)
    first, again = made(empty, "duplicate", Kind.ORDER)
    assert (first.fault, again.fault) == ("", "duplicate")
    assert first.entity_id == again.entity_id
    assert first.key == again.key


def test_a_profile_follows_the_order_that_came_before_it(bench: Bench) -> None:
    result = INJECTORS["before_profile"](bench, Kind.ORDER, NOW_MS)
    (order,), (later,) = result.records, result.later
    assert later.event.key.encode() == order.key
    assert later.event.value is not None


def test_an_erased_customer_had_a_profile_and_no_order(bench: Bench) -> None:
    result = INJECTORS["erase"](bench, Kind.PROFILE, NOW_MS)
    (later,) = result.later
    assert [record.kind for record in result.records] == [Kind.PROFILE, Kind.ACTIVATION]
    assert {record.key for record in result.records} == {later.event.key.encode()}
    assert later.event.value is None
    assert later.fault == "erase"
    assert not later.joins


def test_a_late_event_is_hours_older_than_its_record(bench: Bench, framer: AvroFramer) -> None:
    (event_time_ms,) = {
        _decoded(record, framer)["occurred_at_ms"] for record in made(bench, "late", Kind.ORDER) if record.value
    }
    assert NOW_MS - event_time_ms > 24 * HOUR_MS


def test_a_run_injects_each_fault_equally_often(framer: AvroFramer) -> None:
    story = Story(seed=3, run_id="r", bad=0.2, framer=framer)
    records = [record for _ in range(4000) for record in story.next_records(NOW_MS)] + list(story.last_records())
    in_records = Counter(record.fault for record in records if record.fault)
    assert set(in_records) == set(BY_NAME)
    assert max(story.injected.values()) - min(story.injected.values()) <= 1
    assert in_records == story.injected
    assert 0.15 < story.injected.total() / 4000 < 0.25


def test_no_profile_of_an_erased_customer_follows(framer: AvroFramer) -> None:
    story = Story(seed=5, run_id="r", bad=0.3, framer=framer)
    records = [record for _ in range(6000) for record in story.next_records(NOW_MS)] + list(story.last_records())
    erased_at = {record.key: at for at, record in enumerate(records) if record.fault == "erase"}
    assert erased_at
    later = [r for at, r in enumerate(records) if at > erased_at.get(r.key, len(records)) and r.kind is Kind.PROFILE]
    assert later == []
    assert all(any(r.key == key and r.value for r in records[:at]) for key, at in erased_at.items())


def test_facts_come_after_their_profile_unless_they_are_faults(framer: AvroFramer) -> None:
    story = Story(seed=9, run_id="r", bad=0.1, framer=framer)
    with_profile: set[bytes | None] = set()
    for record in (record for _ in range(4000) for record in story.next_records(NOW_MS)):
        if record.kind is Kind.PROFILE:
            with_profile.add(record.key)
        elif not record.fault:
            assert record.key in with_profile


def test_without_faults_every_record_keeps_the_contract(framer: AvroFramer) -> None:
    story = Story(seed=2, run_id="r", bad=0.0, framer=framer)
    bench = Bench(Population(0, "x"), framer)
    for _ in range(2000):
        (record,) = story.next_records(NOW_MS)
        assert bench.broken_rules(record, NOW_MS) == []
        assert record.fault == ""
        assert all(re.fullmatch(UUID_PATTERN, value) for value in (record.entity_id, record.event_id))
        assert (record.key or b"").decode() == record.customer_id


def test_random_bytes_that_keep_the_contract_are_not_passed_off_as_a_fault(framer: AvroFramer) -> None:
    """The check reads the bytes: a good record's bytes under the same name are found out."""
    bench = Bench(Population(1, "r"), framer)
    good = bench.record(bench.good(Kind.ACTIVATION, NOW_MS), "random_bytes")
    with pytest.raises(InjectorBroken):
        bench.check(BY_NAME["random_bytes"], [good], NOW_MS)
    noise = good._replace(value=(good.value or b"")[:5] + random.Random(1).randbytes(50))
    bench.check(BY_NAME["random_bytes"], [noise], NOW_MS)


def _decoded(record: Record, framer: AvroFramer) -> dict[str, int]:
    schema = framer.parsed_schema(TOPIC_OF[record.kind])
    row = fastavro.schemaless_reader(BytesIO((record.value or b"")[5:]), schema, None)
    assert isinstance(row, dict)
    return row
