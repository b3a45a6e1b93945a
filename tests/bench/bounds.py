"""What the figures are held to."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.bench.figures import Figure


class Sense(StrEnum):
    """Which side of the limit is good."""

    AT_MOST = "<="
    AT_LEAST = ">="


class Verdict(StrEnum):
    """What came of a bound. A figure that is void does not meet its bound."""

    MET = "met"
    MISSED = "missed"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Bound:
    """One promise, on the figure of that key."""

    figure: str
    sense: Sense
    limit: float

    def verdict(self, value: float | None) -> Verdict:
        """Whether this value keeps it."""
        if value is None:
            return Verdict.VOID
        kept = value <= self.limit if self.sense is Sense.AT_MOST else value >= self.limit
        return Verdict.MET if kept else Verdict.MISSED

    def told(self) -> str:
        """In words."""
        return f"{self.sense} {self.limit:g}"


BOUNDS = (
    Bound("a", Sense.AT_MOST, 2.5),
    Bound("b.32", Sense.AT_LEAST, 0.5),
    Bound("b.128.tail", Sense.AT_MOST, 5.0),
    Bound("c.1", Sense.AT_LEAST, 25.0),
    Bound("c.8", Sense.AT_LEAST, 25.0),
    Bound("d", Sense.AT_LEAST, 0.85),
    Bound("e.50", Sense.AT_MOST, 2.0),
    Bound("e.memory", Sense.AT_MOST, 150.0),
    Bound("f.hosts", Sense.AT_MOST, 1.15),
    Bound("f.apps", Sense.AT_MOST, 1.15),
    Bound("f.grants", Sense.AT_MOST, 1.15),
    Bound("g", Sense.AT_MOST, 1.0),
    Bound("h", Sense.AT_MOST, 5.0),
    Bound("h.again", Sense.AT_MOST, 5.0),
    Bound("i", Sense.AT_MOST, 2.0),
    Bound("j.longest", Sense.AT_MOST, 1_000.0),
    Bound("k", Sense.AT_MOST, 2.0),
    Bound("k.tail", Sense.AT_MOST, 8.0),
    Bound("l.longest", Sense.AT_MOST, 1_000.0),
    Bound("m.verify", Sense.AT_MOST, 6.0),
    Bound("m.report", Sense.AT_MOST, 300.0),
    Bound("m.proof", Sense.AT_MOST, 1.0),
)
"""Flat is a cost per ticket that grows by at most 15 % when something grows tenfold: two runs of the same
differ by less."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A bound held against what was measured."""

    bound: Bound
    name: str
    value: float | None

    @property
    def verdict(self) -> Verdict:
        """What came of it."""
        return self.bound.verdict(self.value)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "figure": self.bound.figure,
            "name": self.name,
            "bound": self.bound.told(),
            "value": self.value,
            "verdict": self.verdict,
        }


def judged(figures: Sequence[Figure], bounds: Sequence[Bound] = BOUNDS) -> list[Judged]:
    """Every bound whose figure was measured."""
    measured = {figure.key: figure for figure in figures}
    return [
        Judged(bound, measured[bound.figure].name, measured[bound.figure].value)
        for bound in bounds
        if bound.figure in measured
    ]
