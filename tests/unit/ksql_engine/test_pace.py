"""When queries commit."""

from ksql_engine.runtime.pace import BATCHES_IN_HAND, CHANGES_IN_HAND, Pace


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_event_passes_at_once() -> None:
    clock = Clock()
    assert Pace(2.0, clock).next_commit <= clock.now


def test_a_query_rests_twice_as_long_as_its_commit_took() -> None:
    clock = Clock()
    pace = Pace(2.0, clock)
    pace.committing()
    clock.now += 0.01
    pace.committed()
    assert pace.next_commit == clock.now + 2 * (clock.now - 100.0)


def test_a_slow_commit_makes_no_query_rest_longer_than_the_interval() -> None:
    clock = Clock()
    pace = Pace(2.0, clock)
    pace.committing()
    clock.now += 30
    pace.committed()
    assert pace.next_commit == clock.now + 2.0


def test_behind_a_commit_waits_for_the_interval() -> None:
    clock = Clock()
    pace = Pace(2.0, clock)
    assert pace.can_wait(1, 1)
    clock.now += 2.0
    assert not pace.can_wait(1, 1)
    pace.committing()
    pace.committed()
    assert pace.can_wait(1, 1)


def test_behind_a_commit_comes_early_when_much_is_in_hand() -> None:
    assert not Pace(2.0, Clock()).can_wait(BATCHES_IN_HAND, 1)


def test_behind_a_commit_comes_early_when_many_keys_have_changed() -> None:
    assert Pace(2.0, Clock()).can_wait(1, CHANGES_IN_HAND - 1)
    assert not Pace(2.0, Clock()).can_wait(1, CHANGES_IN_HAND)
