"""One measurement: how many tickets, or records, in how long, how long each took, and whose CPU it cost."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

MOST_OF_THE_MACHINE = 0.60
"""A lab that used more than this share of the machine's CPU says nothing about the broker."""

MOST_OF_ONE_INTERPRETER = 0.90
"""A lab process that used more than this share of one CPU was itself what was measured."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles, and the longest of all, in milliseconds."""

    p50: float
    p90: float
    p99: float
    longest: float

    @classmethod
    def of(cls, microseconds: Sequence[int]) -> "Latency":
        """The nearest rank of each. Raises ValueError where nothing was measured."""
        if not microseconds:
            raise ValueError("no ticket came")
        ordered = sorted(microseconds)
        return cls(*(_percentile(ordered, share) / 1000 for share in (0.50, 0.90, 0.99, 1.0)))


def _percentile(ordered: Sequence[int], share: float) -> int:
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back on connections that each asked again as soon as they had their answer."""

    tickets: int
    failed: int
    rate: float
    """Tickets per second: the sum over the connections, each over its own time from the first request
    to the last answer, so that the window's edges count neither for nor against long answers."""
    latency: Latency

    @classmethod
    def of_loops(cls, loops: Sequence[tuple[float, Sequence[int]]], failed: int) -> "Answers":
        """From each connection's seconds and microseconds. Raises ValueError where no ticket came."""
        taken = [each for _, latencies in loops for each in latencies]
        rate = sum(len(latencies) / seconds for seconds, latencies in loops if latencies)
        return cls(len(taken), failed, rate, Latency.of(taken))


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds of each side in so many seconds; `labs` holds those of each lab process."""

    seconds: float
    cores: int
    labs: tuple[float, ...]
    load: float
    broker: float

    @property
    def lab_share(self) -> float:
        """The labs' share of all CPUs of the machine, 0 to 1."""
        return sum(self.labs) / (self.seconds * self.cores)

    @property
    def busiest_lab(self) -> float:
        """The share of one CPU, 0 to 1, that the busiest of them used; 0 where none takes part."""
        return max(self.labs, default=0.0) / self.seconds


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one side did in one window."""

    side: str
    concurrency: int
    answers: Answers
    cpu: Cpu

    @property
    def void(self) -> str | None:
        """Why this measurement says nothing about what it should; None where it does."""
        failed, cpu = self.answers.failed, self.cpu
        if failed:
            return f"{failed} of {self.answers.tickets + failed} answers were no tickets"
        if cpu.lab_share > MOST_OF_THE_MACHINE:
            return f"the lab used {cpu.lab_share:.0%} of the CPU"
        if cpu.busiest_lab > MOST_OF_ONE_INTERPRETER:
            return f"one lab process used {cpu.busiest_lab:.0%} of a CPU"
        return None

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"lab_share": self.cpu.lab_share, "void": self.void}
