"""One measurement: how many tickets in how long, how long each took, and whose CPU it cost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MOST_OF_THE_MACHINE = 0.60
"""A lab that used more than this share of the machine's CPU says nothing about the broker."""

MOST_OF_ONE_INTERPRETER = 0.90
"""A lab process that used more than this share of one CPU was itself what was measured."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds."""

    p50: float
    p90: float
    p99: float

    @classmethod
    def of_histogram(cls, counts: Mapping[int, int]) -> "Latency":
        """From how often each number of microseconds was seen."""
        ordered = sorted(counts.items())
        return cls(*(_percentile(ordered, share) / 1000 for share in (0.50, 0.90, 0.99)))


def _percentile(ordered: Sequence[tuple[int, int]], share: float) -> int:
    rank = max(1, math.ceil(share * sum(count for _, count in ordered)))
    for value, count in ordered:
        rank -= count
        if rank <= 0:
            return value
    raise ValueError("no answers were counted")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one side did in one window. `labs` holds the CPU seconds of each lab process."""

    side: str
    concurrency: int
    tickets: int
    failed: int
    seconds: float
    latency: Latency
    labs: tuple[float, ...]
    load: float
    broker: float
    cores: int

    @property
    def rate(self) -> float:
        """Tickets per second."""
        return self.tickets / self.seconds

    @property
    def lab_share(self) -> float:
        """The lab's share of all CPUs of the machine, 0 to 1."""
        return sum(self.labs) / (self.seconds * self.cores)

    @property
    def void(self) -> str | None:
        """Why this measurement says nothing about what it should; None where it does."""
        if self.failed:
            return f"{self.failed} of {self.tickets + self.failed} answers were no tickets"
        if self.lab_share > MOST_OF_THE_MACHINE:
            return f"the lab used {self.lab_share:.0%} of the machine"
        if (busiest := max(self.labs) / self.seconds) > MOST_OF_ONE_INTERPRETER:
            return f"one lab process used {busiest:.0%} of a CPU"
        return None

    def document(self) -> dict[str, Any]:
        """For JSON."""
        derived = {"per_second": self.rate, "lab_share": self.lab_share, "void": self.void}
        return asdict(self) | derived


@dataclass(frozen=True, slots=True)
class Sample:
    """One round's figure and what it was made of."""

    value: float
    parts: tuple[Measurement, ...] = ()

    @property
    def void(self) -> str | None:
        """The first reason for which a part is void."""
        return next((part.void for part in self.parts if part.void), None)
