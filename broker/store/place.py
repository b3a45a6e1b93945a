"""The room that a store has left, and how much of it each write must leave."""

from dataclasses import dataclass
from enum import Enum

from broker.errors import LogUnavailable, Trouble


class Reserve(Enum):
    """How much of the disk reserve must be free for a write to begin, as a part of the whole.

    Refusals stop where the reserve begins, so a flood of them cannot keep an intent from its
    record; intents stop in its middle, so the outcomes of running ones always land.
    """

    UNTOUCHED = 1.0
    HALF = 0.5
    NONE = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on the store's disk, and the reserve that is kept there."""

    store: str
    free_bytes: int
    reserve_bytes: int

    def check(self, reserve: Reserve) -> None:
        """Whether a write may begin that leaves so much of the reserve. Raises LogUnavailable."""
        if self.free_bytes < self.reserve_bytes * reserve.value:
            raise LogUnavailable(
                f"the disk of the store {self.store} is full up to its reserve", Trouble.DISK_RESERVE
            )
