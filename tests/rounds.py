"""Work of many threads while time goes on: no thread is too slow for a clock that the test turns on between rounds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime


class Clock:
    """Gives the time; it stands still until it is set."""

    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now


def in_rounds(work, clock, step, rounds, threads=8):
    """Do ``work(number)`` for each thread at once, again and again; the clock goes on when nothing is under way.

    Args:
        work: done by each thread once in each round, given its number.
        clock: a `Clock`.
        step: how much later the next round is, a `timedelta`.
        rounds: how many there are.
        threads: how many work at once.
    """
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            list(pool.map(work, range(threads)))
            clock.now += step
