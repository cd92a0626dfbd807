"""The pacer, with a clock that the test moves."""

from scripts.generate.pacing import BATCH, MAX_BEHIND_S, Pacer


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_records_are_spread_evenly() -> None:
    clock = Clock()
    pacer = Pacer(rate=200, duration_s=2, clock=clock)
    per_tick = []
    while not pacer.is_over():
        due = pacer.due()
        per_tick.append(due)
        pacer.sent(due)
        clock.now_s += 0.05
    assert sum(per_tick) == 400
    assert per_tick[0] == 0
    assert set(per_tick[1:-1]) <= {9, 10, 11}


def test_it_waits_just_until_the_next_record() -> None:
    clock = Clock()
    pacer = Pacer(rate=10, duration_s=0, clock=clock)
    assert 0.09 < pacer.wait_s() <= 0.1
    clock.now_s += 0.1001
    assert pacer.due() == 1
    assert pacer.wait_s() == 0.0


def test_a_long_stop_is_not_made_up_for_with_a_burst() -> None:
    clock = Clock()
    pacer = Pacer(rate=100, duration_s=0, clock=clock)
    clock.now_s += 60
    assert pacer.due() == 100 * MAX_BEHIND_S
    pacer.sent(pacer.due())
    assert pacer.due() == 0
    clock.now_s += 1
    assert pacer.due() == 100


def test_without_a_rate_it_goes_as_fast_as_it_can_until_the_time_is_over() -> None:
    clock = Clock()
    pacer = Pacer(rate=0, duration_s=3, clock=clock)
    assert pacer.due() == BATCH
    assert pacer.wait_s() == 0.0
    clock.now_s += 3
    assert pacer.is_over()


def test_without_a_duration_it_never_ends() -> None:
    clock = Clock()
    pacer = Pacer(rate=5, duration_s=0, clock=clock)
    clock.now_s += 1_000_000
    assert not pacer.is_over()


def test_a_rate_below_one_still_sends() -> None:
    clock = Clock()
    pacer = Pacer(rate=0.1, duration_s=0, clock=clock)
    clock.now_s += 10.01
    assert pacer.due() == 1
