"""When people order: few at night, a rise over the day, a peak in the evening (hours in UTC)."""

import random
from itertools import accumulate

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEIGHT_OF_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 14, 15, 13, 12, 12, 13, 15, 18, 20, 19, 14, 8, 4)
_CUM_WEIGHTS = tuple(accumulate(WEIGHT_OF_HOUR))
_HOURS = range(24)


def time_on_the_curve(rng: random.Random, now_ms: int) -> int:
    """A time of the last 24 hours before `now_ms`, in ms, as likely as its hour of the day is busy."""
    of_day_ms = rng.choices(_HOURS, cum_weights=_CUM_WEIGHTS)[0] * HOUR_MS + int(rng.random() * HOUR_MS)
    time_ms = now_ms - now_ms % DAY_MS + of_day_ms
    return time_ms if time_ms <= now_ms else time_ms - DAY_MS
