"""wrk's histogram, without what wrk adds to it.

After a run wrk adds, for each answer that took more than twice the mean time between one connection's
answers, the answers that a client on a fixed schedule would have waited for (`stats_correct` in its
stats.c). The load here has no schedule: it asks when it has its answer, as the bare client does, so
both sides are to be read alike. What was added is known exactly and is taken off again.
"""

from collections.abc import Mapping


def as_measured(corrected: Mapping[int, int], interval_us: int) -> dict[int, int]:
    """The answers that were counted, by microseconds; `interval_us` is the mean that wrk went by.

    Raises ValueError where wrk cannot have made these numbers.
    """
    left = dict(corrected)
    for value in sorted(corrected, reverse=True):
        if value < 2 * interval_us or not (count := left.get(value, 0)):
            continue
        for added in range(value - interval_us, interval_us, -interval_us):
            left[added] = left.get(added, 0) - count
    if any(count < 0 for count in left.values()):
        raise ValueError("wrk's histogram is not what its correction makes")
    return {value: count for value, count in left.items() if count}
