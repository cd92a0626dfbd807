"""A seed fixes the shape of a run; a run's id makes its ids its own."""

import re
from collections import Counter

from contracts.faults import UUID_PATTERN, Kind
from scripts.generate.day_curve import DAY_MS, HOUR_MS, WEIGHT_OF_HOUR, time_on_the_curve
from scripts.generate.ids import IdSource
from scripts.generate.population import Population
from scripts.generate.records import Record
from scripts.generate.story import Story
from webapp.commands.framing import AvroFramer

NOW_MS = 1_790_000_000_000


def records(framer: AvroFramer, seed: int, run_id: str, bad: float = 0.05) -> list[Record]:
    story = Story(seed, run_id, bad, framer)
    return [record for _ in range(1500) for record in story.next_records(NOW_MS)] + list(story.last_records())


def shape(some: list[Record]) -> list[tuple[str, Kind, str, int]]:
    return [(record.topic, record.kind, record.fault, len(record.value or b"")) for record in some]


def test_the_same_seed_and_run_give_the_same_records(framer: AvroFramer) -> None:
    assert records(framer, 1, "a") == records(framer, 1, "a")


def test_another_run_has_the_same_shape_and_new_ids(framer: AvroFramer) -> None:
    one, other = records(framer, 1, "a", bad=0), records(framer, 1, "b", bad=0)
    assert shape(one) == shape(other)
    assert not {record.event_id for record in one} & {record.event_id for record in other}
    assert not {record.customer_id for record in one} & {record.customer_id for record in other}


def test_another_seed_has_another_shape(framer: AvroFramer) -> None:
    assert shape(records(framer, 1, "a")) != shape(records(framer, 2, "a"))


def test_ids_are_uuids_and_differ() -> None:
    source = IdSource(1, "run")
    ids = [source() for _ in range(5000)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(UUID_PATTERN, id_) for id_ in ids)


def test_old_and_new_customers_are_mixed_and_old_ones_are_busier(framer: AvroFramer) -> None:
    some = records(framer, 4, "a", bad=0)
    kinds = Counter(record.kind for record in some)
    assert 0.08 < kinds[Kind.PROFILE] / len(some) < 0.2
    assert kinds[Kind.ORDER] > kinds[Kind.ACTIVATION] * 0.8
    orders = Counter(record.customer_id for record in some if record.kind is Kind.ORDER)
    assert orders.most_common(1)[0][1] >= 5 * sorted(orders.values())[len(orders) // 2]


def test_the_population_stays_bounded() -> None:
    population = Population(1, "a")
    for _ in range(50_100):
        population.join(population.new_id())
    assert len(population._customers) == 50_000


def test_event_times_follow_the_day_and_are_never_ahead() -> None:
    rng = Population(1, "a").rng
    times = [time_on_the_curve(rng, NOW_MS) for _ in range(20_000)]
    assert all(NOW_MS - DAY_MS < time <= NOW_MS for time in times)
    hours = Counter(time % DAY_MS // HOUR_MS for time in times)
    busiest = WEIGHT_OF_HOUR.index(max(WEIGHT_OF_HOUR))
    assert hours[busiest] > 8 * hours[3]
